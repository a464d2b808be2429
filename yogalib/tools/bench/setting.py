"""What all rows of the benchmark share: how much is measured, and on what."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader

from yogalib.facts.prompts import class_prompts
from yogalib.models.device import Device
from yogalib.models.encoders import RANDOM, Encoder, open_encoder
from yogalib.profile import FineTuning, read_profile
from yogalib.tools.bench.naive import PicturesAndCaptions

TRAIN, TEST, EPOCHS, SPLITS, CLASSES = 15_301, 3_826, 5, 78, 82  # the paper's
WARM_UP = {"cpu": 1, "cuda": 5}  # a GPU's graph is recorded in the fourth call
PEER = "ViT-B/32"  # of the encoders here the one that open_clip builds too


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    steps : (encoder, batch) of the training steps; the first encoder is fine-tuned. answers : encoders that classify one picture.
    flow : pictures of a batch to classify. train, epochs : of the timed fine-tuning; less than the paper's is scaled to it.
    repeats, of a fine-tuning: runs. matrix : side of the matrix product that utilisation is held against.
    """

    steps: tuple[tuple[str, int], ...]
    answers: tuple[str, ...]
    flow: int
    train: int
    epochs: int
    repeats: int
    runs: int
    matrix: int


# a step of ViT-B/32 on 82 pictures takes a CPU a minute and more
SIZES = {
    "cpu": Sizes(
        (("CLIP-mini-RN", 82), ("CLIP-mini-RN", 512), (PEER, 4)), ("CLIP-mini-RN", PEER), 64, 328, 1, 3, 3, 2048
    ),
    "cuda": Sizes(((PEER, 82), (PEER, 512)), (PEER,), 512, TRAIN, EPOCHS, 20, 1, 8192),
}


@dataclass(frozen=True)
class Bench:
    """What all rows share: device, sizes, setting and files of noise, 640 x 480 pixels each."""

    device: Device
    sizes: Sizes
    tuning: FineTuning
    prompts: list[str]
    folder: Path

    @classmethod
    def open(cls, device: Device, sizes: Sizes, folder: Path) -> "Bench":
        """Write the files, as many as a batch of the paper has."""
        rng, tuning = np.random.default_rng(0), read_profile("paper").fine_tuning
        for place in range(CLASSES):
            small = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
            small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{place}.jpg", quality=90)
        tuning = tuning.model_copy(update={"epochs": sizes.epochs})
        return cls(device, sizes, tuning, class_prompts(range(CLASSES), tuning.prompt.template), folder)

    def encoder(self, name: str) -> Encoder:
        """Return a new encoder with random weights, on the device."""
        encoder = open_encoder(name + RANDOM, self.folder)
        encoder.on(self.device.torch)
        return encoder

    def labels(self, count: int) -> np.ndarray:
        """Return random labels, (count,)."""
        return np.random.default_rng(count).integers(0, CLASSES, count)

    def files(self, count: int) -> list[Path]:
        """Return so many files; the same ones come again and again."""
        return [self.folder / f"{place % CLASSES}.jpg" for place in range(count)]

    def loader(self, model, count: int) -> DataLoader:
        """Return the naive loop's loader, a worker on each core."""
        pictures = PicturesAndCaptions(self.files(count), [self.prompts[label] for label in self.labels(count)], model)
        return DataLoader(
            pictures, self.tuning.batch, shuffle=True, num_workers=os.cpu_count(), persistent_workers=True
        )
