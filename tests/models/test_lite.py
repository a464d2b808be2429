"""CLIP-lite is EfficientNet-Lite0 in CLIP's clothes: the same function as an independent network, and an encoder like the others."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_clip import tiny_encoder
from torch.nn.functional import conv2d, pad

from yogalib.dataset.pixels import Source
from yogalib.errors import BadInput
from yogalib.models import views, zero_shot
from yogalib.models.augment import augment
from yogalib.models.device import Device
from yogalib.models.encoders import LITE, LITE_WEIGHTS, fresh_clip, open_encoder
from yogalib.models.finetune import fine_tune, make_optimiser
from yogalib.models.lite import tower
from yogalib.models.lite.tower import FROZEN, folded, imagenet_file, imagenet_network
from yogalib.models.views import kept_views
from yogalib.models.zero_shot import before_training, classify, encode_images, normalise
from yogalib.profile import Augmentation, read_profile

CPU = Device(torch.device("cpu"), bf16=False)

# EfficientNet-Lite0 (Tan and Le 2019, and the release notes of the Lite models): repeats, stride, expansion of each stage
STAGES = [(1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6)]


@pytest.fixture(scope="module")
def published():
    try:
        return imagenet_file()
    except BadInput as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Four pictures of noise at two scales, -1 to 1."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(4, 3, 16, 16, generator=generator).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return coarse + 0.5 * torch.rand(4, 3, 128, 128, generator=generator) - 0.75


def reference(x: torch.Tensor, state: dict) -> torch.Tensor:
    """Pooled features of EfficientNet-Lite0, written down from its table in the names of the package's file."""

    def convolve(x, name, norm, stride=1, groups=1, active=True):
        weight = state[f"{name}.weight"]
        missing = max((-(-x.shape[2] // stride) - 1) * stride + weight.shape[2] - x.shape[2], 0)  # TensorFlow's "same"
        x = conv2d(pad(x, [missing // 2, missing - missing // 2] * 2), weight, stride=stride, groups=groups)
        parts = ("running_mean", "running_var", "weight", "bias")
        mean, variance, gain, bias = (state[f"{norm}.{part}"][:, None, None] for part in parts)
        x = (x - mean) / torch.sqrt(variance + 1e-3) * gain + bias
        return x.clamp(0, 6) if active else x

    x, number = convolve(x, "_conv_stem", "_bn0", stride=2), 0
    for repeats, stride, expansion in STAGES:
        for repeat in range(repeats):
            name, before = f"_blocks.{number}", x
            if expansion > 1:
                x = convolve(x, f"{name}._expand_conv", f"{name}._bn0")
            x = convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", stride if repeat == 0 else 1, x.shape[1])
            x = convolve(x, f"{name}._project_conv", f"{name}._bn2", active=False)
            x = x + before if repeat > 0 else x
            number += 1
    return convolve(x, "_conv_head", "_bn1").mean(dim=(2, 3))


@torch.no_grad()
def test_mapped_weights_give_the_features_of_the_published_network(published, images):
    state = torch.load(published, weights_only=True)
    torch.testing.assert_close(imagenet_network(published)(images), reference(images, state), rtol=0, atol=1e-4)


@torch.no_grad()
def test_folding_the_norms_changes_nothing(images):
    plain = tower._network()
    generator = torch.Generator().manual_seed(2)
    for module in plain.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low in ((module.running_mean, -0.1), (module.running_var, 0.5), (module.weight, 0.8)):
                values.copy_(low + torch.rand(values.shape, generator=generator) * 0.2)
    expected = plain(images)
    assert expected.std() > 0.01
    torch.testing.assert_close(folded(plain)(images), expected, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_pictures_come_as_for_every_encoder(published):
    """Pixels under CLIP's normalisation give what the trunk gives for (pixel / 255 - .5) / .5."""
    visual, network = fresh_clip("CLIP-lite", 0).visual, imagenet_network(published)
    visual.trunk.load_state_dict(folded(imagenet_network(published)).state_dict())
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8))
    expected = visual.projection(network((pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5))
    torch.testing.assert_close(visual(normalise(pixels)), expected, rtol=0, atol=1e-4)


@torch.no_grad()
def test_every_shape_and_the_resolution_are_read_from_the_file(tmp_path):
    model = tower.new_lite(**LITE["CLIP-lite"] | {"image_resolution": 160, "transformer_layers": 2, "embed_dim": 96})
    file = tmp_path / "lite.safetensors"
    save_file({key: each.contiguous() for key, each in model.state_dict().items()}, file)
    before = torch.get_rng_state()
    again = open_encoder(str(file), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert again.resolution == 160
    images = torch.rand(2, 3, 160, 160)
    features = again.model.encode_image(images)
    assert features.shape == (2, 96)
    assert torch.equal(features, model.encode_image(images))


def test_damaged_file_is_refused_in_one_line(tmp_path):
    state = {key: each.contiguous() for key, each in fresh_clip("CLIP-lite", 0).state_dict().items()}
    del state["visual.projection.weight"]
    save_file(state, tmp_path / "lite.safetensors")
    with pytest.raises(BadInput, match="holds no weights of a CLIP model"):
        open_encoder(str(tmp_path / "lite.safetensors"), tmp_path)


def test_first_stages_stay_in_fine_tuning_and_the_rest_learns():
    model = fresh_clip("CLIP-lite", 0).train()
    before = {name: weights.detach().clone() for name, weights in model.visual.named_parameters()}
    optimiser, _ = make_optimiser(model, read_profile("mini").fine_tuning.optimiser, 1)
    model.encode_image(torch.rand(2, 3, 128, 128)).sum().backward()
    optimiser.step()
    early = ("trunk.conv_stem", *(f"trunk.blocks.{stage}." for stage in range(FROZEN)))
    changed = {name for name, weights in model.visual.named_parameters() if not torch.equal(weights, before[name])}
    assert changed == {name for name in before if not name.startswith(early)}


@torch.no_grad()
def test_kept_maps_give_the_same_features_in_training_and_at_work():
    visual = fresh_clip("CLIP-lite", 0).visual
    images = torch.rand(3, 3, 128, 128)
    maps = visual.early(images)
    assert maps.shape == (3, 80, 8, 8)
    assert torch.equal(visual.train()(images), visual.eval().late(maps))


@torch.no_grad()
def test_one_file_serves_both_resolutions(tmp_path):
    small, large = (open_encoder(name, tmp_path) for name in ("CLIP-lite", "CLIP-lite@192px"))
    assert (small.resolution, large.resolution) == (128, 192)
    assert small.weights == large.weights
    images = torch.rand(2, 3, 160, 160)
    assert torch.equal(small.model.encode_image(images), large.model.encode_image(images))
    kept = {key: value.contiguous() for key, value in large.model.state_dict().items()}
    save_file(kept, tmp_path / "kept.safetensors")  # as a fine-tuning leaves it
    assert open_encoder(str(tmp_path / "kept.safetensors"), tmp_path).resolution == 192


def test_pictures_seen_before_training_are_answered_to_the_bit(monkeypatch):
    monkeypatch.setattr(zero_shot, "BATCH", {"cpu": 3})
    encoder = open_encoder("CLIP-lite-random", None)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 128, 128, 3), dtype=np.uint8)
    seen = before_training(encoder, pixels, CPU)
    assert len(seen) == 5
    assert torch.equal(encode_images(encoder, seen, CPU), encode_images(encoder, pixels, CPU))
    other = tiny_encoder()
    assert before_training(other, pixels, CPU) is pixels  # all of its weights learn


@torch.no_grad()
def test_norms_given_back_change_nothing_until_they_learn_and_fold_to_the_same_layers():
    visual, images = open_encoder("CLIP-lite", None).model.visual, torch.rand(6, 3, 128, 128)
    expected, layout = visual(images), {key: each.shape for key, each in visual.state_dict().items()}
    visual.unfold(images)
    norms = [module for module in visual.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms) == 25  # three in each block of the last three stages and the head's
    torch.testing.assert_close(visual.eval()(images), expected, rtol=1e-3, atol=1e-3)
    # by the batch that they were measured on, too
    torch.testing.assert_close(visual.train()(visual.early(images)), expected, rtol=1e-3, atol=1e-3)
    visual.eval()
    for norm in norms:
        norm.weight.mul_(1.1)
        norm.running_mean.add_(0.01)
    learnt = visual(images)
    assert not torch.allclose(learnt, expected, atol=0.01)
    visual.fold()
    torch.testing.assert_close(visual(images), learnt, rtol=1e-3, atol=1e-3)
    assert {key: each.shape for key, each in visual.state_dict().items()} == layout


def test_tuned_by_batches_the_kept_weights_answer_as_the_run_did(drawn, tmp_path):
    encoder, labels = open_encoder("CLIP-lite", None), np.arange(12) % 3
    settings, prompts = tuning(batch_norm=True, smoothing=0.1, batch=5), ["one", "two", "three"]
    pixels = np.load(drawn.cache / "pictures-128.npy")
    made = kept_views(drawn, np.arange(12), encoder, settings)
    parts = (pixels[:12], labels), (pixels[12:24], labels)
    history, (expected, _) = fine_tune(encoder, *parts, prompts, settings, CPU, made)
    assert history["batches"].tolist() == [2, 2]  # of five: the two pictures left over are too few to normalise by
    save_file({key: each.contiguous() for key, each in encoder.model.state_dict().items()}, tmp_path / "m.safetensors")
    again = open_encoder(str(tmp_path / "m.safetensors"), tmp_path)
    assert classify(again, pixels[12:24], prompts, CPU)[0] == pytest.approx(expected, abs=1e-4)


class OnePlace(Source):
    """A source that has its pictures decoded already; rows are places."""

    def decoded(self, rows, resolution):
        return self.cache / f"pictures-{resolution}.npy", np.asarray(rows)


@pytest.fixture
def drawn(tmp_path) -> OnePlace:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 128, 128, 3), dtype=np.uint8)
    np.save(tmp_path / "pictures-128.npy", pixels)
    return OnePlace(tmp_path, tmp_path, tmp_path, "pad")


def tuning(**changes):
    settings = read_profile("photos").fine_tuning
    return settings.model_copy(update={"views": 2, "batch": 4, "epochs": 2} | changes)


@torch.no_grad()
def test_views_are_what_the_frozen_stages_see_of_augmented_pictures(drawn, monkeypatch):
    encoder, settings, rows = open_encoder("CLIP-lite-random", None), tuning(), [3, 0, 39, 7]
    made = kept_views(drawn, rows, encoder, settings)
    pixels = torch.from_numpy(np.load(drawn.cache / "pictures-128.npy"))
    for view, pictures in enumerate(made):
        chance = torch.rand(40, 8, generator=torch.Generator().manual_seed(1000 * (view + 1) + settings.seed))
        images = normalise(augment(pixels[rows], settings.augmentation, chance[rows]))
        expected = encoder.model.visual.early(images).permute(0, 2, 3, 1)
        torch.testing.assert_close(pictures[:].float(), expected, rtol=2e-3, atol=1e-3)  # kept in half precision
    assert not torch.equal(made[0][:], made[1][:])
    files = sorted(drawn.cache.glob("pictures-*-?.npy"))
    assert len(files) == 2
    monkeypatch.setattr(views, "seen", None)  # what is there is not made again
    again = kept_views(drawn, [39, 5], encoder, settings)
    assert torch.equal(again[1][0:1], made[1][2:3])
    assert kept_views(drawn, rows, encoder, tuning(views=0)) == []
    with pytest.raises(TypeError):  # other chances, other files
        kept_views(drawn, rows, encoder, tuning(seed=1))


def test_training_on_views_is_training_on_their_pictures(drawn):
    """With nothing left to chance every view is the picture itself: the weights must come out as from the plain path."""
    still = Augmentation(flip=False, smallest_crop=1.0, colour=0.0)
    settings, rows, labels = tuning(augmentation=still), np.arange(12), np.arange(12) % 3
    pixels, prompts, answers = np.load(drawn.cache / "pictures-128.npy"), ["one", "two", "three"], []
    for seen in (True, False):
        encoder = open_encoder("CLIP-lite", None)
        made = kept_views(drawn, rows, encoder, settings) if seen else ()
        before = encode_images(encoder, pixels[20:30], CPU)
        train, test = (pixels[:12], labels), (pixels[20:30], labels[:10])
        history, (_, cosine) = fine_tune(encoder, train, test, prompts, settings, CPU, made)
        assert not torch.allclose(encode_images(encoder, pixels[20:30], CPU), before, atol=0.05), "nothing was learnt"
        answers.append((history["loss"].to_numpy(), cosine))
    np.testing.assert_allclose(answers[0][0], answers[1][0], rtol=2e-2)
    np.testing.assert_allclose(answers[0][1], answers[1][1], atol=2e-2)


@pytest.mark.skipif(not LITE_WEIGHTS.joinpath("CLIP-lite.safetensors").is_file(), reason="no weights come with it")
def test_weights_that_come_with_it_are_small_and_kept_imagenets_first_stages(published, tmp_path):
    assert (LITE_WEIGHTS / "CLIP-lite.safetensors").stat().st_size < 20e6
    encoder = open_encoder("CLIP-lite", tmp_path)
    assert encoder.resolution == LITE["CLIP-lite"]["image_resolution"]
    first, ours = folded(imagenet_network(published)).state_dict(), encoder.model.visual.trunk.state_dict()
    kept = {key for key in first if torch.equal(first[key].half().float(), ours[key])}
    assert {key for key in first if key.startswith(("conv_stem", "blocks.0", "blocks.3"))} <= kept
    assert "blocks.6.0.conv_pw.weight" not in kept
