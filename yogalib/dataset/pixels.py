"""The decoded cache: every picture decoded and resized once, then read as an array."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from PIL import Image, ImageOps
from tqdm import tqdm

from yogalib.dataset.images import open_image
from yogalib.dataset.subsets import select_subset
from yogalib.paths import write_whole

VERSION = 1  # part of the file's name: raise it when `to_pixels` changes


def to_pixels(image: Image.Image, resolution: int, fit: str) -> np.ndarray:
    """Return the picture as uint8 (R, R, 3).

    fit : `crop`, CLIP's own preprocessing: the shorter side resized to R (bicubic), the centre cut out; `pad`: the
    longer side resized to R and white margins added, so that nothing is cut off.
    """
    if fit == "pad":
        return np.array(ImageOps.pad(image, (resolution, resolution), Image.Resampling.BICUBIC, color="white"))
    width, height = image.size
    # the arithmetic of torchvision's Resize and CenterCrop, to the pixel
    scale = resolution / min(width, height)
    size = (
        (resolution, int(resolution * height / width))
        if width <= height
        else (int(resolution * width / height), resolution)
    )
    image = image.resize(size, Image.Resampling.BICUBIC) if scale != 1 else image
    left, top = round((image.width - resolution) / 2), round((image.height - resolution) / 2)
    return np.array(image.crop((left, top, left + resolution, top + resolution)))


def decoded_file(rows: pd.DataFrame, folder: Path, resolution: int, fit: str, cache: Path) -> Path:
    """Return the .npy file of the rows' pictures, in their order, uint8 (N, R, R, 3), made on first use.

    The file's name is a hash of the pictures' contents and of how they were resized, so it can't be stale.
    """
    key = hashlib.sha256("\n".join(rows["sha256"]).encode()).hexdigest()[:16]
    file = cache / f"{key}-{resolution}-{fit}-v{VERSION}.npy"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):  # two notebooks side by side decode once
        if not file.exists():
            write_whole(file, lambda path: _decode(rows, folder, resolution, fit, path))
    return file


def _decode(rows: pd.DataFrame, folder: Path, resolution: int, fit: str, file: Path) -> None:
    shape = (len(rows), resolution, resolution, 3)
    pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)

    def one(item: tuple[int, str]) -> None:
        pixels[item[0]] = to_pixels(open_image(folder / item[1]), resolution, fit)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = pool.map(one, enumerate(rows["path"]))
        for _ in tqdm(
            work, total=len(rows), desc=f"decode to {resolution} pixels", unit="image", mininterval=10, delay=2
        ):
            pass
    pixels.flush()


@dataclass(frozen=True)
class Source:
    """Where a study's images lie and how they become pixels: a value, which another process opens as this one does.

    folder : of the images. index : the Parquet file of their index. cache : folder of decoded files. fit : as `to_pixels` has it.
    alone : whether the rows asked for are decoded by themselves; else all kept images are, once, and serve every later question.
    """

    folder: Path
    index: Path
    cache: Path
    fit: str
    alone: bool = False

    def by_themselves(self) -> "Source":
        """Return the source for rows that nobody will ask for again with other rows."""
        return replace(self, alone=True)

    def decoded(self, rows: pd.DataFrame, resolution: int) -> tuple[Path, np.ndarray]:
        """Return a file of decoded images, as `decoded_file` makes it, and the places of `rows` in it, (N,)."""
        kept = rows if self.alone else _kept(self.index, self.index.stat().st_mtime_ns)
        file = decoded_file(kept, self.folder, resolution, self.fit, self.cache)
        return file, kept.index.get_indexer(rows.index)

    def pixels(self, rows: pd.DataFrame, resolution: int) -> np.ndarray:
        """Return a copy of the rows' images, uint8 (N, R, R, 3)."""
        file, places = self.decoded(rows, resolution)
        return np.load(file, mmap_mode="r")[places]

    def thumbnails(self, rows: pd.DataFrame, side: int = 96) -> list[np.ndarray]:
        """Return a few rows' images for a figure, uint8 (side, side, 3) each."""
        return [to_pixels(open_image(self.folder / path), side, self.fit) for path in rows["path"]]


@lru_cache(maxsize=4)  # each of hundreds of runs would read it anew
def _kept(index: Path, changed: int) -> pd.DataFrame:
    return select_subset(pd.read_parquet(index), "all")[["path", "sha256"]]
