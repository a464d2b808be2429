"""Contact sheets: all poses drawn alike, and one pose drawn in many ways."""

import math
import sys
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from yogalib.facts.taxonomy import load_taxonomy
from yogalib.profile import Synthetic
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import Pose, load_poses, sample_angles
from yogalib.synthetic.scene import draw, draw_plain

_CAPTION = 16  # pixels under a picture
# told apart by small things, or seen from many sides
VARIED = ("Tree_Pose_or_Vrksasana_", "Warrior_I_Pose_or_Virabhadrasana_I_", "Boat_Pose_or_Paripurna_Navasana_", "Bridge_Pose_or_Setu_Bandha_Sarvangasana_", "Crane_(Crow)_Pose_or_Bakasana_")  # fmt: skip

# that most people have seen
WELL_KNOWN = (
    "Vrksasana", "Virabhadrasana II", "Bakasana", "Natarajasana", "Baddha Konasana", "Paripurna Navasana", "Adho Mukha Svanasana",
    "Salamba Sirsasana",
)  # fmt: skip


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


def variation_sheet(
    poses: list[Pose], rng: np.random.Generator, each: int = 20, size: int = 128, columns: int = 10
) -> np.ndarray:
    """Return `each` random pictures of every given pose, each pose's under its Sanskrit name."""
    pictures, names, sanskrit = [], [], load_taxonomy().set_index("folder")["sanskrit"]
    for pose in poses:
        pictures += list(draw(sample_angles(pose, rng, each), rng, size))
        names += [sanskrit[pose.folder] if place == 0 else "" for place in range(each)]
    return _grid(pictures, names, columns)


def banner(size: int = 180) -> np.ndarray:
    """Return a few well-known poses in one row, plain variant, same look, under their English names: README's first picture."""
    taxonomy = load_taxonomy().set_index("sanskrit")
    pictures = []
    for row in taxonomy.loc[list(WELL_KNOWN)].itertuples():
        postures = load_poses()[row.folder].postures.take(np.array([0]))
        pictures.append(draw_plain(pose_bodies(postures), 0, float(postures.view[0].mean()), size))
    return _grid(pictures, taxonomy.loc[list(WELL_KNOWN), "english"].tolist(), len(pictures))


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


def sheets_of(synthetic: Synthetic | None) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yield the sheets of a drawn world: the figure's name, its pixels and its caption; nothing for real pictures."""
    if synthetic is None:
        return
    yield (
        "figure_contact_sheet",
        contact_sheet(110, 12),
        "All 82 poses in the same clothes and light, plain variant, average body.",
    )
    varied = variation_sheet(
        [load_poses()[folder] for folder in VARIED], np.random.default_rng(synthetic.seed), size=72, columns=20
    )
    yield "figure_variations", varied, f"Twenty random pictures of each of {len(VARIED)} poses, as they come."


if __name__ == "__main__":
    Image.fromarray(banner()).save(sys.argv[1], quality=80, method=6)
