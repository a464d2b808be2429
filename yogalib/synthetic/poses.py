"""The 82 poses of Yoga-82 as joint angles (`poses.yaml`), and bodies drawn at random around and far from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from yogalib.errors import BadInput
from yogalib.facts.taxonomy import class_of, load_taxonomy
from yogalib.paths import read_yaml
from yogalib.synthetic.skeleton import (
    ANGLE,
    ANGLES,
    LIMB_LIMITS,
    LIMITS,
    SUPPORT,
    TARGET,
    TRUNK_LIMITS,
    Postures,
    mirror,
    with_angles,
)

POSES_FILE = Path(__file__).with_name("poses.yaml")

# Whole-body orientation: pitch, roll, yaw. An inverted body is turned round, so that its front still faces azimuth 0.
BASES = {
    "standing": (0, 0, 0),
    "seated": (0, 0, 0),
    "kneeling": (0, 0, 0),
    "all_fours": (90, 0, 0),
    "prone": (90, 0, 0),
    "supine": (-90, 0, 0),
    "inverted": (180, 0, 180),
    "on_left_side": (0, 90, 0),
}
# Camera azimuths in degrees, for a body whose front is at 0 and whose left is at 90.
VIEWS = {"front": (-35, 35), "left": (60, 120), "right": (-120, -60), "front_left": (20, 70), "front_right": (-70, -20)}
# In the file a joint with one axis is named by itself.
HINGES = {
    "knee": "flexion",
    "ankle": "plantarflexion",
    "elbow": "flexion",
    "forearm": "pronation",
    "wrist": "extension",
}
POSE_KEYS = {"base", "view", "trunk", "both", "left", "right", "reach", "support", "variants"}


@dataclass(frozen=True)
class Pose:
    """One class of Yoga-82.

    folder : its official folder name. names : the V variants' names, the plain pose first.
    postures : the V variants' postures.
    """

    folder: str
    names: tuple[str, ...]
    postures: Postures


@cache
def load_poses(path: Path = POSES_FILE) -> dict[str, Pose]:
    """Read the pose file: folder name to pose.

    Raises
    ------
    ValueError
        An unknown key, joint or angle, or one outside the joint's limits; the message names pose and word.
    """
    return read_poses(read_yaml(path))


def read_poses(entries: dict[str, dict]) -> dict[str, Pose]:
    """Return the poses of entries as the pose file has them. Raises ValueError as `load_poses` does."""
    return {folder: _read_pose(folder, entry) for folder, entry in entries.items()}


def written_entries(more: Path | None = None) -> dict[int, tuple[str, dict]]:
    """Return the entries of the pose file by class number, each with its folder's name.

    more : a file of the user's own. An entry of it that bears one of the 82 poses' names takes that one's place; each other one is a
    new pose, numbered from 82 on.

    Raises BadInput for a file that can't be read, or an entry that describes no posture.
    """
    ours = read_yaml(POSES_FILE)
    entries = {
        number: (folder, ours[folder]) for number, folder in load_taxonomy().set_index("class")["folder"].items()
    }
    if more is None:
        return entries
    try:
        own = read_yaml(more)
        if not isinstance(own, dict) or not all(isinstance(entry, dict) for entry in own.values()):
            raise ValueError("a mapping of names to postures is wanted, as in yogalib/synthetic/poses.yaml")
        read_poses(own)
    except yaml.YAMLError as error:
        raise BadInput(f"{more}: not readable as YAML ({' '.join(str(error).split())})") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{more}: {error}") from None
    except (AttributeError, TypeError) as error:  # a number or a word where a mapping should stand, or the reverse
        raise BadInput(f"{more}: an entry is not of the form of yogalib/synthetic/poses.yaml ({error})") from None
    for name, entry in own.items():
        number = class_of(str(name))
        known = number is not None
        entries[number if known else len(entries)] = (entries[number][0] if known else str(name), entry)
    return entries


def sample_angles(pose: Pose, rng: np.random.Generator, n: int, jitter: float = 4.0, plain: float = 0.5) -> Postures:
    """Draw n bodies in a pose: any variant, either side first, each angle off by a normal error of `jitter` degrees.

    plain : share of the plain variant; the others share the rest.
    """
    variants = len(pose.names)
    if variants == 1:
        rows = rng.integers(variants, size=n)
    else:
        rows = np.where(rng.random(n) < plain, 0, rng.integers(1, variants, size=n))
    drawn = pose.postures.take(rows)
    return _mirror_half(with_angles(drawn, drawn.angles + jitter * rng.standard_normal(drawn.angles.shape)), rng)


# How pre-training's bodies come about: near a pose, far from one, between two, put together from three, anywhere at all.
KINDS = ("near", "far", "blend", "patchwork", "anywhere")
KIND_SHARES = (0.45, 0.15, 0.15, 0.15, 0.10)


def random_angles(rng: np.random.Generator, n: int) -> Postures:
    """Draw n bodies far wider than the 82 poses, for pre-training.

    Poses with errors of 10 and of 20 degrees at every joint, blends of two poses, bodies put together from one pose's
    trunk, another's arms and a third's legs, and bodies with every joint anywhere within its limits, in the shares of
    KIND_SHARES. Most of the bodies that still are about a pose are seen from where a photographer would stand.
    """
    poses = load_poses().values()
    known = _join([pose.postures for pose in poses])
    # Every pose as likely as any other, however many variants it has.
    weight = np.concatenate([np.full(len(pose.names), 1 / len(pose.names)) for pose in poses]) / len(poses)
    first, second, third = (_mirror_half(known.take(rng.choice(len(known), size=n, p=weight)), rng) for _ in range(3))
    kind = rng.choice(len(KINDS), size=n, p=KIND_SHARES)[:, None]
    share = rng.uniform(0.2, 0.8, size=(n, 1))
    blend = share * first.angles + (1 - share) * second.angles
    patchwork = np.where(_IS_ARM, second.angles, np.where(_IS_LEG, third.angles, first.angles))
    noise = rng.standard_normal(first.angles.shape)
    angles = np.choose(kind, [first.angles + 9 * noise, first.angles + 20 * noise, blend, patchwork, _anywhere(rng, n)])
    # A hold or a support of the first pose is kept where its trunk and arms are.
    keep = (kind < 2) | ((kind == 2) & (share > 0.5))
    reach, support = (np.where(keep, hint, -1) for hint in (first.reach, first.support))
    staged = (kind < 2) & (rng.random((n, 1)) < 0.7)
    view = np.where(staged, first.view, (-180.0, 180.0))
    return with_angles(Postures(angles, reach, support, view), angles + 3 * noise)


_IS_ARM = np.array([name[2:].startswith(("shoulder", "elbow", "forearm", "wrist")) for name in ANGLES])
_IS_LEG = np.array([name[2:].startswith(("hip", "knee", "ankle")) for name in ANGLES])


def _anywhere(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw (n, A) angles over the joints' whole range, denser in its middle, and any whole-body orientation."""
    low, high = np.array(list(LIMITS.values()), dtype=float).T
    angles = low + (high - low) * rng.beta(1.5, 1.5, size=(n, len(ANGLES)))
    angles[:, : ANGLE["lumbar_flexion"]] = rng.uniform(-180, 180, size=(n, 3)) * (1, 0.5, 1)
    return angles


def _mirror_half(postures: Postures, rng: np.random.Generator) -> Postures:
    """Mirror each body with probability one half."""
    flipped = mirror(postures)
    flip = rng.random(len(postures)) < 0.5
    pairs = ((getattr(flipped, name), getattr(postures, name)) for name in ("angles", "reach", "support", "view"))
    return Postures(*(np.where(flip[:, None], there, here) for there, here in pairs))


def _join(parts: list[Postures]) -> Postures:
    """Stack postures."""
    return Postures(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("angles", "reach", "support", "view"))
    )


def _read_pose(folder: str, entry: dict) -> Pose:
    """Return the pose that an entry of the file describes, variants laid over the plain one."""
    plain = {key: value for key, value in entry.items() if key != "variants"}
    variants = {"plain": {}, **entry.get("variants", {})}
    read = [_read_posture(f"{folder} ({name})", _patch(plain, patch)) for name, patch in variants.items()]
    return Pose(folder, tuple(variants), _join(read))


def _patch(entry: dict, patch: dict) -> dict:
    """Return the entry with the patch's values over its own, nested mappings merged, null taking a key away."""
    merged = dict(entry)
    for key, value in patch.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _patch(merged[key], value) if nested else value
    return {key: value for key, value in merged.items() if value is not None}


def _read_posture(where: str, entry: dict) -> Postures:
    """Return one posture (N = 1)."""
    _check(where, "key", set(entry), POSE_KEYS)
    for key in ("base", "view"):
        if key not in entry:
            raise ValueError(f"{where}: has no {key}")
    _check(where, "base", {entry["base"]}, BASES)
    angles = dict.fromkeys(ANGLES, 0.0)
    angles |= dict(zip(("pitch", "roll", "yaw"), BASES[entry["base"]], strict=True))
    angles |= _trunk_angles(where, entry.get("trunk", {}))
    for sides, key in (("lr", "both"), ("l", "left"), ("r", "right")):
        for name, value in _limb_angles(where, entry.get(key, {})).items():
            angles |= {f"{side}_{name}": value for side in sides}
    outside = {name for name, value in angles.items() if not LIMITS[name][0] <= value <= LIMITS[name][1]}
    if outside:
        raise ValueError(f"{where}: beyond the joint's limits: {', '.join(sorted(outside))} (skeleton.py, LIMITS)")
    reach = _read_reach(where, entry.get("reach", {}))
    support = entry.get("support", [])
    _check(where, "support", set(support), SUPPORT)
    held = [SUPPORT[name] for name in support] or [-1, -1]
    view = entry["view"]
    if isinstance(view, str):
        _check(where, "view", {view}, VIEWS)
        view = VIEWS[view]
    return Postures(np.array([[*angles.values()]]), np.array([reach]), np.array([held]), np.array([view], dtype=float))


def _trunk_angles(where: str, trunk: dict) -> dict[str, float]:
    """Return the trunk's angles by full name; `spine` is spread over its lower and its upper half."""
    spread = {}
    for part, value in trunk.items():
        if part == "spine":
            halves = {name: share / 2 for name, share in value.items()}
            spread |= {f"{half}_{name}": share for half in ("lumbar", "thoracic") for name, share in halves.items()}
    for part, value in trunk.items():
        if isinstance(value, dict) and part != "spine":
            spread |= {f"{part}_{name}": angle for name, angle in value.items()}
        elif part != "spine":
            spread[part] = value
    _check(where, "angle", set(spread), TRUNK_LIMITS)
    return spread


def _limb_angles(where: str, limb: dict) -> dict[str, float]:
    """Return a limb's angles by full name."""
    angles = {}
    for joint, value in limb.items():
        named = value if isinstance(value, dict) else {HINGES.get(joint, "?"): value}
        angles |= {f"{joint}_{name}": angle for name, angle in named.items()}
    _check(where, "angle", set(angles), LIMB_LIMITS)
    return angles


def _read_reach(where: str, reach: dict) -> list[int]:
    """Return the targets of the left and the right hand; `hands: toe` means each hand its own side's toe."""
    _check(where, "reach", set(reach), {"hands", "l_hand", "r_hand"})
    targets = []
    for side in "lr":
        name = reach.get(f"{side}_hand", reach.get("hands"))
        name = f"{side}_{name}" if f"{side}_{name}" in TARGET else name
        _check(where, "target", {name} - {None}, TARGET)
        targets.append(TARGET.get(name, -1))
    return targets


def _check(where: str, what: str, names: set, known: dict | set) -> None:
    """Raise for names that are not known."""
    unknown = names - set(known)
    if unknown:
        raise ValueError(f"{where}: unknown {what} {', '.join(sorted(unknown))}: choose from {', '.join(known)}")
