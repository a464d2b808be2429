"""Rows of inference: one picture from its file, and a decoded batch."""

from dataclasses import replace

import numpy as np
import torch

from yogalib.dataset.images import decode
from yogalib.dataset.pixels import to_pixels
from yogalib.models.zero_shot import answerer, classify, encode_images, normalise
from yogalib.tools.bench.naive import naive_answer, naive_test
from yogalib.tools.bench.setting import WARM_UP, Bench
from yogalib.tools.bench.turns import Row, take_turns


def answer_rows(bench: Bench, name: str) -> list[Row]:
    """Time the classification of one picture from its file by both definitions; the naive path knows one alone."""
    encoder, (file,) = bench.encoder(name), bench.files(1)
    device = bench.device.for_answers(encoder)
    answer = answerer(encoder, bench.prompts, device)

    def read() -> np.ndarray:
        return to_pixels(decode(file.read_bytes()), encoder.resolution, "crop")[None]

    paths = {
        "naive": lambda: naive_answer(encoder.model, file, bench.prompts),
        "ours": lambda: classify(encoder, read(), bench.prompts, device),
        "cached": lambda: answer(read()),
    }
    turns = take_turns(paths, bench.sizes.repeats, warm_up=WARM_UP[bench.device.torch.type])
    cached = {"naive": turns["naive"], "ours": turns.pop("cached")}
    return [
        Row("one picture, the paper's definition", name, turns, 1),
        Row("one picture, prompts cached", name, cached, 1),
    ]


def flow_row(bench: Bench) -> Row:
    """Time the classification of a decoded batch; the naive path encodes the prompts with each."""
    name, count = bench.sizes.answers[0], bench.sizes.flow
    encoder, device = bench.encoder(name), bench.device.torch
    pixels = torch.randint(0, 256, (count, encoder.resolution, encoder.resolution, 3), dtype=torch.uint8, device=device)
    images, answer = normalise(pixels).contiguous(), answerer(encoder, bench.prompts, bench.device)
    loader = [(images, None)]
    paths = {"naive": lambda: naive_test(encoder.model, loader, bench.prompts), "ours": lambda: answer(pixels)}
    return Row(
        f"batch of {count} classified",
        name,
        take_turns(paths, bench.sizes.repeats, WARM_UP[bench.device.torch.type]),
        count,
    )


def precision_row(bench: Bench, name: str) -> Row:
    """Time one picture's features in fp32 and in the precision that is chosen for answers (yogalib.models.device)."""
    encoder = bench.encoder(name)
    device = bench.device.for_answers(encoder)
    pixels = torch.randint(0, 256, (1, encoder.resolution, encoder.resolution, 3), dtype=torch.uint8)
    paths = {
        "naive": lambda: encode_images(encoder, pixels.numpy(), replace(device, bf16=False)),
        "ours": lambda: encode_images(encoder, pixels.numpy(), device),
    }
    turns = take_turns(paths, bench.sizes.repeats, WARM_UP[bench.device.torch.type])
    return Row("image tower, one picture", name, turns, 1, note=f"fp32 against {device.precision}")
