"""`make pretrain`: CLIP-mini from random weights, on random bodies and captions that follow from their geometry.

The loss is CLIP's own (paper, equation 1), each picture with a caption of its own, plus one term that a world with known
geometry gives for free: a linear head on the image features says where the joints are. It costs nothing beside the towers,
teaches the image tower more per picture than a caption can, and is thrown away at the end. No pose's name is ever seen.
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
from torch import Tensor
from torch.nn.functional import smooth_l1_loss
from tqdm import tqdm

from yogalib.encoders import MINI, fresh_clip, import_clip
from yogalib.finetune import contrastive_loss
from yogalib.paths import from_environment, write_whole
from yogalib.runs import machine
from yogalib.synthetic.captions import captions
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.synthetic.skeleton import JOINTS
from yogalib.zero_shot import normalise, unit

# mirrored, a left joint is a right one
MIRRORED = [JOINTS.index({"l": "r", "r": "l"}[name[0]] + name[1:] if name[1] == "_" else name) for name in JOINTS]


@dataclass(frozen=True)
class Setting:
    """How long and how fast."""

    chunks: int = 30  # of 10,000 pictures
    passes: float = 1.0  # over all chunks
    batch: int = 256
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup: float = 0.04
    joints_weight: float = 5.0
    seed: int = 0


CHUNK = 10_000
# as many passes as an hour of one core allows
SETTINGS = {"CLIP-mini-RN": Setting(passes=2.0), "CLIP-mini-ViT": Setting(passes=0.8)}


def pose_of(seen: np.ndarray) -> np.ndarray:
    """Return where the joints are, about the body's middle and in its size, (N, 3J), from joints as drawn (N, J, 3)."""
    centred = seen - seen.mean(axis=1, keepdims=True)
    across = np.linalg.norm(centred[:, :, :2], axis=2).max(axis=1)[:, None, None]
    centred[:, :, :2] /= across
    return centred.reshape(len(seen), -1).astype(np.float32)


def vary(pixels: Tensor, joints: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror half of the batch, with its joints, and change colours and contrast; pixels float (B, R, R, 3)."""
    n = len(pixels)
    flip = torch.rand(n, generator=generator) < 0.5
    pixels = torch.where(flip[:, None, None, None], pixels.flip(2), pixels)
    mirrored = joints.view(n, -1, 3)[:, MIRRORED] * torch.tensor([-1.0, 1.0, 1.0])
    joints = torch.where(flip[:, None], mirrored.reshape(n, -1), joints)
    gain = 0.7 + 0.6 * torch.rand(n, 1, 1, 3, generator=generator)
    shift = 60 * (torch.rand(n, 1, 1, 1, generator=generator) - 0.5)
    return (pixels * gain + shift).clamp(0, 255)[..., torch.randperm(3, generator=generator)], joints


class Pretraining:
    """One variant in training; `save` and `load` carry all that a killed run needs to go on to the same end."""

    def __init__(self, name: str, setting: Setting):
        self.name, self.setting = name, setting
        self.model = fresh_clip(name, setting.seed).to(memory_format=torch.channels_last).train()
        self.head = torch.nn.Linear(MINI[name]["embed_dim"], 3 * len(JOINTS))
        steps = self.steps_per_chunk * self.chunks_to_see
        parameters = [*self.model.parameters(), *self.head.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=setting.weight_decay, fused=True)
        self.rate = [_rate(step / steps, setting) for step in range(steps + 1)]
        self.seen_chunks, self.seconds, self.log = 0, 0.0, []

    @property
    def steps_per_chunk(self) -> int:
        """Whole batches of a chunk; the rest is left out, so that every loss has as many negatives."""
        return CHUNK // self.setting.batch

    @property
    def chunks_to_see(self) -> int:
        """Chunks until the end, passes counted."""
        return round(self.setting.passes * self.setting.chunks)

    def learn(self, file: Path) -> dict:
        """Train on one chunk and return its mean losses and the share of pictures matched to their own caption."""
        start, setting = time.perf_counter(), self.setting
        generator = torch.Generator().manual_seed(setting.seed + 1000 * self.seen_chunks)
        pixels, seen, bodies = load_chunk(file)
        words = captions(bodies, np.random.default_rng([setting.seed, self.seen_chunks]))
        tokens = import_clip().tokenize(words, context_length=self.model.context_length, truncate=True)
        joints = torch.from_numpy(pose_of(seen))
        order = torch.randperm(len(pixels), generator=generator)[: self.steps_per_chunk * setting.batch]
        totals = np.zeros(3)
        for number, chosen in enumerate(order.split(setting.batch)):
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate[self.seen_chunks * self.steps_per_chunk + number]
            images, places = vary(torch.from_numpy(pixels[chosen.numpy()]).float(), joints[chosen], generator)
            totals += self._step(normalise(images), tokens[chosen], places)
        self.seen_chunks += 1
        self.seconds += time.perf_counter() - start
        contrastive, joint, match = totals / self.steps_per_chunk
        entry = {"chunk": self.seen_chunks, "loss": contrastive, "joints": joint, "match": match}
        self.log.append({key: round(float(value), 4) for key, value in entry.items()})
        return self.log[-1]

    def _step(self, images: Tensor, tokens: Tensor, joints: Tensor) -> np.ndarray:
        images = images.contiguous(memory_format=torch.channels_last)  # a fifth faster for the ResNet on a CPU
        features = self.model.encode_image(images)
        logits = self.model.logit_scale.exp() * unit(features) @ unit(self.model.encode_text(tokens)).T
        contrastive = contrastive_loss(logits, torch.eye(len(logits)))
        joint = smooth_l1_loss(self.head(features), joints, beta=0.1)
        self.optimiser.zero_grad()
        (contrastive + self.setting.joints_weight * joint).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100))
        match = (logits.argmax(1) == torch.arange(len(logits))).float().mean()
        return np.array([contrastive.item(), joint.item(), match.item()])

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        state = {
            "model": self.model.state_dict(),
            "head": self.head.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        state |= {"chunks": self.seen_chunks, "seconds": self.seconds, "log": self.log, "setting": asdict(self.setting)}
        write_whole(file, lambda path: torch.save(state, path))

    def load(self, file: Path) -> None:
        """Go on from a checkpoint of the same setting; another setting's is left alone."""
        if not file.exists():
            return
        state = torch.load(file, weights_only=True)
        if state["setting"] == asdict(self.setting):
            self.model.load_state_dict(state["model"])
            self.head.load_state_dict(state["head"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.seen_chunks, self.seconds, self.log = state["chunks"], state["seconds"], state["log"]


def _rate(done: float, setting: Setting) -> float:
    if done < setting.warmup:
        return setting.learning_rate * (done / setting.warmup + 1e-3)
    return setting.learning_rate * (
        0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (done - setting.warmup) / (1 - setting.warmup)))
    )


def pretrain(name: str, setting: Setting, pool: Path, out: Path) -> Path:
    """Pre-train one variant to `out`/<name>.safetensors, with what it saw and took in <name>.json beside it.

    Chunks that are not in `pool` are drawn first. Weights are stored as fp16, in which clip.load keeps them too.
    """
    torch.set_num_threads(1)  # variants are trained side by side
    run = Pretraining(name, setting)
    checkpoint = pool / f"{name}.pt"
    run.load(checkpoint)
    for number in tqdm(range(run.seen_chunks, run.chunks_to_see), desc=name, unit="chunk", mininterval=10):
        seed = number % setting.chunks
        entry = run.learn(draw_chunk(pool / f"chunk_{seed:03d}.npz", seed, CHUNK, MINI[name]["image_resolution"]))
        print(json.dumps({"variant": name, **entry}), flush=True)
        run.save(checkpoint)
    weights = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in run.model.state_dict().items()
    }
    file = out / f"{name}.safetensors"
    write_whole(file, lambda path: save_file(weights, path))
    about = {"setting": asdict(setting), "pictures": CHUNK * setting.chunks, "minutes": round(run.seconds / 60, 1)}
    about |= {
        "pictures_seen": run.chunks_to_see * run.steps_per_chunk * setting.batch,
        "machine": machine(),
        "log": run.log,
    }
    write_whole(file.with_suffix(".json"), lambda path: path.write_text(json.dumps(about, indent=1), encoding="utf-8"))
    return file


def main(settings: dict[str, Setting] = SETTINGS) -> None:
    """Draw the pictures, then pre-train the variants, side by side on as many cores as there are."""
    pool = from_environment("DATA_DIR", "data") / "pretraining"
    workers = min(os.cpu_count(), 8)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        chunks, size = (
            max(setting.chunks for setting in settings.values()),
            MINI[next(iter(settings))]["image_resolution"],
        )
        files = [pool / f"chunk_{seed:03d}.npz" for seed in range(chunks)]
        drawn = [executor.submit(draw_chunk, file, seed, CHUNK, size) for seed, file in enumerate(files)]
        for future in tqdm(drawn, desc="draw", unit="chunk", mininterval=10):
            future.result()
        out = Path(__file__).with_name("weights")
        for future in [executor.submit(pretrain, name, setting, pool, out) for name, setting in settings.items()]:
            print(future.result())
