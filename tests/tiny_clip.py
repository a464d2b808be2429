"""A tiny CLIP for the tests of what loads, trains and publishes one."""

from pathlib import Path

import torch

from yogalib.models.checkpoints import import_clip
from yogalib.models.encoders import Encoder


def tiny_encoder(seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    model = import_clip().model.CLIP(
        embed_dim=16,
        image_resolution=32,
        vision_layers=1,
        vision_width=64,
        vision_patch_size=16,
        context_length=16,
        vocab_size=49408,
        transformer_width=64,
        transformer_heads=1,
        transformer_layers=1,
    )
    return Encoder("tiny", model.eval(), "0" * 16)


def archive(folder: Path, name: str = "ViT-B/32"):
    """A TorchScript archive like OpenAI's, of a tiny CLIP, under the published file's name; and the model in it."""
    model = tiny_encoder(seed=4).model.half().float()  # as published: values that fp16 can hold
    traced = torch.jit.trace(model, (torch.rand(1, 3, 32, 32), torch.randint(1, 400, (1, 16))))
    file = folder / (name.replace("/", "-") + ".pt")
    traced.save(str(file))
    return file, model


def same_answers(ours, theirs) -> bool:
    picture, text = torch.rand(2, 3, 32, 32), torch.randint(1, 400, (2, 16))
    with torch.no_grad():
        return all(
            torch.allclose(a, b, atol=1e-6) for a, b in zip(ours(picture, text), theirs(picture, text), strict=True)
        )
