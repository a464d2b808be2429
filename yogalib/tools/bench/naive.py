"""The loop that most repositories which fine-tune CLIP use, written as they write it: what `make bench` measures ours against.

Pillow decodes each picture again in each epoch, in a DataLoader's workers; every picture brings a caption of its own, as long as the
whole context; all is fp32; the loss is read after each step for the progress bar. At inference every prompt is encoded for
every picture. (openai/CLIP issue 83 is the source of most of them.)
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.fftpack import dct
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from yogalib.models.encoders import import_clip
from yogalib.profile import Optimiser


class PicturesAndCaptions(Dataset):
    """A list of files, each with its caption: (3, R, R) and the caption's tokens, (context length,)."""

    def __init__(self, files: list[Path], captions: list[str], model: nn.Module):
        self.files, self.preprocess = files, import_clip().clip._transform(model.visual.input_resolution)
        self.tokens = import_clip().tokenize(captions, context_length=model.context_length)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        return self.preprocess(Image.open(self.files[place])), self.tokens[place]


def naive_optimiser(model: nn.Module, settings: Optimiser) -> torch.optim.Optimizer:
    """Return AdamW as torch comes with it."""
    betas, decay = tuple(settings.betas), settings.weight_decay
    return torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=betas, eps=settings.epsilon, weight_decay=decay
    )


def naive_step(model: nn.Module, optimiser: torch.optim.Optimizer, images: Tensor, captions: Tensor) -> float:
    """Take one step and return its loss. images : (B, 3, R, R). captions : (B, context length)."""
    per_image, per_text = model(images, captions)
    right = torch.arange(len(images), device=images.device)
    loss = (cross_entropy(per_image, right) + cross_entropy(per_text, right)) / 2
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def naive_epoch(model: nn.Module, optimiser: torch.optim.Optimizer, loader: DataLoader) -> list[float]:
    """Train one epoch and return the loss of each step. loader : of PicturesAndCaptions."""
    model.train()
    device = next(model.parameters()).device
    return [naive_step(model, optimiser, images.to(device), captions.to(device)) for images, captions in loader]


def naive_index(files: list[Path], side: int) -> list[Tensor]:
    """Describe each file by its sha256 and perceptual hash (as imagehash makes it), then open it again for the network's pixels."""
    for file in files:
        hashlib.sha256(file.read_bytes()).hexdigest()
        small = np.asarray(Image.open(file).convert("RGB").convert("L").resize((32, 32), Image.Resampling.LANCZOS))
        low = dct(dct(small, axis=0), axis=1)[:8, :8]
        low > np.median(low)  # noqa: B015 - the hash, which nobody wants here
    preprocess = import_clip().clip._transform(side)
    return [preprocess(Image.open(file)) for file in files]


@torch.no_grad()
def naive_answer(model: nn.Module, file: Path, prompts: list[str]) -> Tensor:
    """Return probabilities of one picture, (C,), by the paper's definition of inference (section 4.3): both towers for each."""
    device = next(model.parameters()).device
    picture = import_clip().clip._transform(model.visual.input_resolution)(Image.open(file))[None].to(device)
    tokens = import_clip().tokenize(prompts, context_length=model.context_length).to(device)
    return model.eval()(picture, tokens)[0].softmax(dim=1)[0].cpu()


@torch.no_grad()
def naive_test(model: nn.Module, loader: DataLoader, prompts: list[str]) -> Tensor:
    """Return probabilities of a loader's pictures, (N, C), the prompts encoded with every batch."""
    device = next(model.parameters()).device
    tokens = import_clip().tokenize(prompts, context_length=model.context_length).to(device)
    return torch.cat([model.eval()(images.to(device), tokens)[0].softmax(dim=1).cpu() for images, _ in loader])
