"""BlazePose (Bazarevsky et al. 2020): 33 landmarks of the person in a photograph, by MediaPipe's own two networks.

A detector (224 x 224 pixels) says where a body is and how it is turned; the landmark network (256 x 256) reads the square cut out
there. Bodies upside down are what the detector misses: a photograph whose landmark flag stays low is looked at again turned by quarters.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from yogalib.dataset.images import decode
from yogalib.dataset.pixels import Box, Find
from yogalib.errors import BadInput
from yogalib.models.boxes import Square, anchors, merge
from yogalib.models.published import BLAZEPOSE, bring_blazepose
from yogalib.paths import write_whole

VERSION = 1  # part of the kept files' names: raise it when `BlazePose.find` changes
THRESHOLD = 0.3  # least score of a detection
SEEN = 0.5  # below it a picture is not cut to the person: what is cut off is lost
LOW_FLAG = 0.95  # below it a photograph is also looked at turned by quarters
# What is found in a picture, NaN and flag 0 where nobody is. points: x, y in pixels (y down), z in pixels away from the camera, visibility,
# presence (0 to 1). world: metres about the middle of the hips, axes as of points. flag: how sure the network is that it sees a body.
LANDMARKS = np.dtype([("points", "f4", (33, 5)), ("world", "f4", (33, 3)), ("flag", "f4")])
_SWAP = [0, 4, 5, 6, 1, 2, 3, *(i + 1 if i % 2 else i - 1 for i in range(7, 33)), *range(33, 39)]  # left for right

_own = threading.local()  # each thread's networks, by their folder: an interpreter serves one at a time
_alone = threading.Lock()


def landmarks_of(content: bytes, weights: Path, cache: Path) -> np.ndarray:
    """Return the landmarks of the surest body in a picture's file, a scalar of LANDMARKS.

    They are found once: a file in `cache`, named by the content's sha256, keeps them. BlazePose's own files are fetched into
    `weights` on first use.

    Raises BadInput where BlazePose can't be had or run, and what `decode` raises for bytes that are no picture.
    """
    file = cache / "landmarks" / f"{hashlib.sha256(content).hexdigest()}-v{VERSION}.npy"
    with suppress(OSError, ValueError):  # not there, or damaged
        return np.load(file)
    picture = decode(content)
    models = vars(_own)
    if weights not in models:
        models[weights] = BlazePose(weights)
    found = models[weights].find(picture)
    with suppress(OSError), _alone:  # a folder that can't be written to; the same picture twice at a time
        write_whole(file, lambda path: np.save(path, found))
    return found


def finder(fit: str, weights: Path, cache: Path) -> Find | None:
    """Return what a `fit` of yogalib.dataset.pixels needs: whom `person` is about; None for the others."""
    return partial(person_in, weights=weights, cache=cache) if fit == "person" else None


def person_in(content: bytes, weights: Path, cache: Path) -> Box | None:
    """Return the box of the landmarks in a picture's file; None where nobody is found, or hardly. Errors as of `landmarks_of`."""
    found = landmarks_of(content, weights, cache)
    places = found["points"][:, :2]
    return (*places.min(axis=0), *places.max(axis=0)) if found["flag"] >= SEEN else None


class BlazePose:
    """The two networks, one thread each; for one thread at a time."""

    def __init__(self, weights: Path):
        try:
            from ai_edge_litert.interpreter import Interpreter  # seconds, for commands that ask no photograph
        except ImportError:
            raise BadInput(
                "BlazePose runs on ai-edge-litert, which is not installed: run make setup; for Macs with an Intel processor there is none"
            ) from None
        with _alone:  # the first of several threads fetches the files
            folder = bring_blazepose(weights)
            with _silence():
                self._networks = [Interpreter(str(folder / name), num_threads=1) for name in BLAZEPOSE]
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
        size = [max(1, round(scale * side)) for side in picture.shape[:2]]
        top, left = ((224 - side) // 2 for side in size)
        padded = np.zeros((224, 224, 3), np.uint8)
        padded[top : top + size[0], left : left + size[1]] = cv2.resize(
            picture, size[::-1], interpolation=cv2.INTER_AREA
        )
        raw, logit = self._run(0, padded / 127.5 - 1, 0, 1)
        score = 1 / (1 + np.exp(-logit[:, 0].clip(-100, 100)))
        kept = score >= THRESHOLD
        places = raw[kept].reshape(-1, 6, 2) / 224  # centre, (width, height), four points: hips, a circle's top, ...
        places[:, [0, 2, 3, 4, 5]] += anchors()[kept, None]
        return [Square.about(*((at[2:4] * 224 - (left, top)) / scale)) for at in merge(places, score[kept])[:2]]

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

    def look(self, picture: np.ndarray, quarter: int) -> list[np.ndarray]:
        """Read the bodies in a picture turned by quarters; their landmarks are turned back.

        Each is read, cut out anew by what was read, and read again plain and mirrored: the mean of those two.
        """
        turned, found = np.ascontiguousarray(np.rot90(picture, quarter)), []
        for square in self.detect(turned):
            steer = self.read(turned, square)[0][33:35, :2]
            if not np.isfinite(steer).all() or np.ptp(steer) < 1:
                continue
            both = zip(*(self.read(turned, Square.about(*steer), side) for side in (False, True)), strict=True)
            points, world, flag = (np.mean(pair, axis=0) for pair in both)
            points, world = turn_back(points[:33], world[:33], quarter, picture.shape)
            found.append(np.array((points, world, flag), LANDMARKS))
            if flag >= LOW_FLAG:  # the surest body is well seen: no need of a second
                break
        return found

    def find(self, picture: np.ndarray) -> np.ndarray:
        """Return the landmarks of the surest body in a picture, uint8 (H, W, 3) RGB: a scalar of LANDMARKS."""
        found = self.look(picture, 0)
        if max((float(each["flag"]) for each in found), default=0) < LOW_FLAG:
            found += [each for quarter in (1, 2, 3) for each in self.look(picture, quarter)]
        nobody = np.array((np.full((33, 5), np.nan), np.full((33, 3), np.nan), 0), LANDMARKS)
        return max(found, key=lambda each: float(each["flag"]), default=nobody)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep LiteRT from telling on stderr which delegate it made; it has no switch for that."""
    stderr = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def turn_back(points: np.ndarray, world: np.ndarray, quarter: int, shape: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return points and world as in a picture of that shape, given as in `np.rot90(picture, quarter)`."""
    points, world = points.copy(), world.copy()
    for done in range(quarter):
        side = shape[1] if (quarter - done) % 2 else shape[0]  # of the picture before this quarter
        points[:, 0], points[:, 1] = side - points[:, 1], points[:, 0].copy()
        world[:, 0], world[:, 1] = -world[:, 1], world[:, 0].copy()
    return points, world
