"""Written poses: a classifier of skeletons that has seen no photograph, only bodies bent by `poses.yaml`.

Bodies of every pose, with jitter and proportions of their own, are looked at by the cameras a photographer would choose
and by some more; their joints are spoilt the way BlazePose spoils them; a small network learns which pose they are. It
then answers for the joints that BlazePose finds in a photograph. A new pose is an entry in the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from yogalib.models.skeleton import JOINTS, features, network, predict, train
from yogalib.profile import Written
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import POSES_FILE, Pose, read_poses, sample_angles, written_entries
from yogalib.synthetic.skeleton import ANGLE, JOINT, Bodies, Postures, sample_proportions, with_angles

KEPT = "model.safetensors"
PORTION = 50  # bodies of each pose that are drawn at a time: of more, memory would be large
NOSE = 0.10  # metres from between the ears to the tip of the nose
KNUCKLE = 0.55  # of the way from wrist to finger tip: where BlazePose's hand is
SOLE = 0.07  # metres: BlazePose has the ankle so much higher above the foot than the drawn body
FLAT = 0.55  # metres: a body lower than this lies on the floor, and is looked at from above
_SWAPS = ([4, 6, 8], [12, 14, 16, 18], [2, 4, 6, 8, 10, 12, 14, 16, 18])  # left joints of arm, leg, whole body


@dataclass(frozen=True)
class Spoil:
    """What BlazePose gets wrong, as a simulation: lengths in metres, shares of bodies.

    jitter : degrees at every joint. across, depth : errors in the picture and away
    from it. hidden : share of joints with four times the error. swapped : of arms, legs, bodies with left for right.
    stiff : most that knees and elbows fold less, a share. slack : degrees that elbows bend more.
    squash : range of factors on depth. around : share of cameras anywhere. spread : degrees about the pose's own range.
    """

    jitter: float = 6.0
    stiff: float = 0.2
    slack: float = 20.0
    across: float = 0.025
    depth: float = 0.06
    hidden: float = 0.06
    swapped: float = 0.06
    squash: tuple[float, float] = (0.5, 1.1)
    around: float = 0.15
    spread: float = 15.0


def simulate(
    poses: Mapping[str, Pose], each: int, rng: np.random.Generator, spoil: Spoil = Spoil()
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw `each` skeletons of every pose as BlazePose would find them.

    Returns
    -------
    picture, world, numbers : (N, 20, 2), (N, 20, 3) as in `skeleton`, and the pose's place in `poses`, (N,).
    """
    drawn = [sample_angles(pose, rng, each, spoil.jitter) for pose in poses.values()]
    names = ("angles", "reach", "support", "view")
    postures = Postures(*(np.concatenate([getattr(part, name) for part in drawn]) for name in names))
    return *found_on(postures, rng, spoil), np.repeat(np.arange(len(poses)), each)


def found_on(postures: Postures, rng: np.random.Generator, spoil: Spoil) -> tuple[np.ndarray, np.ndarray]:
    """Draw the skeletons that BlazePose would find on bodies in N postures: picture (N, 20, 2) and world (N, 20, 3)."""
    postures = with_angles(postures, _stiffen(postures.angles, rng, spoil))
    joints = landmarks_on(pose_bodies(postures, sample_proportions(rng, len(postures))))
    picture, world = see(joints, *_cameras(rng, postures.view, joints[..., 1].max(axis=1) < FLAT, spoil))
    return _spoil(rng, picture, world, spoil)


def _stiffen(angles: np.ndarray, rng: np.random.Generator, spoil: Spoil) -> np.ndarray:
    """Return angles (N, A) as BlazePose sees them: joints not folded all the way, arms not quite straight."""
    angles = angles.copy()
    bent = [ANGLE[f"{side}_{joint}_flexion"] for side in "lr" for joint in ("knee", "elbow")]
    angles[:, bent] *= rng.uniform(1 - spoil.stiff, 1, (len(angles), len(bent)))
    angles[:, bent[1::2]] += np.abs(spoil.slack * rng.standard_normal((len(angles), 2)))
    return angles


def landmarks_on(bodies: Bodies) -> np.ndarray:
    """Return the joints (N, 20, 3) of bodies where BlazePose has its landmarks, metres, y up."""
    at = {name: bodies.joints[:, index] for name, index in JOINT.items()}
    at["nose"] = at["head"] + NOSE * bodies.face
    for side in "lr":
        shin = at[f"{side}_ankle"] - at[f"{side}_knee"]
        for part in ("toe", "heel"):
            at[f"{side}_{part}"] = at[f"{side}_{part}"] + SOLE * shin / np.linalg.norm(shin, axis=1, keepdims=True)
        at[f"{side}_hand"] = at[f"{side}_wrist"] + KNUCKLE * (at[f"{side}_hand"] - at[f"{side}_wrist"])
    return np.stack([at[name] for name in JOINTS], axis=1)


def _cameras(rng: np.random.Generator, view: np.ndarray, flat: np.ndarray, spoil: Spoil) -> tuple[np.ndarray, ...]:
    """Draw azimuth, elevation, roll in radians and distance in metres, (N,) each, for views (N, 2) in degrees."""
    n = len(view)
    azimuth = rng.uniform(view[:, 0], view[:, 1]) + spoil.spread * rng.standard_normal(n)
    azimuth = np.where(rng.random(n) < spoil.around, rng.uniform(-180, 180, n), azimuth)
    elevation = np.where(flat, rng.uniform(0, 35, n), 6 + 8 * rng.standard_normal(n))
    elevation = np.where(rng.random(n) < 0.05, rng.uniform(20, 70, n), elevation).clip(-15, 80)
    return np.deg2rad(azimuth), np.deg2rad(elevation), np.deg2rad(3 * rng.standard_normal(n)), rng.uniform(2.2, 8, n)


def see(
    joints: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray, roll: np.ndarray, distance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Look at joints (N, J, 3), metres, y up, by a camera each (radians, metres): picture (N, J, 2), world (N, J, 3)."""
    (cos_a, cos_e, cos_r), (sin_a, sin_e, sin_r) = (
        [turn(angle)[:, None] for angle in (azimuth, elevation, roll)] for turn in (np.cos, np.sin)
    )
    x, y, z = np.moveaxis(joints - _middle(joints), 2, 0)
    right, ahead = cos_a * x - sin_a * z, sin_a * x + cos_a * z
    up, toward = cos_e * y - sin_e * ahead, sin_e * y + cos_e * ahead
    right, up = cos_r * right + sin_r * up, cos_r * up - sin_r * right
    return _perspective(right, up, toward, distance[:, None])


def project(joints: np.ndarray, turn: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Look at joints as `see` does, by cameras whose right, up and back are given: turn (N, 3, 3), distance (N,)."""
    right, up, toward = np.einsum("nij,nkj->ink", turn, joints - _middle(joints))
    return _perspective(right, up, toward, distance[:, None])


def _middle(joints: np.ndarray) -> np.ndarray:
    return (joints.min(1, keepdims=True) + joints.max(1, keepdims=True)) / 2


def _perspective(right: np.ndarray, up: np.ndarray, toward: np.ndarray, distance: np.ndarray) -> tuple:
    scale = distance / (distance - toward)
    return np.stack([scale * right, -scale * up], axis=2), np.stack([right, -up, -toward], axis=2)


def _spoil(rng: np.random.Generator, picture: np.ndarray, world: np.ndarray, spoil: Spoil) -> tuple:
    """Add to skeletons the errors of a detector: places, depth, hidden joints, left for right."""
    n, joints = world.shape[:2]
    worse = rng.lognormal(0, 0.5, (n, 1, 1)) * np.where(rng.random((n, joints, 1)) < spoil.hidden, 4, 1)
    error = spoil.across * worse * rng.standard_normal((n, joints, 2))
    picture, world = picture + error, world.copy()
    world[..., :2] += error
    far = spoil.depth * rng.lognormal(0, 0.5, (n, 1)) * rng.standard_normal((n, joints))
    world[..., 2] = rng.uniform(*spoil.squash, (n, 1)) * world[..., 2] + far
    for left in _SWAPS:
        rows = np.flatnonzero(rng.random(n) < spoil.swapped)[:, None]
        both, other = [j for i in left for j in (i, i + 1)], [j for i in left for j in (i + 1, i)]
        picture[rows, both], world[rows, both] = picture[rows, other], world[rows, other]
    return picture, world


def train_on_writing(
    poses: Mapping[str, Pose], settings: Written, spoil: Spoil = Spoil()
) -> tuple[nn.Module, list[float]]:
    """Train a network to tell written poses apart, on bodies drawn anew in each epoch; return it, and each epoch's loss.

    It answers with the place of a pose in `poses`.
    """
    rng = np.random.default_rng(settings.seed)
    portions = [PORTION] * (settings.bodies // PORTION) + [settings.bodies % PORTION]

    def draw() -> tuple[np.ndarray, np.ndarray]:
        drawn = [simulate(poses, each, rng, spoil) for each in portions if each]
        return np.concatenate([features(*seen) for *seen, _ in drawn]), np.concatenate([part[2] for part in drawn])

    torch.manual_seed(settings.seed)  # the first weights too
    model = network(len(poses))
    return model, train(model, draw, epochs=settings.epochs, seed=settings.seed)


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks): learn the poses of the training rows, and name those of other bodies."""
    entries = written_entries(None if ask.source.folder == POSES_FILE else ask.source.folder)
    poses = read_poses(dict(entries[number] for number in ask.classes))
    model, losses = train_on_writing(poses, ask.settings)
    save_file(model.state_dict(), folder / KEPT)
    epochs = range(1, len(losses) + 1)
    pd.DataFrame({"epoch": epochs, "loss": losses}).to_csv(folder / "history.csv", index=False)
    others = np.random.default_rng([ask.settings.seed, 1])
    *seen, _ = simulate(poses, len(ask.test) // len(poses), others)
    return (predict([model], *seen),)


def kept_network(run) -> nn.Module:
    """Return the network that a run of this kind left behind."""
    model = network(len(run.classes))
    model.load_state_dict(load_file(run.folder / KEPT))
    return model.eval()
