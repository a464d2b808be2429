"""Between the encoder as it came and as it was fine-tuned (WiSE-FT, Wortsman et al. 2022): a mean of both networks' weights."""

import numpy as np
from safetensors.torch import load_file
from torch import Tensor

from yogalib.models.encoders import open_encoder
from yogalib.models.resident import images_of
from yogalib.models.written import KEPT
from yogalib.models.zero_shot import classify


def between(zero_shot: dict[str, Tensor], fine_tuned: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return (1 - share) * zero-shot + share * fine-tuned weights; whole numbers, such as sizes, are the fine-tuned's."""
    return {
        name: zero_shot[name].lerp(tuned, share) if tuned.is_floating_point() else tuned
        for name, tuned in fine_tuned.items()
    }


def answer(ask, at, folder) -> tuple[np.ndarray, np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks): so large a share of the fine-tuned run `ask.of`, which kept its weights."""
    encoder = open_encoder(ask.encoder, at.weights, ask.seed)
    tuned = load_file(at.run(ask.of).folder / KEPT)
    encoder.model.load_state_dict(between(encoder.model.state_dict(), tuned, ask.settings.share))
    images = images_of(ask.source, ask.test, encoder.resolution, at.device.torch)
    return classify(encoder, images, ask.prompts, at.device)
