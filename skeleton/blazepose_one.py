"""BlazePose (Bazarevsky et al. 2020): 33 landmarks of the person in a photograph, by MediaPipe's own two networks.

A detector (224 x 224 pixels) says where a body is and how it is turned; the landmark network (256 x 256) reads the
square cut out there. Bodies upside down are what the detector misses: a photograph whose landmark flag stays low is
looked at again turned by quarters. In LiteRT, on one thread, a run of either takes about 25 ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

DETECTOR, LANDMARKER = "pose_detection.tflite", "pose_landmark_full.tflite"
THRESHOLD = 0.3  # least score of a detection
LOW_FLAG = 0.95  # below it a photograph is also looked at turned by quarters
_SWAP = [0, 4, 5, 6, 1, 2, 3, *(i + 1 if i % 2 else i - 1 for i in range(7, 33)), *range(33, 39)]  # left for right


@dataclass(frozen=True)
class Landmarks:
    """What was found in N pictures; NaN and flag 0 where nobody was.

    points : (N, 33, 5) float32: x, y in pixels (y down), z in pixels away from the camera, visibility, presence (0..1).
    world : (N, 33, 3) float32, metres about the middle of the hips, axes as of points.
    flag : (N,) float32, how sure the landmark network is that it sees a body.
    """

    points: np.ndarray
    world: np.ndarray
    flag: np.ndarray


@dataclass(frozen=True)
class Square:
    """A turned square in a picture: centre (x, y) and side in pixels, angle in radians, clockwise."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def about(cls, centre: np.ndarray, top: np.ndarray) -> Square:
        """Return the square about a body's centre that has `top` straight above, with a quarter of room."""
        dx, dy = np.asarray(top - centre, dtype=float)
        return cls(*map(float, centre), 2.5 * float(np.hypot(dx, dy)), float(np.arctan2(dx, -dy)))

    @property
    def axes(self) -> np.ndarray:
        """The square's right and down in the picture, the columns of (2, 2)."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])

    def cut(self, picture: np.ndarray, size: int = 256) -> np.ndarray:
        """Return the square's pixels, uint8 (size, size, 3); the picture's edge goes on outside it."""
        shrink = min(1.0, 2 * size / max(self.side, 1.0))  # a large square is shrunk before it is sampled
        if shrink < 1:
            picture = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        step = shrink * self.side / size * self.axes
        corner = shrink * np.array([self.x, self.y]) - step @ [size / 2, size / 2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(picture, np.c_[step, corner], (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


class BlazePose:
    """The two networks, one thread each, out of a folder with mediapipe's files; for one thread at a time."""

    def __init__(self, weights: Path):
        from ai_edge_litert.interpreter import Interpreter  # a light command does not need it

        self._networks = [Interpreter(str(Path(weights) / name), num_threads=1) for name in (DETECTOR, LANDMARKER)]
        for network in self._networks:
            network.allocate_tensors()

    def _run(self, which: int, pixels: np.ndarray, *outputs: int) -> list[np.ndarray]:
        network = self._networks[which]
        network.set_tensor(network.get_input_details()[0]["index"], pixels[None].astype(np.float32))
        network.invoke()
        details = network.get_output_details()
        return [network.get_tensor(details[output]["index"])[0].astype(np.float64) for output in outputs]

    def detect(self, picture: np.ndarray) -> list[Square]:
        """Return where bodies are in a picture, uint8 (H, W, 3) RGB: the surest first, at most two."""
        scale = 224 / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:224, :224]
        top, left = ((224 - side) // 2 for side in small.shape[:2])
        padded = np.zeros((224, 224, 3), np.uint8)
        padded[top : top + small.shape[0], left : left + small.shape[1]] = small
        raw, logit = self._run(0, padded / 127.5 - 1, 0, 1)
        score = 1 / (1 + np.exp(-logit[:, 0].clip(-100, 100)))
        kept = score >= THRESHOLD
        places = raw[kept].reshape(-1, 6, 2) / 224  # centre, (width, height), four points: hips, a circle's top, ...
        places[:, [0, 2, 3, 4, 5]] += anchors()[kept, None]
        return [Square.about(*((at[2:4] * 224 - (left, top)) / scale)) for at in suppress(places, score[kept])[:2]]

    def read(self, picture: np.ndarray, square: Square, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray, float]:
        """Return points (39, 5), world (39, 3) and flag of the body in a square; the last six points steer a crop."""
        pixels = square.cut(picture)
        points, flag, world = self._run(1, (pixels[:, ::-1] if mirrored else pixels) / 255, 0, 1, 4)
        points, world = points.reshape(39, 5), world.reshape(39, 3)
        points[:, 3:] = 1 / (1 + np.exp(-points[:, 3:]))
        points[:, :2] -= 128
        if mirrored:
            points, world = points[_SWAP], world[_SWAP]
            points[:, 0], world[:, 0] = -points[:, 0], -world[:, 0]
        points[:, :3] *= square.side / 256
        points[:, :2] = points[:, :2] @ square.axes.T + (square.x, square.y)
        world[:, :2] = world[:, :2] @ square.axes.T
        return points, world, float(flag[0])

    def look(self, picture: np.ndarray, quarter: int) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """Read the bodies in a picture turned by quarters: points (33, 5), world (33, 3), flag, turned back.

        Each is read, cut out anew by what was read, and read again plain and mirrored: the mean of those two.
        """
        turned, found = np.ascontiguousarray(np.rot90(picture, quarter)), []
        for square in self.detect(turned):
            steer = self.read(turned, square)[0][33:35, :2]
            if not np.isfinite(steer).all() or np.ptp(steer) < 1:
                continue
            both = zip(*(self.read(turned, Square.about(*steer), side) for side in (False, True)), strict=True)
            points, world, flag = (np.mean(pair, axis=0) for pair in both)
            found.append((*turn_back(points[:33], world[:33], quarter, picture.shape), float(flag)))
            if flag >= LOW_FLAG:  # the surest body is well seen: no need of a second
                break
        return found

    def find(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return points (33, 5), world (33, 3) and flag of the surest body in a picture; NaN and 0 for nobody."""
        found = self.look(picture, 0)
        if max((flag for *_, flag in found), default=0) < LOW_FLAG:
            found += [reading for quarter in (1, 2, 3) for reading in self.look(picture, quarter)]
        nobody = (np.full((33, 5), np.nan), np.full((33, 3), np.nan), 0.0)
        return max(found, key=lambda reading: reading[2], default=nobody)


def landmarks(pictures: Iterable[np.ndarray], weights: Path) -> Landmarks:
    """Find the surest body in each picture, uint8 (H, W, 3) RGB; in a pool, each process opens networks of its own."""
    model = _opened(Path(weights))
    found = [model.find(picture) for picture in pictures]
    shapes = ((0, 33, 5), (0, 33, 3), (0,))
    parts = zip(*found, strict=True) if found else map(np.empty, shapes)
    return Landmarks(*(np.asarray(part, dtype=np.float32) for part in parts))


@cache
def _opened(weights: Path) -> BlazePose:
    return BlazePose(weights)


@cache
def anchors() -> np.ndarray:
    """Return the centres of the detector's 2,254 anchors as shares of the side, (2254, 2)."""
    grids = []
    for cells, boxes in ((28, 2), (14, 2), (7, 6)):
        y, x = np.mgrid[:cells, :cells].reshape(2, -1)
        grids.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, boxes, axis=0))
    return np.concatenate(grids)


def suppress(places: np.ndarray, score: np.ndarray, overlap: float = 0.3) -> list[np.ndarray]:
    """Weighted non-maximum suppression: of detections (K, 6, 2) that overlap more than that, the mean by score."""
    low, high = places[:, 0] - places[:, 1] / 2, places[:, 0] + places[:, 1] / 2
    area, left, merged = np.prod(high - low, axis=1), np.argsort(-score), []
    while len(left):
        first = left[0]
        both = np.prod((np.minimum(high[first], high[left]) - np.maximum(low[first], low[left])).clip(0), axis=1)
        same = (both > overlap * (area[first] + area[left] - both)) | (left == first)
        merged.append(np.average(places[left[same]], axis=0, weights=score[left[same]]))
        left = left[~same]
    return merged


def turn_back(points: np.ndarray, world: np.ndarray, quarter: int, shape: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return points and world as in a picture of that shape, given as in `np.rot90(picture, quarter)`."""
    points, world = points.copy(), world.copy()
    for done in range(quarter):
        side = shape[1] if (quarter - done) % 2 else shape[0]  # of the picture before this quarter
        points[:, 0], points[:, 1] = side - points[:, 1], points[:, 0].copy()
        world[:, 0], world[:, 1] = -world[:, 1], world[:, 0].copy()
    return points, world
