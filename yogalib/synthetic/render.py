"""Draws a posed body: perspective camera, painter's algorithm over tapered capsules, everything at twice the size and reduced."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from yogalib.synthetic.look import Look
from yogalib.synthetic.skeleton import JOINT, Bodies

SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel
PARTS = (
    "torso",
    "head",
    "l_upper_arm",
    "l_forearm",
    "r_upper_arm",
    "r_forearm",
    "l_thigh",
    "l_shin",
    "r_thigh",
    "r_shin",
)
LABEL = {name: number for number, name in enumerate(PARTS, start=1)}
# part -> capsules along the bones that draw it
BONES = {
    **{f"{s}_upper_arm": [(f"{s}_shoulder", f"{s}_elbow")] for s in "lr"},
    **{f"{s}_forearm": [(f"{s}_elbow", f"{s}_wrist"), (f"{s}_wrist", f"{s}_hand")] for s in "lr"},
    **{f"{s}_thigh": [(f"{s}_hip", f"{s}_knee")] for s in "lr"},
    **{f"{s}_shin": [(f"{s}_knee", f"{s}_ankle"), (f"{s}_heel", f"{s}_toe"), (f"{s}_ankle", f"{s}_toe")] for s in "lr"},
}
TORSO = [JOINT[name] for name in ("l_shoulder", "r_shoulder", "r_hip", "l_hip")]
SPINE = [("pelvis", "spine"), ("spine", "chest"), ("l_hip", "r_hip"), ("l_shoulder", "r_shoulder")]


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the middle of the body and fits it into the picture.

    azimuth : degrees, 0 in front of a standing body, 90 at its left. elevation, roll : degrees. distance : metres.
    fill : share of the picture that the body spans. x, y : where its middle is, -1..1 of the room left.
    """

    azimuth: float
    elevation: float
    roll: float
    distance: float
    fill: float
    x: float
    y: float


def sample_camera(rng: np.random.Generator, view: np.ndarray, flat: bool) -> Camera:
    """Draw a camera from the pose's own range of azimuths; higher up for bodies that lie `flat` on the floor."""
    low, high = view
    height = rng.uniform(5, 50) if flat else rng.normal(6, 8)
    return Camera(
        azimuth=float(rng.uniform(low, high) + rng.normal(0, 8)),
        elevation=float(np.clip(height, -8, 70)),
        roll=float(rng.normal(0, 3)),
        distance=float(rng.uniform(2.2, 8)),
        fill=float(rng.uniform(0.5, 0.97)) if rng.random() < 0.93 else float(rng.uniform(0.97, 1.25)),
        x=float(rng.uniform(-1, 1)),
        y=float(rng.uniform(-0.6, 1)),
    )


@dataclass(frozen=True)
class View:
    """A body as the camera sees it, in pixels of the drawing.

    xy : (J, 2). depth : (J,), metres from the camera. radius : (J,), pixels. project : maps world points (K, 3) to (K, 2).
    """

    xy: np.ndarray
    depth: np.ndarray
    radius: np.ndarray
    turn: np.ndarray
    centre: np.ndarray
    distance: float
    scale: float
    shift: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return world points (K, 3) in pixels, (K, 2); points behind the camera are drawn in to just before it."""
        there = (points - self.centre) @ self.turn.T
        return (
            there[:, :2] * (self.scale / np.maximum(self.distance - there[:, 2], 0.3))[:, None] * (1, -1) + self.shift
        )


def look_at(joints: np.ndarray, radius: np.ndarray, camera: Camera, width: int, height: int) -> View:
    """Return what the camera sees of one body: joints (J, 3) and radius (J,) in metres, drawing of width x height pixels."""
    a, e, r = np.deg2rad([camera.azimuth, camera.elevation, camera.roll])
    right = np.array([np.cos(a), 0, -np.sin(a)])
    toward = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    up = np.cross(toward, right)
    turn = np.stack([np.cos(r) * right + np.sin(r) * up, np.cos(r) * up - np.sin(r) * right, toward])
    centre = (joints.min(0) + joints.max(0)) / 2
    there = (joints - centre) @ turn.T
    depth = camera.distance - there[:, 2]
    plane = there[:, :2] / depth[:, None] * (1, -1)
    thick = radius / depth
    low, high = (plane - thick[:, None]).min(0), (plane + thick[:, None]).max(0)
    size = np.array([width, height])
    scale = camera.fill * (size / (high - low)).min()
    room = size - scale * (high - low)
    shift = room / 2 * (1 + np.array([camera.x, camera.y])) - scale * low
    return View(plane * scale + shift, depth, thick * scale, turn, centre, camera.distance, scale, shift)


def _points(xy: np.ndarray) -> np.ndarray:
    return np.round(np.asarray(xy) * (1 << SHIFT)).astype(np.int32)


def _capsule(canvas: np.ndarray, ax: float, ay: float, bx: float, by: float, ra: float, rb: float, fill) -> None:
    """Fill the hull of two discs, the outline of a limb. Plain numbers: NumPy's overhead would cost half of the drawing."""
    one = 1 << SHIFT
    cv2.circle(canvas, (int(ax * one), int(ay * one)), int(ra * one), fill, -1, cv2.LINE_AA, SHIFT)
    cv2.circle(canvas, (int(bx * one), int(by * one)), int(rb * one), fill, -1, cv2.LINE_AA, SHIFT)
    length = math.hypot(bx - ax, by - ay)
    if length > 1e-3:
        x, y = (ay - by) / length * one, (bx - ax) / length * one
        ax, ay, bx, by = ax * one, ay * one, bx * one, by * one
        quad = [
            [ax + x * ra, ay + y * ra],
            [bx + x * rb, by + y * rb],
            [bx - x * rb, by - y * rb],
            [ax - x * ra, ay - y * ra],
        ]
        cv2.fillConvexPoly(canvas, np.array(quad).astype(np.int32), fill, cv2.LINE_AA, SHIFT)


def _tone(colour: np.ndarray, factor: float) -> tuple[float, float, float]:
    red, green, blue = colour
    return (min(red * factor, 255.0), min(green * factor, 255.0), min(blue * factor, 255.0))


class Painter:
    """Draws one body onto a canvas; `labels`, where given, gets each part's number (see LABEL)."""

    def __init__(self, canvas: np.ndarray, view: View, look: Look, labels: np.ndarray | None = None):
        self.canvas, self.view, self.look, self.labels = canvas, view, look, labels
        self.thick = view.radius * look.thickness
        self.mean_depth, self.spread = view.depth.mean(), max(float(np.ptp(view.depth)), 0.3)

    def draw(self, bodies: Bodies, row: int) -> None:
        """Draw the parts of body `row`, the far ones first."""
        depth = {
            name: np.mean([self.view.depth[JOINT[joint]] for bone in bones for joint in bone])
            for name, bones in BONES.items()
        }
        torso = self.view.depth[TORSO].mean()
        depth["torso"], depth["head"] = torso, self.view.depth[JOINT["head"]]
        for name in sorted(depth, key=depth.get, reverse=True):
            if name == "torso":
                self.torso()
            elif name == "head":
                self.head(bodies.face[row])
            else:
                self.limb(name)

    def limb(self, name: str) -> None:
        """Draw an arm's or a leg's half, dressed as the look says."""
        look, (kind) = self.look, name.split("_", 1)[1]
        for number, bone in enumerate(BONES[name]):
            cover = {
                "upper_arm": look.sleeve >= 1,
                "forearm": look.sleeve == 2 and number == 0,
                "thigh": look.leg >= 1,
                "shin": look.leg == 2 and number == 0,
            }[kind]
            dress = look.top if "arm" in kind else look.bottom
            self.bone(*bone, dress if cover else look.skin, LABEL[name])
            if kind == "thigh" and look.leg == 0:  # briefs
                hip, knee = (self.view.xy[JOINT[joint]] for joint in bone)
                self.capsule(
                    hip, hip + 0.25 * (knee - hip), *(self.thick[[JOINT[bone[0]]] * 2] * 1.02), look.bottom, LABEL[name]
                )

    def bone(self, start: str, end: str, colour: np.ndarray, label: int) -> None:
        """Draw the capsule of one bone."""
        i, j = JOINT[start], JOINT[end]
        far = (self.view.depth[[i, j]].mean() - self.mean_depth) / self.spread
        dim = 1 - 0.35 * self.look.shade * np.clip(0.5 + far, 0, 1.5)
        self.capsule(self.view.xy[i], self.view.xy[j], self.thick[i], self.thick[j], colour, label, dim)

    def capsule(self, a, b, ra, rb, colour, label: int, dim: float = 1.0) -> None:
        """Draw a capsule in the look's style: outlined, flat, or with a lit side."""
        look, ends = self.look, (float(a[0]), float(a[1]), float(b[0]), float(b[1]))
        ra, rb = max(float(ra), 0.8), max(float(rb), 0.8)
        if look.style == "silhouette":
            _capsule(self.canvas, *ends, ra, rb, _tone(look.ink, 1))
        else:
            sketch = look.style == "sketch"
            if sketch or look.outline:
                line = max(1.0, self.canvas.shape[0] / 130)
                _capsule(self.canvas, *ends, ra + line, rb + line, _tone(look.ink, 1))
            colour = look.paper if sketch else colour
            _capsule(self.canvas, *ends, ra, rb, _tone(colour, dim * (1 - look.shade)))
            if look.shade > 0 and not sketch:
                self.lit_side(ends, ra, rb, colour, dim)
        if self.labels is not None:
            _capsule(self.labels, *ends, ra, rb, label)

    def lit_side(self, ends: tuple[float, float, float, float], ra: float, rb: float, colour, dim: float) -> None:
        """Lay two narrower, lighter capsules on a limb, towards the light."""
        (ax, ay, bx, by), (x, y) = ends, self.look.light
        for inner, light in ((0.8, 0.6), (0.5, 1.0)):
            slide = (1 - inner) * 0.8
            lit = _tone(colour, dim * (1 - self.look.shade * (1 - light)))
            there = (ax + slide * ra * x, ay + slide * ra * y, bx + slide * rb * x, by + slide * rb * y)
            _capsule(self.canvas, *there, inner * ra, inner * rb, lit)

    def torso(self) -> None:
        """Draw the trunk: hull of shoulders and hips, thickened along the spine."""
        look, label = self.look, LABEL["torso"]
        upper = look.top if look.torso else look.skin
        middle = look.top if look.torso == 2 else look.skin
        neck = [self.view.xy[JOINT["chest"]], self.view.xy[JOINT["neck"]]]
        self.capsule(*neck, *(self.thick[[JOINT["neck"]] * 2] * 0.8), look.skin, label)
        self.bone("l_hip", "r_hip", look.bottom, label)
        self.quad(["spine", "pelvis"], 0.9, look.bottom if look.leg else middle, label)
        self.bone("pelvis", "spine", middle, label)
        self.quad(["chest", "spine"], 1.0, middle, label)
        self.bone("spine", "chest", upper, label)
        self.bone("l_shoulder", "r_shoulder", upper, label)

    def quad(self, along: list[str], share: float, colour: np.ndarray, label: int) -> None:
        """Fill the trunk between the shoulder line, narrowed at the waist, and the hip line."""
        view = self.view
        ends = []
        for name in along:
            left, right = ("l_hip", "r_hip") if name != "chest" else ("l_shoulder", "r_shoulder")
            half = (view.xy[JOINT[left]] - view.xy[JOINT[right]]) / 2 * (1.0 if name != "spine" else 0.95)
            ends.append((view.xy[JOINT[name]] + half * share, view.xy[JOINT[name]] - half * share))
        hull = cv2.convexHull(_points(np.array([*ends[0], *ends[1]])))
        look = self.look
        fill = look.ink if look.style == "silhouette" else look.paper if look.style == "sketch" else colour
        tone = 1 if look.style in ("silhouette", "sketch") else 1 - 0.4 * look.shade
        cv2.fillConvexPoly(self.canvas, hull, _tone(fill, tone), cv2.LINE_AA, SHIFT)
        if self.labels is not None:
            cv2.fillConvexPoly(self.labels, hull, label, cv2.LINE_AA, SHIFT)

    def head(self, face: np.ndarray) -> None:
        """Draw skull, face and hair; the hair lies away from where the face looks."""
        look, view, label = self.look, self.view, LABEL["head"]
        neck, head, crown = (view.xy[JOINT[name]] for name in ("neck", "head", "crown"))
        size = self.thick[JOINT["head"]] / look.thickness**0.5 * 1.12
        towards = (view.turn @ face)[:3] * (1, -1, 1)
        self.capsule(neck, head, self.thick[JOINT["neck"]] * 0.75, size * 0.7, look.skin, label)
        chin, top = head - 0.25 * (crown - head), head + 0.35 * (crown - head)
        if look.hair_style == 0:  # shaved
            self.capsule(chin, top, size * 0.75, size * 0.95, look.skin, label)
            return
        back = -towards[:2] * size * 0.45
        if towards[2] < 0.15:  # seen from the side or behind: hair over the skull, then the face
            self.capsule(chin, top, size * 0.75, size * 0.9, look.skin, label)
            self.capsule(chin * 0.5 + top * 0.5 + back, top + back * 0.6, size * 0.7, size * 0.95, look.hair, label)
        else:
            self.capsule(head + back, top + back * 0.5, size * 0.85, size * 1.05, look.hair, label)
            self.capsule(chin - back * 0.5, head - back * 0.5, size * 0.68, size * 0.78, look.skin, label)
        self.hair_tail(head, crown, back, size)

    def hair_tail(self, head: np.ndarray, crown: np.ndarray, back: np.ndarray, size: float) -> None:
        """Draw a bun, a ponytail that hangs, or long hair."""
        look, label = self.look, LABEL["head"]
        if look.hair_style == 2:
            bun = crown + back
            self.capsule(bun, bun, size * 0.45, size * 0.45, look.hair, label)
        elif look.hair_style == 3:
            root = (head + crown) / 2 + back * 1.6
            self.capsule(root, root + np.array([0, 1.9]) * size, size * 0.32, size * 0.12, look.hair, label)
        elif look.hair_style == 4:
            self.capsule(
                head + back, head + back + np.array([0, 1.5]) * size, size * 0.7, size * 0.55, look.hair, label
            )
