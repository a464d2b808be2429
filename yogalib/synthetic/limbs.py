"""Arms and legs with their swell, hands and feet, in skin and in cloth."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from yogalib.synthetic.shapes import HALVES, SHARES, Body, Group, Shape, fixed, hull, unit
from yogalib.synthetic.skeleton import JOINT

# Half the width of a limb, shares of the body's height, at six places from its first joint to its second.
_ARM, _FOREARM = (0.0285, 0.029, 0.0275, 0.025, 0.023, 0.022), (0.0225, 0.0245, 0.023, 0.0195, 0.0165, 0.015)
_THIGH, _SHIN = (0.050, 0.0535, 0.051, 0.046, 0.039, 0.033), (0.032, 0.036, 0.036, 0.030, 0.023, 0.021)
_HAND = (0.014, 0.018, 0.0205, 0.0185, 0.013, 0.008)
_BONES = {"upper_arm": ("shoulder", "elbow", _ARM), "forearm": ("elbow", "wrist", _FOREARM),
          "hand": ("wrist", "hand", _HAND), "thigh": ("hip", "knee", _THIGH), "shin": ("knee", "ankle", _SHIN)}  # fmt: skip
_SEGMENTS = tuple(f"{side}_{bone}" for side in "lr" for bone in _BONES)
_FROM, _TO = (
    np.array([JOINT[f"{name[0]}_{_BONES[name[2:]][end]}"] for name in _SEGMENTS]) for end in (0, 1)
)  # fmt: skip
_WIDTH = np.array([_BONES[name[2:]][2] for name in _SEGMENTS])
_STATIONS = np.linspace(0, 1, 6)
_SHINS = [_SEGMENTS.index("l_shin"), _SEGMENTS.index("r_shin")]
_CALF = np.array([0.2, 0.75, 0.8, 0.4, 0.1, 0.0]) * 0.013  # the calf lies behind the bone
_FEET = np.array([[JOINT[f"{side}_{name}"] for side in "lr"] for name in ("heel", "ankle", "toe")])
_FOOT = np.array([[0.017], [0.018], [0.019], [0.012]])  # half widths of heel, ankle, ball and toes
_REACH = {"upper_arm": 0, "thigh": 0, "forearm": 1, "shin": 1, "hand": 2}
_LIMBS = (("upper_arm", "forearm", ("shoulder", "elbow", "wrist")), ("thigh", "shin", ("hip", "knee", "ankle")))

# A limb's outline from its stations: which one, and how many half widths along the limb and across it.
_CAP = 0.5**0.5
_OUTLINE = np.array(
    [(0, -_CAP, _CAP), (0, -1, 0), (0, -_CAP, -_CAP), *((k, 0, -1) for k in range(6)),
     (5, _CAP, -_CAP), (5, 1, 0), (5, _CAP, _CAP), *((k, 0, 1) for k in reversed(range(6)))]
)  # fmt: skip
_AT, _ALONG, _ACROSS = _OUTLINE[:, 0].astype(int), _OUTLINE[:, 1, None], _OUTLINE[:, 2, None]
_QUARTER = np.array([-1.0, 1.0])  # of a turn, once the coordinates are swapped


@dataclass(frozen=True)
class Cut:
    """Limbs in pieces of skin and cloth, skin first, and the stations along each piece.

    pieces : part and material. start, end : (P,), the joints of the segment. garment : (P,), 0 skin, 1 top, 2 bottom.
    place : (P, 6), shares of the segment's length. width : (P, 6), half widths there. calf : (2, P, 6), how far the flesh
    lies behind each shin.
    """

    pieces: tuple[tuple[str, str], ...]
    start: np.ndarray
    end: np.ndarray
    garment: np.ndarray
    place: np.ndarray
    width: np.ndarray
    calf: np.ndarray


@cache
def _wardrobe(sleeve: float, leg: float) -> Cut:
    """Return the pieces for clothes of these lengths; there are few, so each is cut once."""
    rows = []
    for number, name in enumerate(_SEGMENTS):
        bone = name[2:]
        reach, garment = (leg, 2) if bone in ("thigh", "shin") else (sleeve, 1)
        reach -= _REACH[bone]
        rows += [(number, 0, max(reach, 0.0), 1.0)] if reach < 0.97 else []
        rows += [(number, garment, 0.0, min(reach, 1.0))] if reach > 0 else []
    segment, garment, start, end = (np.array(column) for column in zip(*rows, strict=True))
    place = start[:, None] + (end - start)[:, None] * _STATIONS
    width = np.array([np.interp(place[row], _STATIONS, _WIDTH[number]) for row, number in enumerate(segment)])
    calf = np.array([np.interp(place, _STATIONS, _CALF) * (segment == shin)[:, None] for shin in _SHINS])
    pieces = tuple(
        (_SEGMENTS[number].replace("hand", "forearm"), ("skin", "top", "bottom")[worn]) for number, worn, *_ in rows
    )
    return Cut(pieces, _FROM[segment], _TO[segment], garment, place, width, calf)


def limbs(body: Body) -> list[Group]:
    """Return each limb in one group while it is straight, in two when it is bent and may cross itself."""
    shapes = _shapes(body)
    groups, depth = [], body.view.depth.tolist()
    for side in "lr":
        for upper, lower, ends in _LIMBS:
            a, b, c = (JOINT[f"{side}_{name}"] for name in ends)
            first, second = body.joints[b] - body.joints[a], body.joints[c] - body.joints[b]
            near = 0.03 if upper == "upper_arm" else 0.0  # an arm beside the trunk is seen before it
            above, below = shapes[f"{side}_{upper}"], shapes[f"{side}_{lower}"]
            if first @ second > 0.6 * np.sqrt((first @ first) * (second @ second)):
                groups.append(Group((depth[a] + depth[b] + depth[c]) / 3 - near, above + below))
            else:
                groups.append(Group((depth[a] + depth[b]) / 2 - near, above))
                groups.append(Group((depth[b] + depth[c]) / 2 - near, below))
    return groups


def _shapes(body: Body) -> dict[str, list[Shape]]:
    """Return the shapes of each limb's halves; hands go with forearms, feet with shins."""
    look, cut = body.look, _wardrobe(body.look.sleeve, body.look.leg)
    loose = np.array([1.0, look.loose_top**0.5, look.loose_leg])[cut.garment, None]
    flare = np.where(cut.garment > 0, look.flare, 0.0)[:, None]
    width = cut.width * (loose + flare * cut.place) * (body.height * look.thickness)
    a, b = body.joints[cut.start][:, None], body.joints[cut.end][:, None]
    centres = a + cut.place[..., None] * (b - a)
    for side, calf in zip("lr", cut.calf, strict=True):
        centres += calf[..., None] * _behind(body, side)
    xy, _, metre = body.view.see(centres)
    outlines, width, short = _outline(xy, width * metre)
    found = {name: [] for name in HALVES}
    thick = width.max(1).tolist()
    for row, (part, material) in enumerate(cut.pieces):
        if short[row]:  # seen end on: the outline would miss most of the roundness
            found[part].append(hull(part, material, xy[row, ::2], width[row, ::2], thick[row]))
        else:
            found[part].append(Shape(part, material, outlines[row], thick[row], convex=False))
    for foot in _feet(body):
        found[foot.part].insert(0, foot)
    return found


def _behind(body: Body, side: str) -> np.ndarray:
    """Return where the calf lies from the shin, as long as the body is high, (3,)."""
    along = unit(body.at(f"{side}_ankle") - body.at(f"{side}_knee"))
    ahead = body.at(f"{side}_toe") - body.at(f"{side}_heel")
    return -body.height * unit(ahead - (ahead @ along) * along)


def _feet(body: Body) -> list[Shape]:
    """Return for each foot the hull of heel, ankle, ball and toes."""
    heel, ankle, toe = body.joints[_FEET]  # (2, 3) each
    xy, _, metre = body.view.see(np.array([heel, ankle, 0.3 * heel + 0.7 * toe, toe]))
    radius = _FOOT * body.height * metre
    return [hull(f"{side}_shin", "feet", xy[:, k], radius[:, k], radius[1, k]) for k, side in enumerate("lr")]


def _outline(xy: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[bool]]:
    """Return limbs' outlines, int32 (rows, levels, K, 2), half widths, and which limbs are seen end on.

    xy (rows, 6, 2) and width (rows, 6): their stations and half widths, both in pixels.
    """
    width = np.maximum(width, 1.0)
    along = xy[:, 5] - xy[:, 0]
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
    along = along / length[:, None]
    across = along[:, ::-1] * _QUARTER
    offset = (_ALONG * along[:, None] + _ACROSS * across[:, None]) * width[:, _AT, None]  # (rows, K, 2)
    return fixed(xy[:, None, _AT] + SHARES * offset[:, None]), width, (length < 1.3 * width[:, 1]).tolist()
