"""`make pretrain-yolo`: YOLOv8n-cls from random weights, on the very drawn bodies that CLIP-mini is pre-trained on.

It learns classes that are no poses, as the paper's YOLO learnt ImageNet's: what bears a body, then its trunk, legs and arms, as far as
enough bodies share it. The classes follow by rule from the facts of each body, and no pose's name is ever seen. As with CLIP-mini, facts
and joints help it to see, by outputs that are thrown away afterwards.
"""

import math
import time
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss

from yogalib.models.published import MINI_YOLO
from yogalib.models.yolo import apart, fresh_network
from yogalib.paths import from_environment
from yogalib.runs.store import machine
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.captions import BASES, FACTS, fact_matrix
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.synthetic.poses import random_angles
from yogalib.synthetic.skeleton import JOINTS, sample_proportions
from yogalib.tools.pretrain import CHUNK, DRAWN, Resumable, about_the_middle, vary, write_weights

NAME = MINI_YOLO.stem
SIDE = 64  # pixels, as CLIP-mini-RN
JUDGED = 4_000  # bodies drawn beside the pool, to judge on
# of each, the first that holds of a body is said of it
TRUNK = ("folded", "trunk_down", "trunk_level", "leaning_forward", "leaning_back", "side_bent", "upright")
LEGS = (
    "legs_split", "legs_wide", "legs_crossed", "knees_out", "one_leg_lifted", "legs_up", "knees_deep", "one_knee_bent",
    "legs_straight", "knees_bent",
)  # fmt: skip
ARMS = (
    "hands_to_feet", "hand_to_foot", "palms_together", "arms_up", "arm_up", "arms_wide", "arms_forward", "arms_behind",
    "arms_down", "elbows_bent",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """How much is drawn, how long and how fast; one warm-up and one cosine."""

    chunks: int = 20  # the first of CLIP-mini's 48
    passes: int = 20  # chunks gone through; one that is seen again is seen in new windows
    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    bodies: int = 20_000  # that say which classes there are
    least: float = 0.005  # share of them that a class needs
    seed: int = 0


def called(facts: np.ndarray) -> list[np.ndarray]:
    """Return what bodies are called, from coarse to fine, four arrays (N,) of words. facts : as of captions.fact_matrix."""
    held = pd.DataFrame(facts, columns=list(FACTS))
    words = [
        np.array([*level, "-"])[np.column_stack([held[list(level)], np.ones(len(held), bool)]).argmax(1)]
        for level in (BASES, TRUNK, LEGS, ARMS)
    ]
    return list(accumulate(words, lambda coarse, finer: np.char.add(np.char.add(coarse, ", "), finer)))


def class_names(setting: Setting) -> list[str]:
    """Return the classes, sorted: whatever bears a body, and each finer name that enough of some random bodies share."""
    rng = np.random.default_rng(setting.seed)
    postures = random_angles(rng, setting.bodies)
    facts = fact_matrix(pose_bodies(postures, sample_proportions(rng, setting.bodies)))
    shares = pd.Series(np.concatenate(called(facts))).value_counts() / setting.bodies
    return sorted({*BASES, *shares.index[shares > setting.least]})


def classes_of(facts: np.ndarray, names: list[str]) -> np.ndarray:
    """Return each body's class, (N,), a place in the sorted `names`: the finest of its names that stands there."""
    known = [(np.searchsorted(names, word).clip(max=len(names) - 1), np.isin(word, names)) for word in called(facts)]
    found = known[0][0]
    for place, there in known[1:]:
        found = np.where(there, place, found)
    return found


class YoloPretraining(Resumable):
    """YOLOv8n-cls in training. Only in a process of its own (yogalib.models.yolo.apart)."""

    PARTS = ("model", "optimiser")

    def __init__(self, setting: Setting):
        self.setting, self.names = setting, class_names(setting)
        torch.manual_seed(setting.seed)
        self.outputs = [len(self.names), len(FACTS), 3 * len(JOINTS)]
        self.model = fresh_network(sum(self.outputs)).to(memory_format=torch.channels_last).train()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), weight_decay=setting.weight_decay, fused=True)
        self.done, self.seconds, self.log = 0, 0.0, []

    def learn(self, file: Path) -> dict:
        """Train on one chunk and return the means of the classes' loss and of the rest's, and the share of pictures named right on the way."""
        start, setting = time.perf_counter(), self.setting
        generator = torch.Generator().manual_seed(setting.seed + 1000 * self.done)
        pixels, seen, bodies = load_chunk(file)
        held, joints = fact_matrix(bodies), torch.from_numpy(seen)
        labels, facts = torch.from_numpy(classes_of(held, self.names)), torch.from_numpy(held).float()
        order = torch.randperm(len(pixels), generator=generator)[: len(pixels) // setting.batch * setting.batch]
        totals, batches = np.zeros(3), order.split(setting.batch)
        for number, chosen in enumerate(batches):
            self.optimiser.param_groups[0]["lr"] = setting.rate * self.share(self.done + number / len(batches))
            images, places = vary(pixels[chosen.numpy()], joints[chosen], SIDE, generator)
            totals += self._step(network_input(images), labels[chosen], facts[chosen], places)
        self.done += 1
        self.seconds += time.perf_counter() - start
        self.log.append(dict(zip(("loss", "heads", "top1"), (totals / len(batches)).round(4).tolist(), strict=True)))
        return self.log[-1]

    def _step(self, images: Tensor, labels: Tensor, facts: Tensor, joints: Tensor) -> np.ndarray:
        with torch.autocast("cpu", torch.bfloat16):  # a quarter faster where the processor knows it
            told = self.model(images)
        logits, held, places = told.float().split(self.outputs, dim=1)
        loss = cross_entropy(logits, labels)
        heads = 5 * binary_cross_entropy_with_logits(held, facts)
        heads = heads + 5 * smooth_l1_loss(places, about_the_middle(joints), beta=0.1)
        self.optimiser.zero_grad()
        (loss + heads).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        return np.array([loss.item(), heads.item(), (logits.argmax(1) == labels).float().mean().item()])

    def share(self, done: float) -> float:
        """Return the share of the peak rate after `done` chunks: a warm-up, then a cosine to a hundredth."""
        share, warmup = done / self.setting.passes, self.setting.warmup
        if share < warmup:
            return share / warmup + 1e-3
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup)))

    @torch.no_grad()
    def judge(self, file: Path) -> dict:
        """Return the share of a chunk's pictures that are named right, whole and as drawn, and how many they are."""
        pixels, _, bodies = load_chunk(file)
        small = np.stack([cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for each in pixels])
        parts = torch.from_numpy(small).float().split(500)
        logits = torch.cat([self.model.eval()(network_input(part))[1] for part in parts])[:, : len(self.names)]
        labels = classes_of(fact_matrix(bodies), self.names)
        return {"top1": float((logits.argmax(1).numpy() == labels).mean()), "n": len(labels)}

    def trained(self) -> nn.Module:
        """Return the network with the classes' outputs alone."""
        last = self.model.model[-1].linear
        for name in ("weight", "bias"):
            setattr(last, name, nn.Parameter(getattr(last, name).detach()[: len(self.names)]))
        return self.model


def network_input(images: Tensor) -> Tensor:
    """Return pictures as ultralytics gives them to its classifiers, (B, 3, S, S), 0 to 1, from (B, S, S, 3), 0 to 255."""
    return (images / 255).permute(0, 3, 1, 2)


def pretrain_yolo(setting: Setting, pool: Path, out: Path, images: int = CHUNK, judged: int = JUDGED) -> Path:
    """Pre-train to `out`/yolov8n-cls-mini.safetensors, with what it saw and took in a .json beside it.

    Chunks of `images` bodies that are not in `pool` are drawn first. judged : bodies drawn to judge on, of another seed.
    """
    run, checkpoint = YoloPretraining(setting), pool / f"{NAME}.pt"
    run.load(checkpoint)
    for number in range(run.done, setting.passes):
        seed = number % setting.chunks
        means = run.learn(draw_chunk(pool / f"chunk_{seed:03d}.npz", seed, images, DRAWN))
        run.save(checkpoint)
        print(f"{NAME}: chunk {run.done} of {setting.passes}, {means}", flush=True)
    held = run.judge(draw_chunk(pool / "judged.npz", setting.chunks, judged, DRAWN))
    about = {"setting": asdict(setting), "pictures": images * setting.chunks, "minutes": round(run.seconds / 60, 1)}
    about |= {"held_out": held, "classes": run.names, "machine": machine(), "log": run.log}
    return write_weights(run.trained(), about, out / f"{NAME}.safetensors")


def main() -> None:
    """Draw and pre-train, about as long as CLIP-mini-RN; what it says on the way stands in log.txt beside the drawn pool."""
    pool = from_environment("DATA_DIR", "data") / "pretraining"
    pool.mkdir(parents=True, exist_ok=True)
    print(apart(pool, pretrain_yolo, Setting(), pool, MINI_YOLO.parent))
