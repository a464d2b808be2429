"""Rows of images on their way to pixels: decoded and resized, indexed, and taken from the cache ever after."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from yogalib.dataset.images import decode
from yogalib.dataset.index import refresh_index
from yogalib.dataset.pixels import Ahead, to_pixels
from yogalib.dataset.subsets import select_subset
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.encoders import import_clip
from yogalib.models.zero_shot import normalise
from yogalib.tools.bench.naive import naive_index
from yogalib.tools.bench.setting import CLASSES, Bench
from yogalib.tools.bench.turns import Row, take_turns

SIDE = 224


def image_rows(bench: Bench) -> list[Row]:
    """Time what becomes of a file, on one core but for the index: decoded and resized, and taken from the cache ever after."""
    files, preprocess = bench.files(CLASSES), import_clip().clip._transform(SIDE)
    pixels = torch.from_numpy(np.stack([to_pixels(decode(file.read_bytes()), SIDE, "crop") for file in files]))

    def naive() -> None:
        for file in files:
            preprocess(Image.open(file))

    def ours() -> None:
        for file in files:
            to_pixels(decode(file.read_bytes()), SIDE, "crop")

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first = take_turns({"naive": naive, "ours": ours}, bench.sizes.repeats)
        later = take_turns(
            {"naive": naive, "ours": lambda: normalise(pixels[torch.randperm(CLASSES)])}, bench.sizes.repeats
        )
        both = index_row(bench, files)
    finally:
        torch.set_num_threads(threads)
    return [
        Row("files decoded, one core", "", first, CLASSES),
        Row("the same in later epochs", "", later, CLASSES),
        both,
    ]


def index_row(bench: Bench, files: list[Path]) -> Row:
    """Time a folder's index and decoded cache; the naive way opens each file for the one, and again for the other."""
    folder = bench.folder / "indexed"
    for pose, file in zip(load_taxonomy()["folder"], files, strict=False):
        (folder / pose).mkdir(parents=True, exist_ok=True)
        (folder / pose / file.name).hardlink_to(file)

    def ours() -> None:
        with tempfile.TemporaryDirectory(dir=bench.folder) as made:
            ahead = Ahead([SIDE], "crop", Path(made))
            index = refresh_index(folder, 64, None, Path(made, "index.parquet"), ahead)
            ahead.keep(select_subset(index, "all"))

    paths = {"naive": lambda: naive_index(files, SIDE), "ours": ours}
    return Row("index and cache", "", take_turns(paths, bench.sizes.repeats), len(files))
