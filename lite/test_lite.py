"""CLIP-lite is EfficientNet-Lite0 in CLIP's clothes: the same function as an independent network, and an encoder like the others."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import conv2d, pad

from lite import (
    FROZEN,
    MARK,
    build_lite,
    folded,
    fresh_lite,
    imagenet_file,
    imagenet_network,
)
from yogalib.zero_shot import normalise

TEXT = {
    "context_length": 48,
    "vocab_size": 49408,
    "transformer_width": 64,
    "transformer_heads": 1,
    "transformer_layers": 2,
}
# EfficientNet-Lite0, Tan and Le 2019 and the release notes of the Lite models: repeats, kernel, stride, expansion, channels
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]  # fmt: skip


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Return four pictures of noise at two scales, -1 to 1."""
    coarse = (
        torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        .repeat_interleave(8, 2)
        .repeat_interleave(8, 3)
    )
    fine = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    return coarse + 0.5 * fine - 0.75


@pytest.fixture(scope="module")
def network():
    """Return the network with ImageNet's weights."""
    return imagenet_network(imagenet_file())


def reference(x: torch.Tensor, state: dict) -> torch.Tensor:
    """Return the pooled features of EfficientNet-Lite0, written down from its table in the names of the package's file."""

    def convolve(x, name, norm, stride=1, groups=1, active=True):
        weight = state[f"{name}.weight"]
        size, kernel = x.shape[2], weight.shape[2]
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)  # TensorFlow's "same"
        x = conv2d(pad(x, [missing // 2, missing - missing // 2] * 2), weight, stride=stride, groups=groups)
        mean, var, gain, bias = (
            state[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        x = (x - mean) / torch.sqrt(var + 1e-3) * gain + bias
        return x.clamp(0, 6) if active else x

    x, number = convolve(x, "_conv_stem", "_bn0", stride=2), 0
    for repeats, _, stride, expansion, _ in STAGES:
        for repeat in range(repeats):
            name, before = f"_blocks.{number}", x
            if expansion > 1:
                x = convolve(x, f"{name}._expand_conv", f"{name}._bn0")
            x = convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", stride if repeat == 0 else 1, x.shape[1])
            x = convolve(x, f"{name}._project_conv", f"{name}._bn2", active=False)
            x = x + before if x.shape == before.shape and repeat > 0 else x
            number += 1
    return convolve(x, "_conv_head", "_bn1").mean(dim=(2, 3))


@torch.no_grad()
def test_mapped_weights_give_the_features_of_the_published_network(network, images):
    """Against a second writing of the network, in the names of the package's file; within 1e-4."""
    state = torch.load(imagenet_file(), weights_only=True)
    torch.testing.assert_close(network(images), reference(images, state), rtol=0, atol=1e-4)


@torch.no_grad()
def test_folding_the_norms_changes_nothing(images):
    """A convolution with the norm in it is the same function."""
    plain = imagenet_network(imagenet_file())
    expected = plain(images)
    torch.testing.assert_close(folded(plain)(images), expected, rtol=0, atol=1e-4)


@torch.no_grad()
def test_takes_pictures_as_every_encoder_does(network):
    """Pixels under CLIP's normalisation give what the trunk gives for (pixel / 255 - .5) / .5."""
    model = fresh_lite(128, TEXT, seed=0, imagenet=imagenet_file()).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    expected = model.visual.projection(network((torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5))
    torch.testing.assert_close(model.encode_image(normalise(torch.from_numpy(pixels))), expected, rtol=0, atol=1e-4)


@torch.no_grad()
def test_file_gives_the_encoder_back(tmp_path):
    """Every shape, and the resolution, is read from the tensors."""
    model = fresh_lite(128, TEXT, seed=0, resolution=160).eval()
    save_file({key: each.contiguous() for key, each in model.state_dict().items()}, tmp_path / "lite.safetensors")
    state = load_file(tmp_path / "lite.safetensors")
    again = build_lite(state)
    images = torch.rand(2, 3, 160, 160)
    assert MARK in state
    assert again.visual.input_resolution == 160
    assert torch.equal(again.encode_image(images), model.encode_image(images))


def test_frozen_stages_stay_and_the_rest_learns():
    """Their maps can be kept: no weight before them ever gets a gradient."""
    model = fresh_lite(128, TEXT, seed=0)
    model.visual.freeze_early()
    model.encode_image(torch.rand(2, 3, 128, 128)).sum().backward()
    learning = {name for name, each in model.visual.named_parameters() if each.grad is not None}
    assert not any(
        name.startswith(("trunk.conv_stem", *(f"trunk.blocks.{stage}." for stage in range(FROZEN))))
        for name in learning
    )
    assert {"trunk.conv_head.weight", "projection.weight", "trunk.blocks.4.0.conv_pw.weight"} <= learning


def test_same_seed_same_weights_and_the_global_state_is_left_alone():
    """As fresh_clip promises."""
    before = torch.random.get_rng_state()
    first, second = fresh_lite(128, TEXT, seed=3), fresh_lite(128, TEXT, seed=3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_late_map_answers_for_a_prompt():
    """The last map, behind its activation: gScoreCAM finds values and gradients there."""
    from yogalib.cam import GScoreCAM, PromptLogits, maps_of
    from yogalib.encoders import Encoder

    encoder = Encoder("CLIP-lite", fresh_lite(128, TEXT, seed=0, imagenet=imagenet_file()).eval(), "")
    network = PromptLogits(encoder, ["a person sitting", "a person standing"]).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    cam = GScoreCAM(network, encoder.model.visual.trunk.bn2, 8)
    maps = maps_of(cam, normalise(torch.from_numpy(pixels)), np.array([0]))
    assert maps.shape == (1, 128, 128)
    assert maps.max() > 0
