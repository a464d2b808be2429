"""The loss against a direct evaluation of the paper's equations; the loop against a naive one."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yogalib.device import Device
from yogalib.encoders import Encoder, import_clip
from yogalib.finetune import (
    augment,
    batch_loss,
    batch_targets,
    contrastive_loss,
    fine_tune,
    make_optimiser,
    share_with_class_mate,
)
from yogalib.profile import Augmentation, read_profile
from yogalib.zero_shot import classify, encode_prompts, normalise

CPU = Device(torch.device("cpu"), bf16=False)
PROMPTS = ["Yoga pose one", "Yoga pose two", "Yoga pose three"]


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


def tiny_data(n: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    pixels = rng.integers(0, 80, (n, 32, 32, 3)) + 80 * labels[:, None, None, None]
    return pixels.astype(np.uint8), labels


def tuning(**changes):
    settings = read_profile("paper").fine_tuning.model_copy(update={"batch": 8, "epochs": 2})
    return settings.model_copy(update=changes)


@given(st.integers(1, 7), st.integers(0, 10_000), st.sampled_from(["diagonal", "multi-positive"]))
@settings(deadline=None)
def test_loss_is_the_papers_equations(size, seed, kind):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, size, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (size,), generator=generator)
    expected = 0.0
    for rows in (logits.tolist(), logits.T.tolist()):
        for i, row in enumerate(rows):
            total = sum(math.exp(value) for value in row)
            mates = [i] if kind == "diagonal" else [j for j in range(size) if labels[j] == labels[i]]
            expected -= sum(math.log(math.exp(row[j]) / total) / len(mates) for j in mates) / size / 2
    targets = batch_targets(labels, kind).double()
    assert float(contrastive_loss(logits, targets)) == pytest.approx(expected, rel=1e-6)


def test_epoch_is_what_one_caption_per_picture_gives():
    """Encoding each distinct prompt once must leave the weights that the plain loop of CLIP fine-tuning gives."""
    data, encoder = tiny_data(), tiny_encoder()
    plain = copy.deepcopy(encoder.model).train()
    history, answers = fine_tune(encoder, data, data, PROMPTS, tuning(), CPU)
    assert np.array_equal(answers[0], classify(encoder, data[0], PROMPTS, CPU)[0])

    pixels, labels = torch.from_numpy(data[0]), torch.from_numpy(data[1])
    optimiser, _ = make_optimiser(plain, tuning().optimiser, 6)
    generator = torch.Generator().manual_seed(tuning().seed)
    losses = []
    for _ in range(2):
        total = 0.0
        for batch in torch.randperm(24, generator=generator).split(8):
            captions = encoder.tokenise([PROMPTS[label] for label in labels[batch]])
            per_image, per_text = plain(normalise(pixels[batch]), captions)
            right = torch.arange(8)
            cross_entropy = torch.nn.functional.cross_entropy
            loss = (cross_entropy(per_image, right) + cross_entropy(per_text, right)) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach())
        losses.append(total / 3)
    assert history["loss"].tolist() == pytest.approx(losses, rel=1e-4)
    for (name, ours), theirs in zip(encoder.model.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=2e-6), name


def test_same_seed_gives_the_same_bits_and_another_seed_does_not():
    answers = []
    for seed in (1, 1, 2):
        encoder, data = tiny_encoder(), tiny_data()
        fine_tune(encoder, data, data, PROMPTS, tuning(seed=seed), CPU)
        answers.append(classify(encoder, data[0], PROMPTS, CPU)[0])
    assert np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_training_learns_what_is_learnable():
    encoder, data = tiny_encoder(), tiny_data()
    optimiser = tuning().optimiser.model_copy(update={"learning_rate": 1e-3})
    history, _ = fine_tune(
        encoder, data, data, PROMPTS, tuning(optimiser=optimiser, epochs=60, targets="multi-positive"), CPU
    )
    assert history["top1"].iloc[-1] == 1
    assert list(history.columns) == ["epoch", "loss", "batches", "top1"]


def test_probabilities_sum_to_one_and_follow_the_cosine():
    encoder, data = tiny_encoder(), tiny_data()
    probabilities, cosine = classify(encoder, data[0], PROMPTS, CPU)
    assert probabilities.shape == cosine.shape == (24, 3)
    assert probabilities.sum(1) == pytest.approx(np.ones(24))
    assert np.abs(cosine).max() <= 1 + 1e-6
    assert (probabilities.argmax(1) == cosine.argmax(1)).all()
    per_image, _ = encoder.model(normalise(torch.from_numpy(data[0])), encoder.tokenise(PROMPTS))
    assert probabilities == pytest.approx(per_image.softmax(1).detach().numpy(), abs=1e-5)


def test_normalise_is_clips_own_preprocessing():
    from PIL import Image

    pixels = tiny_data()[0][:1]
    expected = import_clip().clip._transform(32)(Image.fromarray(pixels[0]))
    assert torch.allclose(normalise(torch.from_numpy(pixels))[0], expected, atol=1e-6)


def test_augmentation_keeps_shape_and_range_and_mirrors_half_of_the_pictures():
    pixels = torch.zeros(4, 20, 20, 3, dtype=torch.uint8)
    pixels[:, :, :10] = 200  # left half bright
    generator = torch.Generator().manual_seed(0)
    assert augment(pixels, Augmentation(flip=False, smallest_crop=1.0, colour=0.0), generator) is pixels
    cropped = augment(pixels, Augmentation(flip=False, smallest_crop=0.5, colour=0.0), generator)
    assert cropped.shape == pixels.shape
    assert cropped.min() >= 0
    assert cropped.max() <= 200 + 1e-3
    mirrored = augment(pixels.repeat(8, 1, 1, 1), Augmentation(flip=True, smallest_crop=1.0, colour=0.0), generator)
    left = mirrored[:, :, :10].mean((1, 2, 3)).round()
    assert set(left.tolist()) == {0, 200}


def test_recolouring_changes_colours_and_not_shapes():
    pixels = torch.full((6, 8, 8, 3), 120, dtype=torch.uint8)
    pixels[:, 4:] = 60
    changed = augment(pixels, Augmentation(flip=False, smallest_crop=1.0, colour=0.4), torch.Generator().manual_seed(0))
    assert 0 <= changed.min() < changed.max() <= 255
    assert len({tuple(picture[0, 0].tolist()) for picture in changed}) == 6
    assert (changed[:, :4] == changed[:, :1, :1]).all()
    assert (changed[:, :4] > changed[:, 4:]).all()


def test_schedule_warms_up_and_ends_at_nought():
    settings = tuning().optimiser.model_copy(update={"schedule": "cosine", "warmup": 0.2})
    adamw, schedule = make_optimiser(tiny_encoder().model, settings, 50)
    rates = []
    for _ in range(50):
        rates.append(adamw.param_groups[0]["lr"] / settings.learning_rate)
        adamw.step()
        schedule.step()
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == pytest.approx(1)
    assert rates[-1] < 0.01
    assert rates[10:] == sorted(rates[10:], reverse=True)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.integers(2, 12))
def test_share_with_class_mate_is_what_random_batches_show(counts, batch):
    labels = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(0)
    batch = min(batch, len(labels))
    seen = []
    for _ in range(300):
        drawn = rng.permutation(labels)[:batch]
        seen.append((np.bincount(drawn)[drawn] > 1).mean())
    assert share_with_class_mate(labels, batch) == pytest.approx(np.mean(seen), abs=0.12)


def test_class_prompts_are_plain_classification():
    encoder = tiny_encoder()
    images, labels = torch.rand(5, 3, 32, 32), torch.tensor([0, 2, 2, 1, 0])
    tokens = encoder.tokenise(["one", "two", "three"])
    found = batch_loss(encoder.model, images, labels, tokens, "class-prompts", CPU)
    logits, _ = encoder.model(images, tokens)
    assert torch.allclose(found, torch.nn.functional.cross_entropy(logits, labels), atol=1e-5)


def test_ensemble_is_the_direction_of_the_mean_feature():
    encoder = tiny_encoder()
    several = encode_prompts(encoder, [["one", "two"], ["three", "four"]], CPU)
    single = encode_prompts(encoder, ["one", "two", "three", "four"], CPU)
    for row, pair in zip(several, single.split(2), strict=True):
        mean = pair.mean(0)
        assert torch.allclose(row, mean / mean.norm(), atol=1e-6)
