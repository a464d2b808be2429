"""`make pretrain`: CLIP-mini from random weights, on random bodies and captions that follow from their geometry.

Two stages. First the image tower learns to see bodies from what a drawn world knows for free: where the joints are and
which facts hold of the body, by linear heads that are thrown away afterwards. A small network learns far more per picture
from that than from captions. Then both towers learn words by CLIP's own loss (paper, equation 1), each picture with a caption
of its own, the heads still helping. No pose's name is ever seen.
"""

import json
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from tqdm import tqdm

from yogalib.encoders import MINI, fresh_clip, import_clip
from yogalib.finetune import contrastive_loss, recolour
from yogalib.paths import from_environment, write_whole
from yogalib.runs import machine
from yogalib.synthetic.captions import FACTS, captions, fact_matrix
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.synthetic.skeleton import JOINTS
from yogalib.zero_shot import normalise, unit

CHUNK = 10_000  # pictures drawn, stored and trained on at a time
GRID = 8  # cells a side of the feature map on which joints are looked for
# mirrored, a left joint is a right one
MIRRORED = [JOINTS.index({"l": "r", "r": "l"}[name[0]] + name[1:] if name[1] == "_" else name) for name in JOINTS]


@dataclass(frozen=True)
class Setting:
    """How long and how fast. Each stage has a warm-up and a cosine of its own."""

    chunks: int = 20  # drawn; they are gone through again and again
    seeing: int = 36  # chunks of the first stage
    words: int = 16  # chunks of the second
    batch: int = 128
    seeing_rate: float = 2e-3
    words_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    seed: int = 0


# as much as an hour of one core allows
SETTINGS = {"CLIP-mini-RN": Setting(), "CLIP-mini-ViT": Setting(seeing=20, words=8, seeing_rate=7e-4, words_rate=5e-4)}


class Heads(nn.Module):
    """What the first stage asks of the image tower: facts and joints from its features, joints from a map within it."""

    def __init__(self, visual: nn.Module, features: int):
        super().__init__()
        self.facts, self.joints = nn.Linear(features, len(FACTS)), nn.Linear(features, 3 * len(JOINTS))
        if hasattr(visual, "layer2"):
            inner, channels = visual.layer2, visual.layer2[-1].conv3.out_channels
        else:
            inner, channels = (
                visual.transformer.resblocks[len(visual.transformer.resblocks) // 2],
                visual.conv1.out_channels,
            )
        self.map = nn.Conv2d(channels, len(JOINTS), 1)
        self.seen = None
        inner.register_forward_hook(lambda module, inputs, output: setattr(self, "seen", output))

    def loss(self, features: Tensor, facts: Tensor, joints: Tensor) -> Tensor:
        """Return the heads' loss on a batch. facts : (B, F), 0 or 1. joints : (B, J, 3), as shares of the picture."""
        grid = self.seen if self.seen.dim() == 4 else self.seen[1:].permute(1, 2, 0).unflatten(2, (GRID, GRID))
        cells = (torch.arange(GRID) + 0.5) / GRID
        x, y = (cells - joints[:, :, 0, None]) ** 2, (cells - joints[:, :, 1, None]) ** 2
        target = torch.exp(-(x[:, :, None, :] + y[:, :, :, None]) / (2 * 0.08**2))
        on_map = binary_cross_entropy_with_logits(self.map(grid), target)
        in_space = smooth_l1_loss(self.joints(features), about_the_middle(joints), beta=0.1)
        return 10 * on_map + 5 * in_space + 5 * binary_cross_entropy_with_logits(self.facts(features), facts)


def about_the_middle(joints: Tensor) -> Tensor:
    """Return where the joints are about the body's middle and in its size, (B, 3J), from joints as drawn (B, J, 3)."""
    centred = joints - joints.mean(dim=1, keepdim=True)
    across = centred[:, :, :2].norm(dim=2).amax(dim=1)[:, None, None]
    return torch.cat([centred[:, :, :2] / across, centred[:, :, 2:]], dim=2).flatten(1)


def vary(pixels: Tensor, joints: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror half of the batch, with its joints, and change colours and contrast; pixels float (B, R, R, 3)."""
    n = len(pixels)
    flip = torch.rand(n, generator=generator) < 0.5
    pixels = torch.where(flip[:, None, None, None], pixels.flip(2), pixels)
    mirrored = joints[:, MIRRORED] * torch.tensor([-1.0, 1.0, 1.0]) + torch.tensor([1.0, 0.0, 0.0])
    joints = torch.where(flip[:, None, None], mirrored, joints)
    return recolour(pixels, 0.3, generator)[..., torch.randperm(3, generator=generator)], joints


class Pretraining:
    """One variant in training; `save` and `load` carry all that a killed run needs to go on to the same end."""

    def __init__(self, name: str, setting: Setting):
        self.setting = setting
        self.model = fresh_clip(name, setting.seed).to(memory_format=torch.channels_last).train()
        torch.manual_seed(setting.seed)
        self.heads = Heads(self.model.visual, MINI[name]["embed_dim"])
        parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=setting.weight_decay, fused=True)
        self.done, self.seconds, self.log = 0, 0.0, []

    def learn(self, file: Path) -> dict:
        """Train on one chunk and return the means of both losses and of the share of pictures matched to their caption."""
        start, setting = time.perf_counter(), self.setting
        generator = torch.Generator().manual_seed(setting.seed + 1000 * self.done)
        pixels, seen, bodies = load_chunk(file)
        facts, joints = torch.from_numpy(fact_matrix(bodies)).float(), torch.from_numpy(seen)
        tokens = self._words(bodies) if self.done >= setting.seeing else None
        steps = CHUNK // setting.batch
        order = torch.randperm(CHUNK, generator=generator)[: steps * setting.batch].split(setting.batch)
        totals = np.zeros(3)
        for number, chosen in enumerate(order):
            for group in self.optimiser.param_groups:
                group["lr"] = self._rate(self.done + number / steps)
            images, places = vary(torch.from_numpy(pixels[chosen.numpy()]).float(), joints[chosen], generator)
            totals += self._step(normalise(images), facts[chosen], places, None if tokens is None else tokens[chosen])
        self.done += 1
        self.seconds += time.perf_counter() - start
        self.log.append(dict(zip(("heads", "contrastive", "match"), (totals / steps).round(4).tolist(), strict=True)))
        return self.log[-1]

    def _words(self, bodies) -> Tensor:
        texts = captions(bodies, np.random.default_rng([self.setting.seed, self.done]))
        return import_clip().tokenize(texts, context_length=self.model.context_length, truncate=True)

    def _step(self, images: Tensor, facts: Tensor, joints: Tensor, tokens: Tensor | None) -> np.ndarray:
        images = images.contiguous(memory_format=torch.channels_last)  # a fifth faster for the ResNet on a CPU
        features = self.model.encode_image(images)
        heads, contrastive, match = self.heads.loss(features, facts, joints), torch.zeros(()), torch.zeros(())
        if tokens is not None:
            logits = self.model.logit_scale.exp() * unit(features) @ unit(self.model.encode_text(tokens)).T
            contrastive = contrastive_loss(logits, torch.eye(len(logits)))
            match = (logits.argmax(1) == torch.arange(len(logits))).float().mean()
        self.optimiser.zero_grad()
        (heads + contrastive).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100))
        return np.array([heads.item(), contrastive.item(), match.item()])

    def _rate(self, done: float) -> float:
        setting = self.setting
        if done < setting.seeing:
            share, peak = done / setting.seeing, setting.seeing_rate
        else:
            share, peak = (done - setting.seeing) / setting.words, setting.words_rate
        if share < setting.warmup:
            return peak * (share / setting.warmup + 1e-3)
        return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (share - setting.warmup) / (1 - setting.warmup))))

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        parts = {"model": self.model, "heads": self.heads, "optimiser": self.optimiser}
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"done": self.done, "seconds": self.seconds, "log": self.log, "setting": asdict(self.setting)}
        write_whole(file, lambda path: torch.save(state, path))

    def load(self, file: Path) -> None:
        """Go on from a checkpoint of the same setting; another setting's is left alone."""
        state = torch.load(file, weights_only=True) if file.exists() else {"setting": None}
        if state["setting"] == asdict(self.setting):
            for name in ("model", "heads", "optimiser"):
                getattr(self, name).load_state_dict(state[name])
            self.done, self.seconds, self.log = state["done"], state["seconds"], state["log"]


def pretrain(name: str, setting: Setting, pool: Path, out: Path) -> Path:
    """Pre-train one variant to `out`/<name>.safetensors, with what it saw and took in <name>.json beside it.

    Chunks that are not in `pool` are drawn first. Weights are stored as fp16, in which clip.load keeps them too.
    """
    torch.set_num_threads(1)  # variants are trained side by side
    run, checkpoint = Pretraining(name, setting), pool / f"{name}.pt"
    run.load(checkpoint)
    for number in range(run.done, setting.seeing + setting.words):
        seed = number % setting.chunks
        means = run.learn(draw_chunk(pool / f"chunk_{seed:03d}.npz", seed, CHUNK, MINI[name]["image_resolution"]))
        run.save(checkpoint)
        print(f"{name}: chunk {run.done} of {setting.seeing + setting.words}, {means}", flush=True)
    state = run.model.state_dict()
    file = out / f"{name}.safetensors"
    weights = {key: value.half().contiguous() if value.is_floating_point() else value for key, value in state.items()}
    write_whole(file, lambda path: save_file(weights, path))
    about = {"setting": asdict(setting), "pictures": CHUNK * setting.chunks, "minutes": round(run.seconds / 60, 1)}
    about |= {"machine": machine(), "log": run.log}
    write_whole(file.with_suffix(".json"), lambda path: path.write_text(json.dumps(about), encoding="utf-8"))
    return file


def main(settings: dict[str, Setting] = SETTINGS) -> None:
    """Draw the pictures, then pre-train the variants, side by side on as many cores as there are."""
    pool, out = from_environment("DATA_DIR", "data") / "pretraining", Path(__file__).with_name("weights")
    with ProcessPoolExecutor(min(os.cpu_count(), 8), mp_context=get_context("spawn")) as executor:
        chunks, size = (
            max(setting.chunks for setting in settings.values()),
            MINI[next(iter(settings))]["image_resolution"],
        )
        files = [pool / f"chunk_{seed:03d}.npz" for seed in range(chunks)]
        drawn = [executor.submit(draw_chunk, file, seed, CHUNK, size) for seed, file in enumerate(files)]
        for future in tqdm(drawn, desc="draw", unit="chunk", mininterval=10):
            future.result()
        for future in [executor.submit(pretrain, name, setting, pool, out) for name, setting in settings.items()]:
            print(future.result())
