"""A model that a run kept, at work on other images (paper, section 5: both models on pictures from elsewhere)."""

import numpy as np
from safetensors.torch import load_file

from yogalib.models.encoders import Encoder, build_clip
from yogalib.models.resident import images_of
from yogalib.models.yolo import KEPT, ask_yolo
from yogalib.models.zero_shot import classify


def tuned_encoder(run) -> Encoder:
    """Return the encoder that a fine-tuning run left behind; the run must have kept its weights."""
    weights = run.folder / "model.safetensors"
    return Encoder(run.config["encoder"], build_clip(load_file(weights), weights), run.config["weights"])


def answer(ask, at, folder) -> tuple[np.ndarray, ...]:
    """Answer a run of this kind (yogalib.runs.asks): the model of the run `ask.of`, which is made first where it is not there."""
    run = at.run(ask.of)
    if ask.of.kind == "yolo":
        files = [ask.source.folder / path for path in ask.test["path"]]
        resolution = ask.of.settings.resolution
        return (ask_yolo("answer", run.folder / KEPT, files, resolution, str(at.device.torch))["probabilities"],)
    encoder = tuned_encoder(run)
    images = images_of(ask.source, ask.test, encoder.resolution, at.device.torch)
    return classify(encoder, images, ask.prompts, at.device)
