"""What CLIP-lite's frozen stages see in augmented pictures, kept beside the decoded cache: each split of a study has the same pictures.

Of a step on new pictures these stages take the larger half. Of a bounded number of views per picture they are spared in all splits
but the first.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from yogalib.dataset.pixels import Source
from yogalib.models.augment import augment, draws_for
from yogalib.models.encoders import Encoder
from yogalib.models.resident import Pictures
from yogalib.models.zero_shot import normalise
from yogalib.paths import kept_array
from yogalib.profile import FineTuning

BATCH = 4  # of 32 the first stages' maps, 100 MB each, leave the processor's cache: twice the time


def kept_views(source: Source, rows: pd.DataFrame, encoder: Encoder, settings: FineTuning) -> list[Pictures]:
    """Return the rows' pictures as CLIP-lite's frozen stages see them, float16 (N, R / 16, R / 16, 80), once for each of `settings.views`.

    What chance does to a picture in a view is the same in every split: files, made on first use, have the views of all pictures
    in the decoded one. encoder : before any training, on the CPU.
    """
    decoded, places = source.decoded(rows, encoder.resolution)
    decides = f"{encoder.weights} {settings.seed} {settings.augmentation.model_dump_json()}"
    key = sha256(decides.encode()).hexdigest()[:16]
    views = []
    for view in range(settings.views):
        file = decoded.with_name(f"{decoded.stem}-{key}-{view}.npy")
        maps = kept_array(file, lambda view=view: seen(decoded, encoder, settings, view))
        views.append(Pictures(torch.from_numpy(maps), torch.from_numpy(places)))
    return views


def seen(decoded: Path, encoder: Encoder, settings: FineTuning, view: int) -> np.ndarray:
    """Return what the frozen stages see of all pictures of a decoded file in one view, float16 (M, R / 16, R / 16, 80)."""
    pixels = torch.from_numpy(np.load(decoded, mmap_mode="c"))
    generator = torch.Generator().manual_seed(1000 * (view + 1) + settings.seed)
    draws = torch.rand(len(pixels), draws_for(settings.augmentation), generator=generator)

    @torch.no_grad()  # of its own for each thread
    def part(start: int) -> np.ndarray:
        some = slice(start, start + BATCH)
        maps = encoder.model.visual.early(normalise(augment(pixels[some], settings.augmentation, draws[some])))
        return maps.permute(0, 2, 3, 1).half().numpy()

    with ThreadPoolExecutor(max(1, os.cpu_count() // torch.get_num_threads())) as pool:
        return np.concatenate(list(pool.map(part, range(0, len(pixels), BATCH))))
