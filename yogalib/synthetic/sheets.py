"""Contact sheets: all poses drawn alike, and one pose drawn in many ways."""

import math

import cv2
import numpy as np

from yogalib.synthetic.poses import Pose, load_poses, sample_angles
from yogalib.synthetic.scene import draw, draw_plain
from yogalib.synthetic.skeleton import pose_bodies
from yogalib.taxonomy import load_taxonomy

_CAPTION = 16  # pixels under a picture


def contact_sheet(size: int = 150, columns: int = 10) -> np.ndarray:
    """Return all poses of the taxonomy, plain variant, same look, from their best side, under their Sanskrit names.

    uint8 (rows * (size + caption), columns * size, 3).
    """
    poses, taxonomy = load_poses(), load_taxonomy()
    pictures, names = [], []
    for row in taxonomy.itertuples():
        postures = poses[row.folder].postures.take(np.array([0]))
        azimuth = float(postures.view[0].mean())
        pictures.append(draw_plain(pose_bodies(postures), 0, azimuth, size))
        names.append(row.sanskrit)
    return _grid(pictures, names, columns)


def variation_sheet(poses: list[Pose], rng: np.random.Generator, each: int = 20, size: int = 128) -> np.ndarray:
    """Return `each` random pictures of every given pose, ten to a line, each pose's under its folder's name."""
    pictures, names = [], []
    for pose in poses:
        pictures += list(draw(sample_angles(pose, rng, each), rng, size))
        names += [pose.folder if place == 0 else "" for place in range(each)]
    return _grid(pictures, names, 10)


def _grid(pictures: list[np.ndarray], names: list[str], columns: int) -> np.ndarray:
    """Return pictures of one size in rows, each over its name."""
    size = pictures[0].shape[0]
    sheet = np.full((math.ceil(len(pictures) / columns) * (size + _CAPTION), columns * size, 3), 255, np.uint8)
    for place, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        y, x = place // columns * (size + _CAPTION), place % columns * size
        sheet[y : y + size, x : x + size] = picture
        ascii_name = name.encode("ascii", "ignore").decode()
        letters = min(0.38, 0.38 * size / (6.6 * max(len(ascii_name), 1)))
        below = (x + 2, y + size + _CAPTION - 5)
        cv2.putText(sheet, ascii_name, below, cv2.FONT_HERSHEY_SIMPLEX, letters, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet
