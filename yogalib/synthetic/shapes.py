"""The flesh of a posed body as outlines in the picture: limbs with their swell, a trunk of rings, a head, hands and feet."""

from dataclasses import dataclass

import cv2
import numpy as np

from yogalib.synthetic.camera import View
from yogalib.synthetic.look import Look
from yogalib.synthetic.skeleton import JOINT, RADIUS, Bodies

SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel
PARTS = ("torso", "head", *(f"{s}_{part}" for s in "lr" for part in ("upper_arm", "forearm")),
         *(f"{s}_{part}" for s in "lr" for part in ("thigh", "shin")))  # fmt: skip
LABEL = {name: number for number, name in enumerate(PARTS, start=1)}
# Every outline is drawn three times, each narrower and higher: a relief that light can fall on.
LEVELS = np.array([1.0, 0.72, 0.38])

# Half the width of a limb, shares of the body's height, at six places from its first joint to its second.
_ARM, _FOREARM = (0.031, 0.030, 0.0275, 0.025, 0.023, 0.022), (0.0225, 0.0245, 0.023, 0.0195, 0.0165, 0.015)
_THIGH, _SHIN = (0.050, 0.0535, 0.051, 0.046, 0.039, 0.033), (0.032, 0.036, 0.036, 0.030, 0.023, 0.021)
_HAND = (0.014, 0.018, 0.0205, 0.0185, 0.013, 0.008)
_BONES = {"upper_arm": ("shoulder", "elbow", _ARM), "forearm": ("elbow", "wrist", _FOREARM),
          "hand": ("wrist", "hand", _HAND), "thigh": ("hip", "knee", _THIGH), "shin": ("knee", "ankle", _SHIN)}  # fmt: skip
SEGMENTS = tuple(f"{side}_{bone}" for side in "lr" for bone in _BONES)
_FROM = np.array([JOINT[f"{name[0]}_{_BONES[name[2:]][0]}"] for name in SEGMENTS])
_TO = np.array([JOINT[f"{name[0]}_{_BONES[name[2:]][1]}"] for name in SEGMENTS])
SEGMENT_ENDS = (*zip(_FROM.tolist(), _TO.tolist(), strict=True), *((JOINT[a], JOINT[b]) for a, b in (
    ("pelvis", "spine"), ("spine", "chest"), ("chest", "crown"), ("l_hip", "r_hip"), ("l_shoulder", "r_shoulder"),
    ("l_heel", "l_toe"), ("r_heel", "r_toe"))))  # fmt: skip
_WIDTH = np.array([_BONES[name[2:]][2] for name in SEGMENTS])
_STATIONS = np.linspace(0, 1, 6)
_SHINS = [SEGMENTS.index("l_shin"), SEGMENTS.index("r_shin")]
_CALF = np.array([0.2, 0.75, 0.8, 0.4, 0.1, 0.0]) * 0.013  # the calf lies behind the bone

# A limb's outline from its stations: which one, and how many half widths along the limb and across it.
_CAP = 0.5**0.5
_OUTLINE = np.array(
    [(0, -_CAP, _CAP), (0, -1, 0), (0, -_CAP, -_CAP), *((k, 0, -1) for k in range(6)),
     (5, _CAP, -_CAP), (5, 1, 0), (5, _CAP, _CAP), *((k, 0, 1) for k in reversed(range(6)))]
)  # fmt: skip
_AT, _ALONG, _ACROSS = _OUTLINE[:, 0].astype(int), _OUTLINE[:, 1, None], _OUTLINE[:, 2, None]
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 13)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 13)[:-1])], axis=1)


@dataclass(frozen=True)
class Shape:
    """One outline. levels : per level an int32 array (K, 1, 2) in 1/16 pixel; relief : its height at the innermost, pixels."""

    part: str
    material: str
    levels: list[np.ndarray]
    relief: float


@dataclass(frozen=True)
class Group:
    """Shapes that grow into each other, drawn level by level, and their distance from the camera in metres."""

    depth: float
    shapes: list[Shape]


class Anatomy:
    """The outlines of one body as a view sees it."""

    def __init__(self, bodies: Bodies, row: int, view: View, look: Look):
        self.joints, self.view, self.look = bodies.joints[row], view, look
        self.face, self.chest_front, self.pelvis_front = (
            getattr(bodies, name)[row] for name in ("face", "chest_front", "pelvis_front")
        )
        self.height = float(bodies.radius[row, 0] / RADIUS[0])

    def groups(self) -> list[Group]:
        """Return everything there is to draw, the farthest first."""
        groups = [*self._limbs(), self._torso(), self._head()]
        return sorted(groups, key=lambda group: -group.depth)

    def depth(self, *names: str) -> float:
        """Return the mean distance of joints from the camera."""
        return float(sum(self.view.depth[JOINT[name]] for name in names) / len(names))

    def _limbs(self) -> list[Group]:
        """Return each limb in one group while it is straight, in two when it is bent and may cross itself."""
        shapes = self._limb_shapes()
        groups = []
        for side in "lr":
            for upper, lower, ends in (("upper_arm", "forearm", ("shoulder", "elbow", "wrist")),
                                       ("thigh", "shin", ("hip", "knee", "ankle"))):  # fmt: skip
                a, b, c = (f"{side}_{name}" for name in ends)
                first, second = self.joints[JOINT[b]] - self.joints[JOINT[a]], self.joints[JOINT[c]] - self.joints[JOINT[b]]
                near = 0.03 if upper == "upper_arm" else 0.0  # an arm beside the trunk is seen before it
                upper, lower = shapes[f"{side}_{upper}"], shapes[f"{side}_{lower}"]
                if first @ second > 0.6 * np.sqrt((first @ first) * (second @ second)):
                    groups.append(Group(self.depth(a, b, c) - near, upper + lower))
                else:
                    groups += [Group(self.depth(a, b) - near, upper), Group(self.depth(b, c) - near, lower)]
        return groups

    def _limb_shapes(self) -> dict[str, list[Shape]]:
        """Return the shapes of each limb's halves; hands go with forearms, feet with shins."""
        rows = [piece for number, name in enumerate(SEGMENTS) for piece in self._dressed(number, name)]
        number, start, end, wide, flare = (np.array(column) for column in list(zip(*rows, strict=True))[:5])
        place = start[:, None] + (end - start)[:, None] * _STATIONS
        low = np.minimum((place * 5).astype(int), 4)
        share = place * 5 - low
        table = _WIDTH[number]
        width = np.take_along_axis(table, low, 1) * (1 - share) + np.take_along_axis(table, low + 1, 1) * share
        width = width * self.height * self.look.thickness * (wide[:, None] + flare[:, None] * place)
        a, b = self.joints[_FROM[number]], self.joints[_TO[number]]
        centres = a[:, None] + place[..., None] * (b - a)[:, None] + self._calves(number, place)
        xy, _, metre = self.view.see(centres)
        outlines, width = _outline(xy, width * metre)
        short = np.linalg.norm(xy[:, -1] - xy[:, 0], axis=1) < 1.3 * width.max(1)
        found = {f"{side}_{part}": [] for side in "lr" for part in ("upper_arm", "forearm", "thigh", "shin")}
        for row, (segment, *_, material) in enumerate(rows):
            name = SEGMENTS[segment].replace("hand", "forearm")
            shape = Shape(name, material, list(outlines[row]), float(width[row].max()))
            if short[row]:  # seen end on: the outline would miss most of the roundness
                shape = _hull(name, material, xy[row, ::2], width[row, ::2], shape.relief)
            found[name].append(shape)
        for side in "lr":
            found[f"{side}_shin"] = [self._foot(side), *found[f"{side}_shin"]]
        return found

    def _dressed(self, number: int, name: str) -> list[tuple]:
        """Return a segment's pieces, skin before cloth: segment, start, end, width, flare, material."""
        look, bone = self.look, name[2:]
        arm = bone in ("upper_arm", "forearm", "hand")
        reach = (look.sleeve if arm else look.leg) - {"upper_arm": 0, "thigh": 0, "forearm": 1, "shin": 1, "hand": 2}[bone]
        material, wide = ("top", look.loose_top) if arm else ("bottom", look.loose_leg)
        skin = [(number, max(reach, 0.0), 1.0, 1.0, 0.0, "skin")] if reach < 0.97 else []
        return skin + ([(number, 0.0, min(reach, 1.0), wide, look.flare, material)] if reach > 0 else [])

    def _calves(self, number: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return how far the flesh lies behind the bone, (rows, stations, 3): at the shins alone."""
        offset = np.zeros((*place.shape, 3))
        for shin, side in zip(_SHINS, "lr", strict=True):
            knee, ankle, toe, heel = (self.joints[JOINT[f"{side}_{name}"]] for name in ("knee", "ankle", "toe", "heel"))
            along, ahead = _unit(ankle - knee), toe - heel
            ahead = _unit(ahead - (ahead @ along) * along)
            for row in np.flatnonzero(number == shin):
                offset[row] = -np.interp(place[row], _STATIONS, _CALF)[:, None] * ahead * self.height
        return offset

    def _foot(self, side: str) -> Shape:
        """Return the hull of heel, ankle, ball and toes."""
        heel, ankle, toe = (self.joints[JOINT[f"{side}_{name}"]] for name in ("heel", "ankle", "toe"))
        xy, _, metre = self.view.see(np.stack([heel, ankle, 0.3 * heel + 0.7 * toe, toe]))
        radius = np.array([0.017, 0.018, 0.019, 0.012]) * self.height * metre
        return _hull(f"{side}_shin", "feet", xy, radius, float(radius[1]))

    def _torso(self) -> Group:
        """Return the trunk: the hulls of neighbouring rings, from the crotch to the neck."""
        rings = self._rings()
        xy, _, metre = self.view.see(rings)
        middle = xy.mean(1, keepdims=True)
        levels = _fixed(middle[:, None] + LEVELS[:, None, None] * (xy - middle)[:, None])  # (rings, levels, points, 2)
        relief = 0.055 * self.height * float(metre.mean())
        pairs = np.concatenate([levels[:-1], levels[1:]], axis=2)
        materials = self._trunk_clothes()
        shapes = [
            Shape("torso", material, [cv2.convexHull(points) for points in pair], relief)
            for material, pair in zip(materials, pairs, strict=True)
        ]
        return Group(self.depth("pelvis", "spine", "chest"), shapes)

    def _trunk_clothes(self) -> tuple[str, ...]:
        """Return the material between each two rings."""
        torso = self.look.torso
        top = "skin" if torso == "bare" else "top"
        middle = "top" if torso in ("tank", "long") else "skin"
        hips = "top" if torso == "long" else "bottom"
        collar = "top" if self.look.sleeve > 0 else "skin"
        return ("bottom", hips, middle, middle, top, top, collar)

    def _rings(self) -> np.ndarray:
        """Return eight elliptic sections of the trunk, (8, 12, 3) metres."""
        look, h = self.look, self.height
        at = {name: self.joints[JOINT[name]] for name in ("pelvis", "spine", "chest", "neck")}
        shoulders, hips = ((self.joints[JOINT[f"l_{name}"]], self.joints[JOINT[f"r_{name}"]]) for name in ("shoulder", "hip"))
        low, high = _unit(at["spine"] - at["pelvis"]), _unit(at["neck"] - at["chest"])
        left, upper_left = _cross(low, self.pelvis_front), _cross(high, self.chest_front)
        waist_left, waist_front = (left + upper_left) / 2, (self.pelvis_front + self.chest_front) / 2
        hip_width = float(np.linalg.norm(hips[0] - hips[1])) / 2 + 0.038 * h * look.hips * look.thickness
        span = (shoulders[0] - shoulders[1]) / 2
        girth, back, front = h * look.thickness, -0.010 * h * self.pelvis_front, h * self.chest_front
        loose = look.loose_top if look.torso in ("tank", "long") else 1.0
        table = (  # centre, half width vector, half depth vector
            (sum(hips) / 2 - 0.035 * h * low, 0.6 * hip_width * left, 0.042 * girth * self.pelvis_front),
            (sum(hips) / 2 + back, hip_width * left, 0.060 * girth * look.hips * self.pelvis_front),
            (at["pelvis"] + 0.045 * h * low, 0.080 * girth * look.hips * loose * left, 0.054 * girth * self.pelvis_front),
            (at["spine"], 0.067 * girth * look.waist * loose * waist_left, 0.050 * girth * look.waist * waist_front),
            ((at["spine"] + at["chest"]) / 2, 0.078 * girth * loose * upper_left, 0.056 * girth * self.chest_front),
            (at["chest"] - 0.035 * h * high + 0.012 * look.bust * front, 0.088 * girth * look.shoulders * upper_left,
             (0.056 + 0.012 * look.bust) * girth * self.chest_front),
            (sum(shoulders) / 2 + 0.010 * h * high, 0.92 * look.shoulders * span, 0.036 * girth * self.chest_front),
            (at["neck"] - 0.2 * (at["neck"] - at["chest"]), 0.034 * girth * upper_left, 0.034 * girth * self.chest_front),
        )  # fmt: skip
        centre, wide, deep = (np.stack(column)[:, None] for column in zip(*table, strict=True))
        return centre + _CIRCLE[:, :1] * wide + _CIRCLE[:, 1:] * deep

    def _head(self) -> Group:
        """Return neck, hair and face; the hair covers the face's side when the head looks away."""
        head, crown, neck = (self.joints[JOINT[name]] for name in ("head", "crown", "neck"))
        size = 1.04 * float(np.linalg.norm(crown - head)) / 0.065
        up = _unit(crown - head)
        face = _unit(self.face - (self.face @ up) * up)
        axes = np.stack([_cross(up, face), up, face]) * size  # left, up, ahead
        centre = head + 0.1 * (crown - head)
        xy, _, metre = self.view.see(np.stack([neck - 0.3 * (head - neck), head, centre]))
        stem = _hull("head", "skin", xy[:2], np.array([0.032, 0.028]) * self.height * metre[:2], 0.028 * size * metre[0])
        towards = axes @ self.view.turn[2] / size
        skull, hair, features = ("skin", (0, -0.013, 0.009), (0.043, 0.053, 0.046)), self._hair(), self._features(towards)
        blobs = [skull, *hair] if towards[2] < -0.35 else [*hair, skull, *features]
        return Group(self.depth("head", "neck", "crown"), [stem, *self._locks(axes, centre), *self._blobs(axes, centre, blobs)])

    def _hair(self) -> list[tuple]:
        """Return the cap of hair and the bun on it: material, offset and half axes in the frame of the head."""
        style = self.look.hair_style
        full = 1.08 if style == "long" else 1.0
        cap = [("hair", (0, 0.009, -0.008), (0.050 * full, 0.060, 0.054 * full))] if style != "bald" else []
        return [("hair", (0, 0.055, -0.045), (0.026, 0.026, 0.026)), *cap] if style == "bun" else cap

    def _features(self, towards: np.ndarray) -> list[tuple]:
        """Return nose, ears, eyes, brows and mouth, where they can be seen."""
        side, _, ahead = towards
        blobs = [("skin", (0, -0.014, 0.053), (0.008, 0.012, 0.010))]
        blobs += [("skin", (s * 0.042, -0.006, -0.004), (0.005, 0.012, 0.009)) for s in (-1, 1) if s * side > 0.3]
        if not self.look.face:
            return blobs
        for s in (-1, 1):
            if ahead + 0.5 * s * side > 0.25:
                blobs.append(("eye", (s * 0.018, 0.002, 0.048), (0.0075, 0.0042, 0.002)))
                blobs.append(("hair", (s * 0.018, 0.013, 0.048), (0.010, 0.0026, 0.002)))
        return [*blobs, ("lips", (0, -0.037, 0.047), (0.012, 0.0045, 0.002))] if ahead > 0.15 else blobs

    def _blobs(self, axes: np.ndarray, centre: np.ndarray, blobs: list[tuple]) -> list[Shape]:
        """Return the outlines of ellipsoids; axes (3, 3): left, up and ahead, as long as the body is high."""
        materials, offsets, sizes = zip(*blobs, strict=True)
        xy, _, metre = self.view.see(centre + np.array(offsets) @ axes)
        sizes = np.array(sizes)
        spread = (axes @ self.view.turn[:2].T * (1, -1)) * (sizes * metre[:, None])[:, :, None]  # (blobs, 3, 2)
        square = spread.transpose(0, 2, 1) @ spread
        # The outline is the unit circle times the square root of a symmetric 2 x 2 matrix, known in closed form.
        root = np.sqrt(np.maximum(np.linalg.det(square), 1e-6))[:, None, None]
        matrix = (square + root * np.eye(2)) / np.sqrt(np.trace(square, axis1=1, axis2=2)[:, None, None] + 2 * root)
        outlines = _fixed(xy[:, None, None] + LEVELS[:, None, None] * (_CIRCLE @ matrix)[:, None])
        relief = sizes[:, :2].max(1) * 0.8 * self.height * metre
        return [
            Shape("head", *shape) for shape in zip(materials, map(list, outlines), relief.tolist(), strict=True)
        ]

    def _locks(self, axes: np.ndarray, centre: np.ndarray) -> list[Shape]:
        """Return hair that hangs, no lower than the floor."""
        locks = {
            "ponytail": ((0, 0.025, -0.06), 0.16, (0.022, 0.026, 0.012)), "long": ((0, 0.0, -0.03), 0.13, (0.046, 0.044, 0.025))
        }  # fmt: skip
        if self.look.hair_style not in locks:
            return []
        offset, length, sizes = locks[self.look.hair_style]
        points = centre + np.array(offset) @ axes - np.array([[0], [0.5], [1]]) * length * self.height * np.array([0, 1, 0])
        points[:, 1] = np.maximum(points[:, 1], 0.02)
        xy, _, metre = self.view.see(points)
        radius = np.array(sizes) * self.height * metre
        return [_hull("head", "hair", xy, radius, float(radius[0]))]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.sqrt(vector @ vector)), 1e-9)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross product of two vectors; np.cross is made for many and takes ten times as long."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _fixed(points: np.ndarray) -> np.ndarray:
    """Return points in OpenCV's fixed-point numbers."""
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def _hull(part: str, material: str, xy: np.ndarray, radius: np.ndarray, relief: float) -> Shape:
    """Return the convex hull of discs: xy (K, 2), radius (K,)."""
    discs = _fixed(xy[None, :, None] + (LEVELS[:, None] * radius)[:, :, None, None] * _CIRCLE)
    return Shape(part, material, [cv2.convexHull(level.reshape(-1, 2)) for level in discs], float(relief))


def _outline(xy: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return limbs' outlines, int32 (rows, levels, K, 2), from their stations (rows, 6, 2) and half widths, both in pixels."""
    width = np.maximum(width, 1.0)
    along = xy[:, -1] - xy[:, 0]
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    offset = _ALONG * along[:, None] + _ACROSS * across[:, None]  # (rows, K, 2)
    offset = offset * width[:, _AT, None]
    return _fixed(xy[:, None, _AT] + LEVELS[:, None, None] * offset[:, None]), width
