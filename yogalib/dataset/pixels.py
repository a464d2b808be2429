"""The decoded cache: every picture decoded and resized once, then read as an array."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock

import numpy as np
import pandas as pd
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

from yogalib.dataset.images import decode
from yogalib.dataset.subsets import select_subset
from yogalib.paths import write_whole

VERSION = 2  # part of the file's name: raise it when `to_pixels` changes
MARGIN = 0.15  # of a person's longer side, left around it: hair, fingers and toes lie beyond the joints

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Find = Callable[[bytes], Box | None]  # from a picture's file to the box of a person's joints; None for nobody


def to_pixels(image: Image.Image | np.ndarray, resolution: int, fit: str, box: Box | None = None) -> np.ndarray:
    """Return the picture as uint8 (R, R, 3).

    image : in RGB; an array is uint8 (height, width, 3). fit : `crop`, CLIP's own preprocessing: the shorter side resized to R
    (bicubic), the centre cut out; `pad`: the longer side resized to R and white margins added, so that nothing is cut off; `person`: `pad`
    of a square around `box`, or of the whole picture where there is none.
    """
    pixels = image if isinstance(image, np.ndarray) else np.array(image)
    if fit == "person" and box is not None:
        pixels = square_around(pixels, box)
    height, width, _ = pixels.shape
    if fit in ("pad", "person"):  # the arithmetic of Pillow's ImageOps.pad, to the pixel
        size = [max(1, round(side / max(height, width) * resolution)) for side in (height, width)]
        whole = np.full((resolution, resolution, 3), 255, np.uint8)
        top, left = (round((resolution - side) / 2) for side in size)
        whole[top : top + size[0], left : left + size[1]] = _resize(pixels, *size)
        return whole
    # of torchvision's Resize and CenterCrop
    size = [
        resolution if side <= other else int(resolution * side / other)
        for side, other in ((height, width), (width, height))
    ]
    top, left = (round((side - resolution) / 2) for side in size)
    return _resize(pixels, *size)[top : top + resolution, left : left + resolution].copy()


def square_around(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Return the square around what a box holds of a picture, uint8 (S, S, 3), white beyond the picture's borders.

    A joint outside of the picture is a guess, and draws nothing in; of a box outside of it the whole picture is left.
    """
    height, width, _ = pixels.shape
    left, right = np.clip(box[0::2], 0, width)
    top, bottom = np.clip(box[1::2], 0, height)
    longer = max(right - left, bottom - top)
    if longer < 1:
        return pixels
    side = int(np.ceil((1 + 2 * MARGIN) * longer))
    first = [int(np.floor((low + high - side) / 2)) for low, high in ((top, bottom), (left, right))]
    (y, x), square = first, np.full((side, side, 3), 255, np.uint8)
    there = pixels[max(y, 0) : y + side, max(x, 0) : x + side]
    square[max(-y, 0) :, max(-x, 0) :][: there.shape[0], : there.shape[1]] = there
    return square


def _resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the picture, bicubic with antialias: as Pillow has it, but for one value in 300, which is off by one or two.

    In a quarter of Pillow's time, on one core (`make bench`).
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.shape[0] > 2 * pixels.shape[1]:  # such a tall one Pillow scales in height first, which gives other pixels
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
    import torch  # seconds, which commands that open no picture need not wait for

    before = pixels.shape[:2]
    # by these strides torch knows that channels come last, in its answer too, which halves the time (pytorch issue 68430)
    strides = (pixels.size, 1, 3 * before[1], 3)
    picture = torch.from_numpy(np.ascontiguousarray(pixels)).as_strided((1, 3, *before), strides)
    scaled = torch.nn.functional.interpolate(picture, (height, width), mode="bicubic", antialias=True)
    return scaled[0].permute(1, 2, 0).numpy()


def pixels_of(content: bytes, resolution: int, fit: str, find: Find | None) -> np.ndarray:
    """Return a picture's file as `to_pixels` does, uint8 (R, R, 3). find : whom `person` is about; None for the other fits."""
    return to_pixels(decode(content), resolution, fit, find and find(content))


def decoded_file(
    rows: pd.DataFrame,
    folder: Path,
    resolution: int,
    fit: str,
    cache: Path,
    ready: Callable[[str], np.ndarray] | None = None,
    find: Find | None = None,
) -> Path:
    """Return the .npy file of the rows' pictures, in their order, uint8 (N, R, R, 3), made on first use.

    The file's name is a hash of the pictures' contents and of how they were resized, so it can't be stale. ready : from a picture's sha256
    to its pixels, uint8 (R, R, 3), where they were made already. find : whom `person` is about.
    """

    def made(path: str, sha256: str) -> np.ndarray:
        return ready(sha256) if ready else pixels_of((folder / path).read_bytes(), resolution, fit, find)

    key = hashlib.sha256("\n".join(rows["sha256"]).encode()).hexdigest()[:16]
    file = cache / f"{key}-{resolution}-{fit}-v{VERSION}.npy"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):  # two notebooks side by side decode once
        if not file.exists():
            write_whole(file, lambda path: _fill(path, rows, resolution, made))
    return file


def _fill(file: Path, rows: pd.DataFrame, resolution: int, pixels_of: Callable[[str, str], np.ndarray]) -> None:
    shape = (len(rows), resolution, resolution, 3)
    pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)

    def one(place: int, path: str, sha256: str) -> None:
        pixels[place] = pixels_of(path, sha256)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = pool.map(one, range(len(rows)), rows["path"], rows["sha256"])
        for _ in tqdm(
            work, total=len(rows), desc=f"decode to {resolution} pixels", unit="image", mininterval=10, delay=2
        ):
            pass
    pixels.flush()


class Ahead:
    """Pixels made while the index reads the pictures, which then need not be decoded a second time.

    They wait in passing files, since the index alone says which pictures are kept. resolutions : of the encoders that will see all of them.
    """

    WORTH = 100e6  # bytes of pictures that it takes longer to decode again than to load torch here

    def __init__(self, resolutions: Iterable[int], fit: str, cache: Path):
        self.fit, self.cache, self.places, self.lock = fit, cache, {}, Lock()
        cache.mkdir(parents=True, exist_ok=True)
        self.files = {resolution: TemporaryFile(dir=cache) for resolution in set(resolutions)}  # noqa: SIM115 - `keep` closes

    def pays(self, size: int) -> bool:
        """Return whether to make pixels ahead saves time. size : bytes of all pictures."""
        return bool(self.files) and ("torch" in sys.modules or size > self.WORTH)

    def take(self, sha256: str, picture: np.ndarray) -> None:
        """Make pixels of a picture, uint8 (height, width, 3); several threads may do so at a time."""
        made = {resolution: to_pixels(picture, resolution, self.fit) for resolution in self.files}
        with self.lock:
            if sha256 not in self.places:
                self.places[sha256] = len(self.places)
                for resolution, pixels in made.items():
                    self.files[resolution].write(pixels)

    def keep(self, rows: pd.DataFrame) -> None:
        """Write the rows' decoded files, if all of their pictures were taken; close the passing ones."""
        for resolution, file in self.files.items():
            with file:
                if self.places and rows["sha256"].isin(self.places.keys()).all():
                    file.flush()
                    made = np.memmap(file, np.uint8, "r", shape=(len(self.places), resolution, resolution, 3))
                    decoded_file(
                        rows,
                        Path(),
                        resolution,
                        self.fit,
                        self.cache,
                        lambda sha256, made=made: made[self.places[sha256]],
                    )


@dataclass(frozen=True)
class Source:
    """Where a study's images lie and how they become pixels: a value, which another process opens as this one does.

    folder : of the images. index : the Parquet file of their index. cache : folder of decoded files. fit : as `to_pixels` has it.
    alone : whether the rows asked for are decoded by themselves; else all kept images are, once, and serve every later question.
    find : whom a `person` fit is about.
    """

    folder: Path
    index: Path
    cache: Path
    fit: str
    alone: bool = False
    find: Find | None = None

    def by_themselves(self) -> "Source":
        """Return the source for rows that nobody will ask for again with other rows."""
        return replace(self, alone=True)

    def decoded(self, rows: pd.DataFrame, resolution: int) -> tuple[Path, np.ndarray]:
        """Return a file of decoded images, as `decoded_file` makes it, and the places of `rows` in it, (N,)."""
        kept = rows if self.alone else _kept(self.index, self.index.stat().st_mtime_ns)
        places = kept.index.get_indexer(rows.index)
        if not np.array_equal(kept["sha256"].reindex(rows.index), rows["sha256"]):
            # meanwhile the index is another folder's: somebody runs the profile on other images
            kept, places = rows, np.arange(len(rows))
        return decoded_file(kept, self.folder, resolution, self.fit, self.cache, find=self.find), places

    def pixels(self, rows: pd.DataFrame, resolution: int) -> np.ndarray:
        """Return a copy of the rows' images, uint8 (N, R, R, 3)."""
        file, places = self.decoded(rows, resolution)
        return np.load(file, mmap_mode="r")[places]

    def thumbnails(self, rows: pd.DataFrame, side: int = 96) -> list[np.ndarray]:
        """Return a few rows' images for a figure, uint8 (side, side, 3) each."""
        return [self.see((self.folder / path).read_bytes(), side) for path in rows["path"]]

    def see(self, content: bytes, resolution: int) -> np.ndarray:
        """Return any picture's file as this source's are seen, uint8 (R, R, 3)."""
        return pixels_of(content, resolution, self.fit, self.find)


@lru_cache(maxsize=4)  # each of hundreds of runs would read it anew
def _kept(index: Path, changed: int) -> pd.DataFrame:
    return select_subset(pd.read_parquet(index), "all")[["path", "sha256"]]
