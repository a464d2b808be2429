"""Random bodies drawn ahead of pre-training, in chunks on disk that a killed run finds again."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from yogalib.paths import write_whole
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import random_angles
from yogalib.synthetic.scene import draw_picture
from yogalib.synthetic.skeleton import Bodies, sample_proportions

FIELDS = ("joints", "radius", "face", "chest_front", "pelvis_front")


def draw_chunk(file: Path, seed: int, images: int, size: int, photographs: Sequence[np.ndarray] = ()) -> Path:
    """Draw `images` random bodies of one seed into `file` (.npz), unless it is there.

    photographs : what may stand behind the bodies (places.draw_place). Holds pixels uint8 (N, size, size, 3), seen float32 (N, J, 3) (scene.Picture.joints) and the Bodies' own arrays.
    """
    if file.exists():
        return file
    cv2.setNumThreads(1)  # the chunks are drawn side by side
    rng = np.random.default_rng([seed, images, size])
    postures = random_angles(rng, images)
    bodies = pose_bodies(postures, sample_proportions(rng, images))
    pixels = np.empty((images, size, size, 3), np.uint8)
    seen = np.empty((images, bodies.joints.shape[1], 3), np.float32)
    for row in range(images):
        picture = draw_picture(bodies, row, postures.view[row], rng, (size, size), photographs=photographs)
        pixels[row], seen[row] = picture.pixels, picture.joints
    arrays = {name: getattr(bodies, name).astype(np.float32) for name in FIELDS}

    def save(path: Path) -> None:
        with path.open("wb") as out:
            np.savez(out, pixels=pixels, seen=seen, **arrays)

    write_whole(file, save)
    return file


def load_chunk(file: Path) -> tuple[np.ndarray, np.ndarray, Bodies]:
    """Return a chunk's pixels, seen joints and bodies."""
    with np.load(file) as arrays:
        return arrays["pixels"], arrays["seen"], Bodies(*(arrays[name] for name in FIELDS))
