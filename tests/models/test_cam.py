"""Activation maps: against ScoreCAM where both must agree, and on pictures whose answer is known."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam import ScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from yogalib.facts.prompts import class_prompts
from yogalib.models.cam import (
    GScoreCAM,
    PromptLogits,
    activation_maps,
    activation_maps_by_channels,
    mass_inside,
    road,
    watched_layer,
)
from yogalib.models.encoders import SHIPPED, Encoder, fresh_clip, open_encoder
from yogalib.models.zero_shot import classify, normalise
from yogalib.synthetic.likeness import draw_with_parts


def fresh(name: str) -> Encoder:
    return Encoder(name, fresh_clip(name, 0).eval(), "none")


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)


class Spots(torch.nn.Module):
    """Four channels, each the brightness of one quarter of the picture; the logit is the brightness of the first."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 4, 8, stride=8, bias=False)
        self.layer.weight.data.fill_(1 / 192)
        quarter = torch.zeros(4, 8, 8)
        for channel in range(4):
            quarter[channel, 4 * (channel // 2) :, :][:4, 4 * (channel % 2) :][:, :4] = 1
        self.register_buffer("quarter", quarter)

    def forward(self, images):
        seen = (self.layer(images) * self.quarter).flatten(2).mean(2)
        return torch.stack([5 * seen[:, 0] - 5 * seen[:, 3], seen[:, 1]], dim=1)


def test_with_all_channels_it_is_scorecam(pictures):
    encoder = fresh("CLIP-mini-RN")
    network, (layer, reshape, channels) = PromptLogits(encoder, ["one", "two"]).eval(), watched_layer(encoder.model)
    images, targets = normalise(torch.from_numpy(pictures)), [ClassifierOutputTarget(1), ClassifierOutputTarget(0)]
    with GScoreCAM(network, layer, channels, reshape) as ours:
        found = ours(images, targets)
    with ScoreCAM(network, [layer], reshape) as theirs:
        expected = theirs(images, targets)
    assert np.abs(found - expected).max() < 0.02  # they align the corners when they enlarge


def test_channel_that_speaks_against_the_prompt_is_not_asked():
    network = Spots().eval()
    images = torch.rand(1, 3, 64, 64)
    with GScoreCAM(network, network.layer, 1) as cam:
        cam(images, [ClassifierOutputTarget(0)])
        gradients = np.zeros((1, 4, 8, 8), np.float32)
        gradients[0, :, 0, 0] = (1, 0, 0, -1)
        activations = np.random.default_rng(0).random((1, 4, 8, 8)).astype(np.float32)
        weights = cam.get_cam_weights(images, network.layer, [ClassifierOutputTarget(0)], activations, gradients)
    assert weights.shape == (1, 4)
    assert weights.sum() == pytest.approx(1)
    assert (weights[0, 1:] == weights[0, 1]).all(), "only the first channel was scored"


def test_hooks_do_not_pile_up(pictures):
    encoder = fresh("CLIP-mini-RN")
    layer, reshape, _ = watched_layer(encoder.model)
    network = PromptLogits(encoder, ["one", "two"]).eval()
    with GScoreCAM(network, layer, 20, reshape) as cam:
        for _ in range(3):
            cam(normalise(torch.from_numpy(pictures)), [ClassifierOutputTarget(0)] * 2)
            assert len(layer._forward_hooks) == 2
            assert len(cam.activations_and_grads.activations) == 0
    assert not layer._forward_hooks


def test_maps_of_the_small_encoder_lie_on_the_body(tmp_path):
    encoder, classes = open_encoder("CLIP-mini-RN", tmp_path), list(range(0, 82, 4))
    pixels, parts, labels = draw_with_parts(classes, 1, encoder.resolution, seed=2)
    maps = activation_maps(
        encoder, pixels, class_prompts(classes, "a person <category>", "description"), labels, top=40
    )
    gain = mass_inside(maps, parts > 0) - (parts > 0).mean(axis=(1, 2))
    assert gain.mean() > 0.05, "the last stage's 2 x 2 places gain nothing on even grey"


@pytest.mark.parametrize(("name", "stage"), [("CLIP-mini-RN", "layer3"), ("CLIP-mini-RN@96px", "layer4")])
def test_stage_before_the_last_is_watched_where_that_has_four_places(name, stage):
    model = fresh_clip(name, 0)
    layer, _, channels = watched_layer(model)
    assert layer is getattr(model.visual, stage)
    assert channels == layer[-1].conv3.out_channels


@pytest.mark.parametrize("name", list(SHIPPED))
def test_maps_have_the_pictures_size_and_depend_on_the_prompt(name):
    encoder = fresh(name)
    pixels = np.random.default_rng(1).integers(0, 256, (2, encoder.resolution, encoder.resolution, 3)).astype(np.uint8)
    layer, reshape, channels = watched_layer(encoder.model)
    shape = []
    layer.register_forward_hook(lambda module, inputs, output: shape.append((reshape or (lambda x: x))(output).shape))
    maps = activation_maps(encoder, pixels, ["one", "two"], np.array([0, 0]), top=0.1)
    assert maps.shape == pixels.shape[:3]
    assert shape[0][1] == channels
    assert maps.min() >= 0 and maps.max() <= 1 and maps.std() > 0
    assert not np.allclose(maps, activation_maps(encoder, pixels, ["one", "two"], np.array([1, 1]), top=0.1))


def test_prompt_logits_are_those_of_classification(pictures):
    from yogalib.models.device import pick_device

    encoder = fresh("CLIP-mini-RN")
    prompts = ["a person standing", "a person sitting", "a person upside down"]
    logits = PromptLogits(encoder, prompts)(normalise(torch.from_numpy(pictures)))
    probabilities, _ = classify(encoder, pictures, prompts, pick_device("cpu", "fp32", 1))
    assert logits.softmax(1).detach().numpy() == pytest.approx(probabilities, abs=1e-5)


def test_road_prefers_a_map_that_is_right_to_its_opposite():
    encoder = fresh("CLIP-mini-RN")
    pixels = np.random.default_rng(3).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    prompts, targets = ["one", "two"], np.array([0, 1, 0])
    maps = activation_maps(encoder, pixels, prompts, targets, top=300)
    found, opposite = (road(encoder, pixels, prompts, targets, each) for each in (maps, 1 - maps))
    assert found == pytest.approx(-opposite, abs=0.05)


def test_channels_are_asked_once_for_several_numbers_of_them(pictures, monkeypatch):
    encoder, asked = fresh("CLIP-mini-RN"), []
    given = encoder, pictures, ["one", "two"], np.array([0, 1])
    few, many = activation_maps(*given, top=20), activation_maps(*given, top=60)
    ask = GScoreCAM._ask
    monkeypatch.setattr(GScoreCAM, "_ask", lambda self, *each: asked.append(len(each[2])) or ask(self, *each))
    both = activation_maps_by_channels(*given, {"few": 20, "many": 60})
    assert asked == [20, 20, 40, 40]
    assert np.abs(both["few"] - few).max() < 1e-4 and np.abs(both["many"] - many).max() < 1e-4


def test_mass_inside_is_a_share():
    maps, inside = np.ones((2, 8, 8)), np.zeros((2, 8, 8), bool)
    inside[:, :2] = True
    assert mass_inside(maps, inside) == pytest.approx(0.25)
    assert mass_inside(np.zeros((1, 4, 4)), np.ones((1, 4, 4), bool)) == pytest.approx(0)
