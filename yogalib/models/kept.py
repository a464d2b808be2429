"""A model that a run kept, at work on other images (paper, section 5: both models on pictures from elsewhere)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from yogalib.dataset.pixels import pixels_of
from yogalib.models.blazepose import finder, landmarks_of
from yogalib.models.blend import kept_weights, mean_of_logs
from yogalib.models.device import pick_device
from yogalib.models.encoders import Encoder, build_clip
from yogalib.models.joints import found_in
from yogalib.models.resident import images_of
from yogalib.models.skeleton import joints_of, predict
from yogalib.models.written import kept_network
from yogalib.models.yolo import KEPT, ask_yolo
from yogalib.models.zero_shot import classify, compared, encode_prompts


def tuned_encoder(run) -> Encoder:
    """Return the encoder that a fine-tuning run left behind; the run must have kept its weights."""
    weights = run.folder / "model.safetensors"
    return Encoder(run.config["encoder"], build_clip(load_file(weights), weights), run.config["weights"])


See = Callable[[bytes], Any]
Say = Callable[[list], np.ndarray]


def at_work(run, weights: Path, cache: Path, mirrored: bool = False) -> tuple[See, Say]:
    """Return how a kept model takes a picture's file, in any thread, and what it then answers to N pictures.

    mirrored : whether a CLIP, also one of a blend, is asked about each picture's mirror image too. The answer is probabilities
    (N, C); NaN for a picture in which a model that looks for a body finds none.
    """
    config, device = run.config, pick_device("auto", "auto", run.cost["threads"])
    if config["kind"] in ("written", "joints"):
        network = kept_network(run)
        return (
            lambda content: landmarks_of(content, weights, cache),
            lambda found: predict([network], *joints_of(np.stack(found))),
        )
    if config["kind"] == "blend":
        parts = [at_work(type(run)(run.folder.parent / name), weights, cache, mirrored) for name in config["parts"]]
        weights = kept_weights(run)

        def together(seen: list) -> np.ndarray:
            by_part = zip(*seen, strict=True)
            return mean_of_logs([say(list(of)) for (_, say), of in zip(parts, by_part, strict=True)], weights)

        return lambda content: [see(content) for see, _ in parts], together
    encoder = tuned_encoder(run)
    device, find = device.for_answers(encoder), finder(config["fit"], weights, cache)
    words = encode_prompts(encoder, config["prompts"], device)  # once: the text tower takes longer than a picture
    return (
        lambda content: pixels_of(content, encoder.resolution, config["fit"], find),
        lambda pixels: compared(encoder, np.stack(pixels), words, device, mirrored)[0],
    )


def answer(ask, at, folder) -> tuple[np.ndarray, ...]:
    """Answer a run of this kind (yogalib.runs.asks): the model of the run `ask.of`, which is made first where it is not there."""
    run, source = at.run(ask.of), ask.source
    files = [source.folder / path for path in ask.test["path"]]
    if ask.of.kind == "yolo":
        resolution = ask.of.settings.resolution
        return (ask_yolo("answer", run.folder / KEPT, files, resolution, str(at.device.torch))["probabilities"],)
    if ask.of.kind == "written":
        return (predict([kept_network(run)], *found_in(source, ask.test, "blazepose", at.weights)),)
    encoder = tuned_encoder(run)
    images = images_of(source, ask.test, encoder.resolution, at.device.torch)
    return classify(encoder, images, ask.prompts, at.device, ask.mirrored)
