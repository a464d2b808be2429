"""`make bench`: our path beside the naive loop (yogalib.tools.bench.naive) and open_clip's training step, in one run, as ratios.

Pictures are noise of a photograph's size and weights are random, which is fair for speed. The paths take turns, so that whatever
else the machine does hits all of them. Timings of one machine say little about another: read the ratios.
"""

import logging
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader

from yogalib.dataset.images import open_image
from yogalib.dataset.pixels import decoded_file, to_pixels
from yogalib.facts.prompts import class_prompts
from yogalib.models.costs import encoder_costs
from yogalib.models.device import Device, pick_device
from yogalib.models.encoders import RANDOM, Encoder, import_clip, open_encoder
from yogalib.models.finetune import fine_tune, make_optimiser, train_step
from yogalib.models.resident import Pictures, resident
from yogalib.models.zero_shot import answerer, classify, normalise
from yogalib.profile import FineTuning, read_profile
from yogalib.tools.bench.naive import (
    PicturesAndCaptions,
    naive_answer,
    naive_epoch,
    naive_optimiser,
    naive_step,
    naive_test,
)
from yogalib.tools.bench.turns import Row, keep, peak, processor_name, table, take_turns

TRAIN, TEST, EPOCHS, SPLITS, CLASSES = 15_301, 3_826, 5, 78, 82  # the paper's
WARM_UP = {"cpu": 1, "cuda": 5}  # a GPU's graph is recorded in the fourth call
PEER = "ViT-B/32"  # of the encoders here the one that open_clip builds too


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    steps : (encoder, batch) of the training steps; the first encoder is fine-tuned. answers : encoders that classify one picture.
    flow : pictures of a batch to classify. train, epochs : of the timed fine-tuning; less than the paper's is scaled to it.
    repeats, of a fine-tuning: runs. matrix : side of the matrix product that utilisation is held against.
    """

    steps: tuple[tuple[str, int], ...]
    answers: tuple[str, ...]
    flow: int
    train: int
    epochs: int
    repeats: int
    runs: int
    matrix: int


# a step of ViT-B/32 on 82 pictures takes a CPU a minute and more
SIZES = {
    "cpu": Sizes(
        (("CLIP-mini-RN", 82), ("CLIP-mini-RN", 512), (PEER, 4)), ("CLIP-mini-RN", PEER), 64, 328, 1, 3, 3, 2048
    ),
    "cuda": Sizes(((PEER, 82), (PEER, 512)), (PEER,), 512, TRAIN, EPOCHS, 20, 1, 8192),
}


@dataclass(frozen=True)
class Bench:
    """What all rows share: device, sizes, setting and files of noise, 640 x 480 pixels each."""

    device: Device
    sizes: Sizes
    tuning: FineTuning
    prompts: list[str]
    folder: Path

    @classmethod
    def open(cls, device: Device, sizes: Sizes, folder: Path) -> "Bench":
        """Write the files, as many as a batch of the paper has."""
        rng, tuning = np.random.default_rng(0), read_profile("paper").fine_tuning
        for place in range(CLASSES):
            small = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
            small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{place}.jpg", quality=90)
        tuning = tuning.model_copy(update={"epochs": sizes.epochs})
        return cls(device, sizes, tuning, class_prompts(range(CLASSES), tuning.prompt.template), folder)

    def encoder(self, name: str) -> Encoder:
        """Return a new encoder with random weights, on the device."""
        encoder = open_encoder(name + RANDOM, self.folder)
        encoder.on(self.device.torch)
        return encoder

    def labels(self, count: int) -> np.ndarray:
        """Return random labels, (count,)."""
        return np.random.default_rng(count).integers(0, CLASSES, count)

    def files(self, count: int) -> list[Path]:
        """Return so many files; the same ones come again and again."""
        return [self.folder / f"{place % CLASSES}.jpg" for place in range(count)]

    def loader(self, model, count: int) -> DataLoader:
        """Return the naive loop's loader, a worker on each core."""
        pictures = PicturesAndCaptions(self.files(count), [self.prompts[label] for label in self.labels(count)], model)
        return DataLoader(
            pictures, self.tuning.batch, shuffle=True, num_workers=os.cpu_count(), persistent_workers=True
        )


def decode_rows(bench: Bench) -> list[Row]:
    """Time what becomes of a file, on one core: decoded and resized for the cache, and taken from the cache ever after."""
    side, files = 224, bench.files(CLASSES)
    preprocess = import_clip().clip._transform(side)
    pixels = torch.from_numpy(np.stack([to_pixels(open_image(file), side, "crop") for file in files]))

    def naive() -> None:
        for file in files:
            preprocess(Image.open(file))

    def ours() -> None:
        for file in files:
            to_pixels(open_image(file), side, "crop")

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first = take_turns({"naive": naive, "ours": ours}, bench.sizes.repeats)
        later = take_turns(
            {"naive": naive, "ours": lambda: normalise(pixels[torch.randperm(CLASSES)])}, bench.sizes.repeats
        )
    finally:
        torch.set_num_threads(threads)
    return [Row("files decoded, one core", "", first, CLASSES), Row("the same in later epochs", "", later, CLASSES)]


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
    optimiser, _ = make_optimiser(ours.model.train(), bench.tuning.optimiser, 1)
    total, tokens = torch.zeros((), device=device), ours.tokenise(bench.prompts).to(device)
    step = train_step(ours.model, optimiser, tokens, bench.tuning.targets, total, bench.device)
    right, chosen = torch.from_numpy(labels).to(device), torch.arange(batch, device=device)
    paths = {"naive": lambda: naive_step(theirs.model, naive, images, captions)}
    if name == PEER:
        paths["open_clip"] = open_clip_step(bench, images, labels)
    return paths | {"ours": lambda: step(normalise(pixels[chosen]), right)}


def step_rows(bench: Bench) -> list[Row]:
    """Time training steps, and say what memory they take and what share of the machine's operations they use."""
    rows, side = [], bench.sizes.matrix
    matrix = torch.randn(side, side, device=bench.device.torch)
    for name, batch in bench.sizes.steps:
        paths, costs = step_paths(bench, name, batch), encoder_costs(name)
        grown = {path: [peak(work)] for path, work in paths.items()}  # first: a recorded graph's memory is not seen
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
            Row("  memory of gradients, averages, activations", name, grown, unit="GB"),
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


def answer_rows(bench: Bench, name: str) -> list[Row]:
    """Time the classification of one picture from its file by both definitions; the naive path knows one alone."""
    encoder, (file,) = bench.encoder(name), bench.files(1)
    answer = answerer(encoder, bench.prompts, bench.device)

    def read() -> np.ndarray:
        return to_pixels(open_image(file), encoder.resolution, "crop")[None]

    paths = {
        "naive": lambda: naive_answer(encoder.model, file, bench.prompts),
        "ours": lambda: classify(encoder, read(), bench.prompts, bench.device),
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


def main(save: Path | None = None) -> None:
    """Print the table; `save` names the folder in which it is kept as JSON and CSV, too."""
    device = pick_device("auto", "auto", os.cpu_count())
    processor = processor_name()
    print(f"{processor}, {os.cpu_count()} cores, {device.precision} (naive: fp32), torch {torch.__version__}")
    print(
        "medians (lowest to highest); ratio: naive to ours, to peer: open_clip to ours; noise pictures, random weights"
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.open(device, SIZES[device.torch.type], Path(folder))
        answers = [partial(answer_rows, name=name) for name in bench.sizes.answers]
        print(table([])[0], flush=True)
        rows = []
        for make in (decode_rows, step_rows, tuning_rows, *answers, lambda bench: [flow_row(bench)]):
            rows += (made := make(bench))
            print("\n".join(table(made)[1:]), flush=True)
    if save is not None:
        keep(rows, processor, save)
