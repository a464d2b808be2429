"""`make bench`: our path beside the naive loop of most CLIP fine-tuning code, in one run, as ratios.

The naive loop decodes with Pillow in each epoch, encodes one caption per picture and, at inference, every prompt again for
every picture. Pictures are noise and weights are random, which is fair for speed. Timings of one machine say little about
another: read the ratios.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy

from yogalib.dataset.cache import to_pixels
from yogalib.dataset.images import open_image
from yogalib.device import Device, pick_device
from yogalib.encoders import Encoder, import_clip, open_encoder
from yogalib.finetune import fine_tune, make_optimiser
from yogalib.profile import FineTuning, read_profile
from yogalib.prompts import class_prompts
from yogalib.zero_shot import classify, encode_images, encode_prompts

REPEATS = 5
PICTURES, CLASSES = 164, 82


def seconds(work: Callable[[], object]) -> list[float]:
    """Return the seconds of each of REPEATS calls, after one that is not counted."""
    taken = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return taken[1:]


def naive_epoch(encoder: Encoder, files: list[Path], labels: list[int], prompts: list[str], tuning: FineTuning) -> None:
    """Train one epoch as most CLIP fine-tuning code does: decode anew, one caption per picture, fp32."""
    model, preprocess = encoder.model.train(), import_clip().clip._transform(encoder.resolution)
    device = next(model.parameters()).device
    optimiser, _ = make_optimiser(model, tuning.optimiser, 1)
    for start in range(0, len(files), tuning.batch):
        pictures = torch.stack([preprocess(Image.open(file)) for file in files[start : start + tuning.batch]]).to(
            device
        )
        captions = encoder.tokenise([prompts[label] for label in labels[start : start + tuning.batch]]).to(device)
        per_image, per_text = model(pictures, captions)
        right = torch.arange(len(pictures), device=device)
        loss = (cross_entropy(per_image, right) + cross_entropy(per_text, right)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def naive_answer(encoder: Encoder, file: Path, prompts: list[str]) -> None:
    """Classify one picture by the paper's definition of inference (section 4.3): both towers, for each picture."""
    device = next(encoder.model.parameters()).device
    picture = import_clip().clip._transform(encoder.resolution)(Image.open(file))[None].to(device)
    encoder.model.eval()(picture, encoder.tokenise(prompts).to(device))[0].softmax(1)


def measure(name: str, folder: Path, device: Device) -> list[tuple[str, list[float], list[float]]]:
    """Return (what, naive seconds, our seconds) for one encoder; real sizes, noise pictures, random weights."""
    rng, tuning = np.random.default_rng(0), read_profile("paper").fine_tuning.model_copy(update={"epochs": 1})
    labels = np.arange(PICTURES) % CLASSES
    files = [folder / f"{place}.jpg" for place in range(PICTURES)]
    for file in files:
        small = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        small.resize((640, 480), Image.Resampling.BICUBIC).save(file, quality=90)
    encoder, prompts = (
        open_encoder(name, folder),
        class_prompts(range(CLASSES), **tuning.prompt.model_dump(exclude={"names"})),
    )
    encoder.model.to(device.torch)
    pixels = np.stack([to_pixels(open_image(file), encoder.resolution, "crop") for file in files])
    cached = encode_prompts(encoder, prompts, device)
    part = (pixels, labels)

    def deployed() -> torch.Tensor:
        picture = to_pixels(open_image(files[0]), encoder.resolution, "crop")[None]
        return (encode_images(encoder, picture, device) @ cached.T).softmax(1)

    return [
        (
            f"epoch of {PICTURES} pictures and its test",
            seconds(
                lambda: (
                    naive_epoch(encoder, files, labels.tolist(), prompts, tuning),
                    classify(encoder, pixels, prompts, device),
                )
            ),
            seconds(lambda: fine_tune(encoder, part, part, prompts, tuning, device)),
        ),
        (
            "one picture, file to answer",
            seconds(lambda: naive_answer(encoder, files[0], prompts)),
            seconds(deployed),
        ),
    ]


def main() -> None:
    """Print the table."""
    device = pick_device("auto", "auto", 1)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, one thread"
    print(
        f"{where}, {device.precision}, torch {torch.__version__}; medians of {REPEATS} (lowest to highest), milliseconds"
    )
    print(f"{'encoder':<22}{'what':<36}{'naive':>26}{'ours':>26}{'ratio':>8}")
    for name in ("CLIP-mini-RN-random", "CLIP-mini-ViT-random"):
        with tempfile.TemporaryDirectory() as folder:
            for what, naive, ours in measure(name, Path(folder), device):
                columns = [
                    f"{statistics.median(t) * 1e3:.1f} ({min(t) * 1e3:.1f} to {max(t) * 1e3:.1f})"
                    for t in (naive, ours)
                ]
                ratio = statistics.median(naive) / statistics.median(ours)
                print(f"{name:<22}{what:<36}{columns[0]:>26}{columns[1]:>26}{ratio:>7.1f}x")
