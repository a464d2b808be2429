"""Encoders that open_clip knows by name (SigLIP 2, PE-Core, DFN, MobileCLIP2), frozen, under the classifiers of yogalib.models.probe."""

from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path

import httpx
import numpy as np
import torch
from torch import Tensor, nn

from yogalib.errors import BadInput
from yogalib.models.features import kept_features, renormalised
from yogalib.models.meter import fitting
from yogalib.models.probe import LIBRARY, by_library
from yogalib.profile import OpenClip

LOCAL = "local-dir:"  # open_clip's own word for a folder with open_clip_config.json and weights


class Tower(nn.Module):
    """The image tower of an open_clip model on CLIP's own input, (B, 3, R, R): unit features, (B, D). It is square for all that it sees."""

    def __init__(self, model: nn.Module, wants: dict):
        super().__init__()
        self.model = model
        self.side = wants["size"] if isinstance(wants["size"], int) else wants["size"][0]
        gain, shift = renormalised(wants["mean"], wants["std"])
        self.register_buffer("gain", gain)
        self.register_buffer("shift", shift)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of normalised images."""
        return self.model.encode_image(images * self.gain + self.shift, normalize=True)


@lru_cache(maxsize=1)  # two classifiers ask the same
def open_tower(name: OpenClip) -> Tower:
    """Return the frozen image tower of that name, its weights fetched by open_clip where they are not here."""
    import open_clip  # an optional extra

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of random weights, where there is no tag
        model = open_clip.create_model(name.model, name.pretrained or None)
    return Tower(model, open_clip.model.get_model_preprocess_cfg(model)).requires_grad_(False).eval()


def bring(name: OpenClip) -> None:
    """Let open_clip fetch the weights of that name, unless they are here.

    Raises BadInput for a name that it does not know, and when they can't be fetched.
    """
    from open_clip import pretrained  # an optional extra

    if name.model.startswith(LOCAL):
        if not Path(name.model.removeprefix(LOCAL)).is_dir():
            raise BadInput(f"the folder of {name.model} is not there")
    elif name.pretrained:
        found = pretrained.get_pretrained_cfg(name.model, name.pretrained)
        if not found:
            raise BadInput("open_clip knows no such model and tag (open_clip.list_pretrained() has them all)")
        try:
            pretrained.download_pretrained(found)
        except (OSError, RuntimeError, httpx.HTTPError) as error:
            raise BadInput(f"its weights can't be fetched ({type(error).__name__}): try again with internet") from None


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks): the training pictures are learnt together with their mirror images."""
    name = ask.settings.by
    tower = open_tower(name)
    key = f"openclip-{sha256(name.label.encode()).hexdigest()[:16]}"
    look = partial(kept_features, resolution=tower.side, name=key, tower=lambda: tower, device=at.device)
    train, asked = (look(ask.source, rows) for rows in (ask.train, ask.test))
    labels = np.tile(np.searchsorted(ask.classes, ask.train["class"]), 2)
    with fitting(folder):
        model = LIBRARY[ask.settings.method]
        return (by_library(model, np.concatenate(train), labels, asked[:1], len(ask.classes)),)
