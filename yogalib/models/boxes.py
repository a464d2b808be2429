"""Where BlazePose's networks look: anchors, overlapping detections made one, and turned squares cut out of a picture."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np


@dataclass(frozen=True)
class Square:
    """A turned square in a picture: centre (x, y) and side in pixels, angle in radians, clockwise."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def about(cls, centre: np.ndarray, top: np.ndarray) -> "Square":
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


@cache
def anchors() -> np.ndarray:
    """Return the centres of the detector's 2,254 anchors as shares of the side, (2254, 2)."""
    grids = []
    for cells, boxes in ((28, 2), (14, 2), (7, 6)):
        y, x = np.mgrid[:cells, :cells].reshape(2, -1)
        grids.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, boxes, axis=0))
    return np.concatenate(grids)


def merge(places: np.ndarray, score: np.ndarray, overlap: float = 0.3) -> list[np.ndarray]:
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
