"""Pictures on their way into a network: rows of the decoded cache, gathered a batch at a time where the cache lies."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from yogalib.dataset.pixels import Source


@dataclass(frozen=True)
class Pictures:
    """Some of a cache's pictures; none is copied before it is asked for.

    cache : uint8 (M, R, R, 3), a mapped file's or a GPU's memory. places : (N,), the rows that these are, on the same device.
    """

    cache: Tensor
    places: Tensor

    @classmethod
    def of(cls, pixels: "np.ndarray | Pictures", device: torch.device) -> "Pictures":
        """Return pictures of one's own, uint8 (N, R, R, 3), as such, on the device."""
        if isinstance(pixels, Pictures):
            return pixels
        return cls(torch.as_tensor(pixels).to(device), torch.arange(len(pixels), device=device))

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, chosen: slice | Tensor) -> Tensor:
        """Return the chosen ones, uint8 (B, R, R, 3), where the cache lies."""
        return self.cache[self.places[chosen]]


@lru_cache(maxsize=1)
def resident(file: Path, device: torch.device) -> Tensor:
    """Return a decoded cache, uint8 (M, R, R, 3): sent whole to a GPU when half of its free memory holds it, else as a mapped file.

    The last one asked for stays, so that 78 splits are sent once. The whole Yoga-82 takes 2.9 GB at 224 pixels.
    """
    pixels = torch.from_numpy(
        np.load(file, mmap_mode="c")
    )  # torch wants writable memory; what is written stays private
    fits = device.type == "cuda" and 2 * pixels.nbytes < torch.cuda.mem_get_info(device)[0]
    return pixels.to(device) if fits else pixels


def images_of(source: Source, rows: pd.DataFrame, resolution: int, device: torch.device) -> Pictures:
    """Return the rows' images for a network, without a copy."""
    file, places = source.decoded(rows, resolution)
    cache = resident(file, device)
    return Pictures(cache, torch.from_numpy(places).to(cache.device))
