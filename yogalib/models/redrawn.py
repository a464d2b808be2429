"""Photographs redrawn: the body found in each, drawn by our own renderer, for a CLIP that learnt words on drawn bodies.

Such a CLIP has learnt no studio, beach or crowd, but bodies in plain clothes before nothing. One photograph gives drawings in several
looks, whose answers are averaged. (Two further cameras, 30 degrees to either side, gave
CLIP-mini-RN two points more, on 1,796 photographs, for half as many drawings again: they are left out.)
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax
from torch import Tensor

from yogalib.dataset.pixels import Source, decoded_file
from yogalib.models.blazepose import landmarks_of
from yogalib.models.device import Device
from yogalib.models.encoders import Encoder, open_encoder
from yogalib.models.joints import found_in
from yogalib.models.resident import Pictures
from yogalib.models.skeleton import JOINTS as FOUND
from yogalib.models.skeleton import joints_of
from yogalib.models.written import KNUCKLE, SOLE
from yogalib.models.zero_shot import compared, encode_prompts
from yogalib.synthetic.camera import Camera
from yogalib.synthetic.look import REDRAWN_STYLES, sample_look
from yogalib.synthetic.scene import draw_alone
from yogalib.synthetic.skeleton import JOINT, JOINTS, RADIUS, Bodies

VERSION = 1  # part of the kept files' names: raise it when a drawing changes
SEED = 3  # of colours and clothes, picked by eye as ordinary ones: dark lines, light paper
CAMERA = Camera(
    azimuth=0.0, elevation=0.0, roll=0.0, distance=5.0, fill=0.85, x=0.0, y=0.3
)  # where the photograph's was
# lengths between the found joints, shares of the body's height, as the drawn body has them (synthetic/skeleton.py)
_LENGTHS = {("hip", "knee"): 0.245, ("knee", "ankle"): 0.246, ("shoulder", "elbow"): 0.186, ("elbow", "wrist"): 0.146}
_TRUNK = 0.265  # from between the hips to between the shoulders
_NECK = 0.045 / 0.110  # of the way from chest to head
_UP = np.array([1.0, -1.0, -1.0])  # found joints have y down and z away; a drawn world y up and z towards


def bodies_of(world: np.ndarray) -> Bodies:
    """Return drawn bodies whose joints lie where they were found, on the floor; world (N, 20, 3) as in yogalib.models.skeleton.

    What nobody finds is put where it must be: pelvis, spine and neck on the straight lines between what is found, the crown above the
    ears. A camera straight in front, azimuth and elevation 0, sees the body as the photograph's did.
    """
    at = {name: world[:, place] * _UP for place, name in enumerate(FOUND)}
    hips, collar = ((at[f"l_{name}"] + at[f"r_{name}"]) / 2 for name in ("hip", "shoulder"))
    up = _unit(collar - hips)
    bones = [
        np.linalg.norm(at[f"{side}_{first}"] - at[f"{side}_{second}"], axis=1) / share
        for (first, second), share in _LENGTHS.items()
        for side in "lr"
    ]
    height = np.median([*bones, np.linalg.norm(collar - hips, axis=1) / _TRUNK], axis=0)[:, None]
    # a raised arm lifts its shoulder over the chest, by as much as the drawn body's collar bones turn
    raised = [(_unit(at[f"{side}_elbow"] - at[f"{side}_shoulder"]) * up).sum(1, keepdims=True) for side in "lr"]
    lift = 0.11 * np.mean(np.sin(0.35 * (1 + np.array(raised))), axis=0)
    at |= {"pelvis": hips + 0.02 * height * up, "chest": collar + (0.02 - lift) * height * up}
    at["spine"] = at["pelvis"] + 0.47 * (at["chest"] - at["pelvis"])
    at["neck"] = at["chest"] + _NECK * (at["head"] - at["chest"])
    face = _unit(at["nose"] - at["head"])
    above = at["head"] - at["neck"]
    at["crown"] = at["head"] + 0.065 * height * _unit(above - (above * face).sum(1, keepdims=True) * face)
    for side in "lr":
        at[f"{side}_hand"] = at[f"{side}_wrist"] + (at[f"{side}_hand"] - at[f"{side}_wrist"]) / KNUCKLE
        shin = _unit(at[f"{side}_ankle"] - at[f"{side}_knee"])
        for part in ("toe", "heel"):
            at[f"{side}_{part}"] = at[f"{side}_{part}"] - SOLE * shin
    joints, radius = np.stack([at[name] for name in JOINTS], axis=1), RADIUS * height
    joints = joints - joints[:, [JOINT["pelvis"]]] * (1, 0, 1)
    joints[..., 1] -= (joints[..., 1] - radius).min(axis=1, keepdims=True)
    fronts = [np.cross(_unit(at[f"l_{name}"] - at[f"r_{name}"]), up) for name in ("shoulder", "hip")]
    return Bodies(joints, radius, face, *map(_unit, fronts))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)


def redraw(bodies: Bodies, row: int, look: str, size: int) -> np.ndarray:
    """Draw one body as CAMERA sees it, uint8 (size, size, 3). look : of REDRAWN_STYLES; clothes and colours are the same for each body."""
    rng = np.random.default_rng([SEED, REDRAWN_STYLES.index(look)])
    return draw_alone(bodies, row, CAMERA, sample_look(rng, look), rng, size)


def redrawn(source: Source, rows: pd.DataFrame, world: np.ndarray, look: str, resolution: int) -> np.ndarray:
    """Return drawings of the bodies found in the rows' pictures, uint8 (N, R, R, 3), kept beside the decoded cache; black for nobody.

    world : (N, 20, 3), NaN for nobody.
    """
    bodies, place = bodies_of(world), dict(zip(rows["sha256"], range(len(rows)), strict=True))
    nobody = np.isnan(world).any(axis=(1, 2))

    def draw(sha256: str) -> np.ndarray:
        row = place[sha256]
        return np.zeros((resolution, resolution, 3), np.uint8) if nobody[row] else redraw(bodies, row, look, resolution)

    name = f"redrawn-{look}-{VERSION}"
    return np.load(decoded_file(rows, source.folder, resolution, name, source.cache, draw), mmap_mode="c")


def mean_over_looks(
    encoder: Encoder, words: Tensor, device: Device, draw: Callable[[str], np.ndarray | Pictures]
) -> np.ndarray:
    """Return probabilities (N, C): the mean of log-probabilities over REDRAWN_STYLES.

    words : the prompts' unit features, (C, D). draw : from a look to pixels, uint8 (N, R, R, 3).
    """
    logs = [np.log(compared(encoder, draw(look), words, device)[0]) for look in REDRAWN_STYLES]
    return softmax(np.mean(logs, axis=0), axis=1)


def redrawing(
    encoder: Encoder, prompts: list, device: Device, weights: Path, cache: Path
) -> tuple[Callable[[bytes], np.ndarray], Callable[[list], np.ndarray]]:
    """Return how a picture's file is taken, and what is answered to N pictures with somebody in each, as yogalib.models.kept.at_work has it."""
    words = encode_prompts(encoder, prompts, device)

    def say(found: list) -> np.ndarray:
        bodies = bodies_of(joints_of(np.stack(found))[1])

        def draw(look: str) -> np.ndarray:
            return np.stack([redraw(bodies, row, look, encoder.resolution) for row in range(len(found))])

        return mean_over_looks(encoder, words, device, draw)

    return lambda content: landmarks_of(content, weights, cache), say


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks): the encoder as it is, asked about the drawings; NaN where nobody is found."""
    encoder = open_encoder(ask.encoder, at.weights, ask.seed)
    world = found_in(ask.source, ask.test, "blazepose", at.weights)[1]

    def draw(look: str) -> np.ndarray:
        return redrawn(ask.source, ask.test, world, look, encoder.resolution)

    answers = mean_over_looks(encoder, encode_prompts(encoder, ask.prompts, at.device), at.device, draw)
    answers[np.isnan(world).any(axis=(1, 2))] = np.nan
    return (answers,)
