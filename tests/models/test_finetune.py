"""The loss against a direct evaluation of the paper's equations; the loop against a naive one."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.special import softmax
from tiny_clip import tiny_encoder
from torch.utils.data import DataLoader
from torchvision.transforms.functional import InterpolationMode, rotate

from yogalib.models import finetune
from yogalib.models.augment import augment, draws_for
from yogalib.models.device import Device, Graphed
from yogalib.models.encoders import import_clip, open_encoder
from yogalib.models.finetune import (
    batch_loss,
    batch_targets,
    contrastive_loss,
    fine_tune,
    levels_loss,
    make_optimiser,
    share_with_class_mate,
)
from yogalib.models.resident import Pictures, resident
from yogalib.models.zero_shot import answerer, classify, encode_images, encode_prompts, normalise
from yogalib.profile import Augmentation, read_profile
from yogalib.results.metrics import wilson
from yogalib.tools.bench.naive import PicturesAndCaptions, naive_answer, naive_epoch, naive_optimiser, naive_test

CPU = Device(torch.device("cpu"), bf16=False)
PROMPTS = ["Yoga pose one", "Yoga pose two", "Yoga pose three"]


def tiny_data(n: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    pixels = rng.integers(0, 80, (n, 32, 32, 3)) + 80 * labels[:, None, None, None]
    return pixels.astype(np.uint8), labels


def draws_of(count: int, settings: Augmentation) -> torch.Tensor:
    return torch.rand(count, draws_for(settings), generator=torch.Generator().manual_seed(0))


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


def test_fast_path_follows_the_naive_loop(tmp_path):
    """Decoding once, encoding each prompt once and cut, a recorded order: all must leave the weights that the plain loop gives."""
    data, encoder = tiny_data(), tiny_encoder()
    files = [tmp_path / f"{place}.png" for place in range(24)]
    for picture, file in zip(data[0], files, strict=True):
        Image.fromarray(picture).save(file)
    plain = copy.deepcopy(encoder.model)
    history, answers = fine_tune(encoder, data, data, PROMPTS, tuning(epochs=3), CPU)
    assert np.array_equal(answers[0], classify(encoder, data[0], PROMPTS, CPU)[0])

    pictures = PicturesAndCaptions(files, [PROMPTS[label] for label in data[1]], plain)
    optimiser, generator = naive_optimiser(plain, tuning().optimiser), torch.Generator().manual_seed(tuning().seed)
    losses = []
    for _ in range(3):
        order = torch.randperm(24, generator=generator).tolist()
        losses.append(np.mean(naive_epoch(plain, optimiser, DataLoader(pictures, 8, sampler=order))))
    assert history["loss"].tolist() == pytest.approx(losses, rel=1e-4)
    for (name, ours), theirs in zip(encoder.model.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=2e-6), name
    found = naive_answer(plain, files[0], PROMPTS)
    assert answers[0][0] == pytest.approx(found.numpy(), abs=1e-4)
    assert answers[0] == pytest.approx(naive_test(plain, DataLoader(pictures, 5), PROMPTS).numpy(), abs=1e-4)


@pytest.mark.parametrize("name", ["CLIP-mini-RN", "ViT-B/32-random"])
def test_prompts_cut_behind_the_longest_are_the_prompts(name):
    encoder = open_encoder(name, None)
    prompts = ["tree", "a person lying on the back, both knees bent to the chest", "Yoga pose Adho Mukha Svanasana"]
    whole = import_clip().tokenize(prompts, context_length=encoder.model.context_length)
    cut = encoder.tokenise(prompts)
    assert cut.shape[1] < 20 < whole.shape[1]
    with torch.no_grad():
        expected = encoder.model.encode_text(whole)
        assert torch.allclose(encoder.model.encode_text(cut), expected, atol=1e-5 * float(expected.abs().max()))


def test_bf16_changes_accuracy_by_less_than_its_interval():
    optimiser = tuning().optimiser.model_copy(update={"learning_rate": 3e-4})
    hits = {}
    for bf16 in (False, True):
        encoder, train = tiny_encoder(), tiny_data(96)
        test = tiny_data(90, seed=1)
        blurred = (test[0] * 0.5 + np.random.default_rng(2).integers(0, 128, test[0].shape)).astype(np.uint8)
        changes = {"optimiser": optimiser, "epochs": 6, "targets": "multi-positive"}
        device = Device(torch.device("cpu"), bf16)
        _, answers = fine_tune(encoder, train, (blurred, test[1]), PROMPTS, tuning(**changes), device)
        assert answers[0].dtype == np.float32
        assert {weights.dtype for weights in encoder.model.parameters()} == {torch.float32}
        hits[bf16] = int((answers[0].argmax(1) == test[1]).sum())
    low, high = wilson(hits[False], 90)
    assert low <= hits[True] / 90 <= high
    assert hits[False] > 45, "nothing was learnt, so nothing was compared"


def test_pictures_of_the_cache_are_not_copied_before_they_are_asked_for(tmp_path):
    pixels = tiny_data()[0]
    np.save(tmp_path / "cache.npy", pixels)
    cache = resident(tmp_path / "cache.npy", torch.device("cpu"))
    assert resident(tmp_path / "cache.npy", torch.device("cpu")) is cache  # mapped once for all runs
    part = Pictures(cache, torch.tensor([5, 3, 20]))
    assert Pictures.of(part, torch.device("cpu")).cache.data_ptr() == cache.data_ptr()
    assert np.array_equal(part[torch.tensor([2, 0])], pixels[[20, 5]])
    assert np.array_equal(part[0:2], pixels[[5, 3]])
    own = Pictures.of(pixels, torch.device("cpu"))
    assert np.shares_memory(own.cache.numpy(), pixels)
    encoder = tiny_encoder()
    assert torch.equal(encode_images(encoder, part, CPU), encode_images(encoder, pixels[[5, 3, 20]], CPU))
    part[0:1].zero_()  # what one asks for is one's own
    assert np.array_equal(np.load(tmp_path / "cache.npy"), pixels)


def test_one_picture_is_answered_as_in_a_batch():
    encoder, data = tiny_encoder(), tiny_data()
    answer = answerer(encoder, PROMPTS, CPU)
    expected = classify(encoder, data[0], PROMPTS, CPU)[0]
    for place in (0, 7):
        assert answer(data[0][place : place + 1]).numpy() == pytest.approx(expected[place : place + 1], abs=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("bf16", [False, True])
def test_recorded_graph_trains_as_the_plain_steps_do(bf16, monkeypatch):
    gpu, curves = Device(torch.device("cuda"), bf16), []
    for warm_up in (3, 10_000):  # the second never records
        monkeypatch.setattr(Graphed, "WARM_UP", warm_up)
        encoder, data = tiny_encoder(), tiny_data(30)  # the epoch's last batch is a small one
        history, answers = fine_tune(encoder, data, data, PROMPTS, tuning(epochs=4), gpu)
        curves.append(history["loss"].tolist() + answers[0].ravel().tolist())
    assert curves[0] == pytest.approx(curves[1], rel=2e-2 if bf16 else 1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_no_step_waits_for_the_gpu():
    gpu, data, encoder = Device(torch.device("cuda"), True), tiny_data(30), tiny_encoder()
    model = encoder.on(gpu.torch)
    optimiser, schedule = make_optimiser(model, tuning().optimiser, 4)
    pictures, chosen = Pictures.of(data[0], gpu.torch), torch.arange(8, device=gpu.torch)
    labels, tokens = torch.from_numpy(data[1]).to(gpu.torch), encoder.tokenise(PROMPTS).to(gpu.torch)

    def step() -> None:
        batch_loss(model, normalise(pictures[chosen]), labels[chosen], tokens, "diagonal", gpu).backward()
        optimiser.step()
        schedule.step()

    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


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


def test_mirrored_answers_are_the_mean_over_picture_and_mirror_image():
    encoder, (pixels, _) = tiny_encoder(), tiny_data()
    both = [classify(encoder, each, PROMPTS, CPU) for each in (pixels, pixels[:, :, ::-1].copy())]
    assert not np.allclose(both[0][0], both[1][0], atol=1e-6)
    for found, *parts in zip(classify(encoder, pixels, PROMPTS, CPU, mirrored=True), *both, strict=True):
        assert found == pytest.approx(np.mean(parts, axis=0), abs=1e-6)


def test_normalise_is_clips_own_preprocessing():
    pixels = tiny_data()[0][:1]
    expected = import_clip().clip._transform(32)(Image.fromarray(pixels[0]))
    assert torch.allclose(normalise(torch.from_numpy(pixels))[0], expected, atol=1e-6)


def augmented(pixels: torch.Tensor, **settings) -> torch.Tensor:
    settings = Augmentation(**{"flip": False, "smallest_crop": 1.0, "colour": 0.0} | settings)
    return augment(pixels, settings, draws_of(len(pixels), settings))


def test_augmentation_keeps_shape_and_range_and_mirrors_half_of_the_pictures():
    pixels = torch.zeros(4, 20, 20, 3, dtype=torch.uint8)
    pixels[:, :, :10] = 200  # left half bright
    assert augmented(pixels) is pixels
    cropped = augmented(pixels, smallest_crop=0.5)
    assert cropped.shape == pixels.shape
    assert cropped.min() >= 0
    assert cropped.max() <= 200 + 1e-3
    mirrored = augmented(pixels.repeat(8, 1, 1, 1), flip=True)
    left = mirrored[:, :, :10].mean((1, 2, 3)).round()
    assert set(left.tolist()) == {0, 200}


def test_pictures_turn_to_either_side_as_torchvision_turns_them():
    pixels = torch.zeros(6, 33, 33, 3, dtype=torch.uint8)
    pixels[:, 8:20, 14:24] = 200
    turned = augmented(pixels, turn=30.0)
    angles = 30 * (2 * draws_of(6, Augmentation(flip=False, smallest_crop=1.0, colour=0.0, turn=30.0))[:, 8] - 1)
    assert angles.min() < -5
    assert angles.max() > 5
    for picture, angle, before in zip(turned, angles, pixels, strict=True):
        expected = rotate(before.permute(2, 0, 1).float(), float(angle), InterpolationMode.BILINEAR)
        assert torch.allclose(picture.permute(2, 0, 1), expected, atol=0.1)


def test_recolouring_changes_colours_and_not_shapes():
    pixels = torch.full((6, 8, 8, 3), 120, dtype=torch.uint8)
    pixels[:, 4:] = 60
    changed = augmented(pixels, colour=0.4)
    assert 0 <= changed.min() < changed.max() <= 255
    assert len({tuple(picture[0, 0].tolist()) for picture in changed}) == 6
    assert (changed[:, :4] == changed[:, :1, :1]).all()
    assert (changed[:, :4] > changed[:, 4:]).all()


def test_text_tower_that_goes_first_learns_alone():
    encoder, data = tiny_encoder(), tiny_data()
    before = {name: each.clone() for name, each in encoder.model.state_dict().items()}
    fine_tune(encoder, data, data, PROMPTS, tuning(epochs=2, text_first=2, batch=4), CPU)
    changed = {name for name, each in encoder.model.named_parameters() if not torch.equal(each, before[name])}
    assert "text_projection" in changed
    assert not any(name.startswith("visual.") for name in changed)
    fine_tune(encoder, data, data, PROMPTS, tuning(epochs=2, text_first=1, batch=4), CPU)
    assert not torch.equal(encoder.model.visual.conv1.weight, before["visual.conv1.weight"])


def test_low_rank_adapters_learn_alone_and_are_folded_into_the_same_layers():
    encoder, data = tiny_encoder(), tiny_data()
    before = {name: each.clone() for name, each in encoder.model.state_dict().items()}
    optimiser = tuning().optimiser.model_copy(update={"learning_rate": 1e-2})
    settings = tuning(rank=2, batch=4, optimiser=optimiser)
    _, answers = fine_tune(encoder, data, data, PROMPTS, settings, CPU)
    after = encoder.model.state_dict()
    assert set(after) == set(before), "the kept weights open as any other's"
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"visual", "transformer"}
    assert all(".attn." in name for name in changed)
    moved = after["transformer.resblocks.0.attn.in_proj_weight"] - before["transformer.resblocks.0.attn.in_proj_weight"]
    assert torch.linalg.matrix_rank(moved, rtol=1e-4) <= 2
    assert np.allclose(classify(encoder, data[0], PROMPTS, CPU)[0], answers[0], atol=1e-6)


def test_mean_of_weights_is_the_exponential_one_of_all_steps(monkeypatch):
    seen = []

    class Watched(finetune.AveragedModel):
        def update_parameters(self, model):
            seen.append(model.text_projection.detach().clone())
            super().update_parameters(model)

    monkeypatch.setattr(finetune, "AveragedModel", Watched)
    encoder, data = tiny_encoder(), tiny_data()
    optimiser = tuning().optimiser.model_copy(update={"learning_rate": 1e-2})
    _, answers = fine_tune(
        encoder, data, data, PROMPTS, tuning(epochs=3, batch=4, averaged=True, optimiser=optimiser), CPU
    )
    batches = len(seen) // 3
    expected, decay = seen[0], 1 - 1 / batches
    for each in seen[1:]:
        expected = decay * expected + (1 - decay) * each
    torch.testing.assert_close(encoder.model.text_projection.detach(), expected)
    assert not torch.allclose(expected, seen[-1], atol=1e-4)
    assert np.allclose(classify(encoder, data[0], PROMPTS, CPU)[0], answers[0], atol=1e-6)


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
    smooth = batch_loss(encoder.model, images, labels, tokens, "class-prompts", CPU, smoothing=0.3)
    assert torch.allclose(smooth, 0.7 * found - 0.3 * logits.log_softmax(1).mean(), atol=1e-5)


def test_ensemble_is_the_direction_of_the_mean_feature():
    encoder = tiny_encoder()
    several = encode_prompts(encoder, [["one", "two"], ["three", "four"]], CPU)
    single = encode_prompts(encoder, ["one", "two", "three", "four"], CPU)
    for row, pair in zip(several, single.split(2), strict=True):
        mean = pair.mean(0)
        assert torch.allclose(row, mean / mean.norm(), atol=1e-6)


def test_recording_that_fails_costs_a_warning_and_no_step(monkeypatch):
    taken = []
    graphed = Graphed(lambda number: taken.append(number.item()))
    monkeypatch.setattr(Graphed, "_aside", lambda self, *inputs: self.step(*inputs))

    def refuse(self, *inputs):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(Graphed, "_record", refuse)
    with pytest.warns(UserWarning, match="no CUDA graph, so slower: operation not permitted when stream is capturing$"):
        list(map(graphed, torch.arange(6)))
    assert taken == list(range(6))


def test_three_heads_add_the_cross_entropies_of_the_levels():
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((5, 4 + 3 + 2)), np.array([0, 3, 1, 2, 3])
    above = [np.array([0, 0, 1, 2]), np.array([0, 0, 0, 1])]
    expected = 0.0
    for part, right in zip(np.split(logits, [4, 7], axis=1), (labels, *(of[labels] for of in above)), strict=True):
        expected -= np.log(softmax(part, axis=1)[np.arange(5), right]).mean()
    belongs = [torch.from_numpy(of[:, None] == np.unique(of)) for of in above]
    found = levels_loss(torch.from_numpy(logits), torch.from_numpy(labels), belongs)
    assert float(found) == pytest.approx(expected)
    alone = levels_loss(torch.from_numpy(logits[:, :4]), torch.from_numpy(labels), [])
    assert float(alone) == pytest.approx(
        float(torch.nn.functional.cross_entropy(torch.from_numpy(logits[:, :4]), torch.from_numpy(labels)))
    )
