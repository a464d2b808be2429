"""Contact sheets: all poses drawn alike, and one pose drawn in many ways."""

import sys
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from yogalib.facts.taxonomy import load_taxonomy
from yogalib.profile import Synthetic
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import Pose, load_poses, sample_angles
from yogalib.synthetic.scene import draw, draw_plain

_LETTERS, _LINE = 14, 16  # pixels: of the names under a picture, and from line to line
_PLAIN = np.array([0])  # a pose's plain variant
# told apart by small things, or seen from many sides
VARIED = ("Tree_Pose_or_Vrksasana_", "Warrior_I_Pose_or_Virabhadrasana_I_", "Boat_Pose_or_Paripurna_Navasana_", "Bridge_Pose_or_Setu_Bandha_Sarvangasana_", "Crane_(Crow)_Pose_or_Bakasana_")  # fmt: skip

# that most people have seen
WELL_KNOWN = (
    "Vrksasana", "Virabhadrasana II", "Bakasana", "Natarajasana", "Baddha Konasana", "Paripurna Navasana", "Adho Mukha Svanasana",
    "Salamba Sirsasana",
)  # fmt: skip


def portrait(pose: Pose, size: int) -> np.ndarray:
    """Draw a pose as it is written: plain variant, average body, from the middle of its own camera's range.

    uint8 (size, size, 3).
    """
    postures = pose.postures.take(_PLAIN)
    return draw_plain(pose_bodies(postures), 0, float(postures.view[0].mean()), size)


def contact_sheet(size: int = 150, columns: int = 10) -> np.ndarray:
    """Return all poses of the taxonomy, plain variant, same look, from their best side, under their names.

    uint8 (height, columns * size, 3).
    """
    poses, taxonomy = load_poses(), load_taxonomy()
    pictures = [portrait(poses[folder], size) for folder in taxonomy["folder"]]
    return _grid(pictures, taxonomy["sanskrit"].tolist(), columns)


def variation_sheet(
    poses: list[Pose], rng: np.random.Generator, each: int = 20, size: int = 128, columns: int = 10
) -> np.ndarray:
    """Return `each` random pictures of every given pose, each pose's under its names."""
    pictures, names, sanskrit = [], [], load_taxonomy().set_index("folder")["sanskrit"]
    for pose in poses:
        pictures += list(draw(sample_angles(pose, rng, each), rng, size))
        names += [sanskrit[pose.folder] if place == 0 else "" for place in range(each)]
    return _grid(pictures, names, columns)


def banner(size: int = 180) -> np.ndarray:
    """Return a few well-known poses in one row, plain variant, same look, under their names: README's first picture."""
    poses, taxonomy = load_poses(), load_taxonomy().set_index("sanskrit")
    pictures = [portrait(poses[folder], size) for folder in taxonomy.loc[list(WELL_KNOWN), "folder"]]
    return _grid(pictures, list(WELL_KNOWN), len(pictures))


def _grid(pictures: list[np.ndarray], names: list[str], columns: int) -> np.ndarray:
    """Return pictures of one size in rows, each over its Sanskrit and its English name, whose room is that of those without a name too."""
    size, english = pictures[0].shape[0], load_taxonomy().set_index("sanskrit")["english"]
    font = ImageFont.load_default(_LETTERS)
    told = [names[first : first + columns] for first in range(0, len(names), columns)]
    rooms = [_room(row, place) * size for row in told for place in range(len(row))]
    lines = [_lines(name, english[name], font, room) if name else [] for name, room in zip(names, rooms, strict=True)]
    step = size + _LINE * max(map(len, lines)) + 4
    sheet = Image.new("RGB", (columns * size, len(told) * step), "white")
    for place, picture in enumerate(pictures):
        x, y = place % columns * size, place // columns * step
        sheet.paste(Image.fromarray(picture), (x, y))
        ImageDraw.Draw(sheet).multiline_text((x + 3, y + size), "\n".join(lines[place]), "black", font, spacing=2)
    return np.asarray(sheet)


def _room(names: list[str], place: int) -> int:
    """Return over how many pictures a name may run: those behind it that have none."""
    return next((other - place for other in range(place + 1, len(names)) if names[other]), len(names) - place)


def _lines(sanskrit: str, english: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Return both names in lines that are no wider than so many pixels."""
    lines = []
    for words in (sanskrit.split(), english.split()) if sanskrit.lower() != english.lower() else (sanskrit.split(),):
        lines.append(words[0])
        for word in words[1:]:
            longer = f"{lines[-1]} {word}"
            lines[-1:] = [longer] if font.getlength(longer) <= width - 6 else [lines[-1], word]
    return lines


def sheets_of(synthetic: Synthetic | None) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yield the sheets of a drawn world: the figure's name, its pixels and its caption; nothing for real pictures."""
    if synthetic is None:
        return
    yield (
        "figure_contact_sheet",
        contact_sheet(140, 10),
        "All 82 poses in the same clothes and light, plain variant, average body.",
    )
    varied = variation_sheet(
        [load_poses()[folder] for folder in VARIED], np.random.default_rng(synthetic.seed), size=70, columns=20
    )
    yield "figure_variations", varied, f"Twenty random pictures of each of {len(VARIED)} poses, as they come."


if __name__ == "__main__":
    Image.fromarray(banner()).save(sys.argv[1], quality=80, method=6)
