"""Rows of training: one step, and a fine-tuning from files to answers."""

import logging
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from yogalib.dataset.pixels import decoded_file
from yogalib.models.costs import encoder_costs
from yogalib.models.encoders import import_clip
from yogalib.models.finetune import Words, fine_tune, make_optimiser, train_step
from yogalib.models.resident import Pictures, resident
from yogalib.models.zero_shot import normalise
from yogalib.processes import process_pool
from yogalib.tools.bench.naive import naive_epoch, naive_optimiser, naive_step, naive_test
from yogalib.tools.bench.setting import EPOCHS, PEER, SPLITS, TRAIN, WARM_UP, Bench
from yogalib.tools.bench.turns import Row, peak, take_turns


def open_clip_step(bench: Bench, images: torch.Tensor, labels: np.ndarray) -> Callable[[], object]:
    """Return open_clip's own step (its training.train.train_one_epoch): one caption per picture, its loss, bf16 on a GPU."""
    import open_clip  # an optional extra

    logging.getLogger().setLevel(logging.ERROR)  # it warns that random weights are random
    model = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None, device=bench.device.torch).train()
    captions = open_clip.get_tokenizer("ViT-B-32-quickgelu")([bench.prompts[label] for label in labels])
    captions, loss_of = captions.to(bench.device.torch), open_clip.ClipLoss()
    optimiser = naive_optimiser(model, bench.tuning.optimiser)

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        with bench.device.autocast():
            image_features, text_features, scale = model(images, captions)
            loss = loss_of(image_features, text_features, scale)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, np.log(100))
        return loss.detach()

    return step


def step_paths(bench: Bench, name: str, batch: int) -> dict[str, Callable[[], object]]:
    """Return one training step of each path; naive and open_clip get their input ready, ours takes it from the cache."""
    theirs, ours, device = bench.encoder(name), bench.encoder(name), bench.device.torch
    labels, side = bench.labels(batch), ours.resolution
    pixels = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8, device=device)
    images = normalise(pixels).contiguous()
    captions = (
        import_clip().tokenize([bench.prompts[label] for label in labels], theirs.model.context_length).to(device)
    )
    naive = naive_optimiser(theirs.model.train(), bench.tuning.optimiser)
    words, total = Words(ours.model.train(), ours.tokenise(bench.prompts).to(device)), torch.zeros((), device=device)
    with words:
        optimiser, _ = make_optimiser(ours.model, bench.tuning.optimiser, 1)
    step = train_step(ours.model, optimiser, words.tokens, bench.tuning, total, bench.device)
    right, chosen = torch.from_numpy(labels).to(device), torch.arange(batch, device=device)

    def our_step() -> None:
        with words:
            step(normalise(pixels[chosen]), right)

    paths = {"naive": lambda: naive_step(theirs.model, naive, images, captions)}
    if name == PEER:
        paths["open_clip"] = open_clip_step(bench, images, labels)
    return paths | {"ours": our_step}


def step_memory(bench: Bench, name: str, batch: int) -> dict[str, list[float]]:
    """Return the GB that each path's first step takes, each in a process of its own: another's freed pages would hide it."""
    grown = {}
    for path in step_paths(bench, name, batch):
        with process_pool(1) as pool:
            grown[path] = [pool.submit(_grown_by, bench, name, batch, path).result()]
    return grown


def _grown_by(bench: Bench, name: str, batch: int, path: str) -> float:
    return peak(step_paths(bench, name, batch)[path])


def step_rows(bench: Bench) -> list[Row]:
    """Time training steps, and say what memory they take and what share of the machine's operations they use."""
    rows, side = [], bench.sizes.matrix
    matrix = torch.randn(side, side, device=bench.device.torch)
    for name, batch in bench.sizes.steps:
        paths, costs = step_paths(bench, name, batch), encoder_costs(name)
        with bench.device.autocast():
            turns = take_turns(
                paths | {"product": lambda: matrix @ matrix},
                bench.sizes.repeats,
                warm_up=WARM_UP[bench.device.torch.type],
            )
        best = 2 * side**3 / statistics.median(turns.pop("product"))
        needed = 3 * (batch * costs.picture + len(np.unique(bench.labels(batch))) * costs.prompt)
        used = {path: [100 * needed / second / best for second in seconds] for path, seconds in turns.items()}
        rows += [
            Row(f"training step, batch {batch}", name, turns, batch),
            Row("  needed operations by a matrix product's", name, used, unit="%"),
            Row("  memory of gradients, averages, activations", name, step_memory(bench, name, batch), unit="GB"),
        ]
    return rows


def tuning_rows(bench: Bench) -> list[Row]:
    """Time a fine-tuning with a test after each epoch, from files to answers, and 78 of them, which decode once."""
    sizes, name, tests = bench.sizes, bench.sizes.steps[0][0], bench.sizes.train // 4
    theirs, ours, device = bench.encoder(name), bench.encoder(name), bench.device
    train, test = (bench.loader(theirs.model, count) for count in (sizes.train, tests))
    optimiser = naive_optimiser(theirs.model, bench.tuning.optimiser)
    files = [file.name for file in bench.files(sizes.train + tests)]
    rows = pd.DataFrame({"path": files, "sha256": files})

    def naive() -> None:
        for _ in range(sizes.epochs):
            naive_epoch(theirs.model, optimiser, train)
            naive_test(theirs.model, test, bench.prompts)

    def decode() -> Path:
        with tempfile.TemporaryDirectory() as cache:
            return resident(decoded_file(rows, bench.folder, ours.resolution, "crop", Path(cache)), device.torch)

    pictures = decode()
    parts = [
        (Pictures(pictures, torch.arange(first, first + count, device=pictures.device)), bench.labels(count))
        for first, count in ((0, sizes.train), (sizes.train, tests))
    ]
    paths = {
        "naive": naive,
        "decode": decode,
        "ours": lambda: fine_tune(ours, *parts, bench.prompts, bench.tuning, device),
    }
    turns = take_turns(paths, sizes.runs, warm_up=0 if sizes.train == TRAIN else 1)
    once, whole = TRAIN / sizes.train, TRAIN / sizes.train * EPOCHS / sizes.epochs
    done = f"{sizes.epochs} x {sizes.train:,} pictures, {sizes.epochs * -(-sizes.train // bench.tuning.batch)} steps"
    found = []
    for times, what in ((1, f"{EPOCHS} epochs of {TRAIN:,}"), (SPLITS, f"{SPLITS} splits of it")):
        seconds = {
            "naive": [times * whole * second for second in turns["naive"]],
            "ours": [once * a + times * whole * b for a, b in zip(turns["decode"], turns["ours"], strict=True)],
        }
        note = "" if times * whole == 1 else f"scaled from {done}"
        found.append(Row(f"{what}, files to answers", name, seconds, times * EPOCHS * TRAIN, note=note))
    return found
