"""CLIP-lite's pre-training: what ImageNet taught it of photographs stays, what drawn bodies can teach it is added.

The first stages are frozen (lite.FROZEN), so each drawn picture is seen through them once or a few times, under another window, and only
what they saw is kept: a view. The late stages, the projection and the text tower, which starts as CLIP-mini-RN's, then learn from views:
joints and facts by heads that are thrown away, and words by CLIP's own loss (paper, equation 1), all from the first step. The
weights that ship are a running mean over the training's last steps, which forgets less than the last step's. No photograph of a body,
and no pose's name, is ever seen.
"""

import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from lite import fresh_lite, imagenet_file
from yogalib.encoders import MINI, MINI_WEIGHTS, tokenise
from yogalib.finetune import contrastive_loss, recolour
from yogalib.paths import write_whole
from yogalib.pretrain import MIRRORED, about_the_middle
from yogalib.runs import machine
from yogalib.synthetic.captions import FACTS, captions, fact_matrix
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.synthetic.skeleton import JOINTS
from yogalib.zero_shot import normalise, unit

TEXT_TOWER = "CLIP-mini-RN"  # whose words it starts with
TEXT = {key: value for key, value in MINI[TEXT_TOWER].items() if key.startswith(("context", "vocab", "transformer"))}
MAP_CHANNELS = 112  # of the stage whose map shows the joints: the last at a sixteenth of the picture's side


@dataclass(frozen=True)
class Setting:
    """How much is drawn, how long and how fast."""

    chunks: int = 12
    pictures: int = 4_000  # a chunk
    views: int = 3  # of each picture
    drawn: int = 144  # pixels a side
    rounds: int = 1  # times that all views are gone through
    batch: int = 64
    late_rate: float = 5e-4  # of the stages that know photographs
    new_rate: float = 2e-3  # of the projection and the heads
    text_rate: float = 3e-4
    weight_decay: float = 0.05
    warmup: float = 0.05
    mean_over: float = 0.998  # of the running mean, a step
    seed: int = 0


class Heads(nn.Module):
    """What is asked of the image tower beside words: facts and joints from its features, joints from a map within it."""

    def __init__(self, features: int):
        super().__init__()
        self.facts, self.joints = nn.Linear(features, len(FACTS)), nn.Linear(features, 3 * len(JOINTS))
        self.map = nn.Conv2d(MAP_CHANNELS, len(JOINTS), 1)
        nn.init.constant_(self.map.bias, -3.0)  # most cells hold no joint

    def loss(self, features: Tensor, grid: Tensor, facts: Tensor, joints: Tensor) -> Tensor:
        """Return the heads' loss. features : (B, D). grid : (B, C, h, h). facts : (B, F), 0 or 1. joints : (B, J, 3), shares."""
        cells = (torch.arange(grid.shape[3]) + 0.5) / grid.shape[3]
        x, y = (cells - joints[:, :, 0, None]) ** 2, (cells - joints[:, :, 1, None]) ** 2
        target = torch.exp(-(x[:, :, None, :] + y[:, :, :, None]) / (2 * 0.08**2))
        on_map = binary_cross_entropy_with_logits(self.map(grid), target)
        in_space = smooth_l1_loss(self.joints(features), about_the_middle(joints), beta=0.1)
        return 10 * on_map + 5 * in_space + 5 * binary_cross_entropy_with_logits(self.facts(features), facts)


def roughen(window: np.ndarray, chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture, uint8, blurred or sharpened, without colour, coded as JPEG, with grain, each now and then. chance : (8,), 0 to 1."""
    blur, wide, grey, coded, quality, grain, strength, _ = chance
    if blur < 0.2:
        window = cv2.GaussianBlur(window, (0, 0), 0.4 + 1.4 * wide)
    elif blur < 0.3:
        window = cv2.addWeighted(window, 1.6, cv2.blur(window, (3, 3)), -0.6, 0)
    if grey < 0.15:
        window = cv2.cvtColor(cv2.cvtColor(window, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if coded < 0.3:
        code = cv2.imencode(".jpg", window, (cv2.IMWRITE_JPEG_QUALITY, int(25 + 60 * quality)))[1]
        window = cv2.imdecode(code, cv2.IMREAD_COLOR)
    if grain < 0.3:
        noise = rng.standard_normal(window.shape, dtype=np.float32) * (2 + 18 * strength)
        window = (window + noise).clip(0, 255).astype(np.uint8)
    return window


def vary(
    pixels: np.ndarray, joints: Tensor, size: int, generator: torch.Generator, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return a window of each picture, float (B, size, size, 3), and the joints as shares of it, (B, J, 3).

    As pretrain.vary, but wider: more zoom, turn and shift, broader bars, and pictures as bad as those of the web.
    """
    flip, zoom, turn, x, y, bar = torch.rand(6, len(pixels), generator=generator)
    sign, side, angle = torch.where(flip < 0.5, -1.0, 1.0), 0.7 + 0.65 * zoom, 0.5 * (turn - 0.5)
    cosine, sine = side * angle.cos(), side * angle.sin()
    turned = torch.stack([sign * cosine, -sine, sign * sine, cosine], dim=1).unflatten(1, (2, 2))
    shift = 0.3 * torch.stack([x - 0.5, y - 0.5], dim=1)[:, :, None]
    half = pixels.shape[1] / 2
    start = turned @ torch.full((2, 1), 1 / size - 1.0) + shift + 1 - 1 / (2 * half)
    affine = torch.cat([turned * (2 * half / size), start * half], dim=2).numpy()
    flags, chance = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, rng.random((len(pixels), 9))
    borders = np.where(chance[:, 8] < 0.8, cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT)
    windows = [
        cv2.warpAffine(p, a, (size, size), flags=flags, borderMode=int(b), borderValue=(255, 255, 255))
        for p, a, b in zip(pixels, affine, borders, strict=True)
    ]
    windows = np.stack([roughen(each, row[:8], rng) for each, row in zip(windows, chance, strict=True)])
    draws = torch.cat([torch.rand(len(pixels), count, generator=generator) for count in (3, 1)], dim=1)
    window = recolour(torch.from_numpy(windows), 0.4, draws)[..., torch.randperm(3, generator=generator)]
    edge = torch.linspace(-1, 1, size).abs() > 1 - 0.45 * (bar[:, None] - 0.5).clamp(min=0) / 0.5
    bars = torch.where((x < 0.8)[:, None, None], edge[:, :, None], edge[:, None, :])
    places = torch.linalg.solve(turned, (2 * joints[:, :, :2] - 1).transpose(1, 2) - shift).transpose(1, 2)
    joints = torch.cat([(places + 1) / 2, joints[:, :, 2:]], dim=2)
    joints = torch.where((flip < 0.5)[:, None, None], joints[:, MIRRORED], joints)
    return window.masked_fill(bars[..., None], 255.0), joints


@torch.no_grad()
def make_view(file: Path, chunk: Path, visual: nn.Module, number: tuple[int, int]) -> Path:
    """Write what the frozen stages see of a chunk under windows of their own, unless `file` is there.

    Holds maps fp16 (N, h, h, 80), joints (N, J, 3), facts bool (N, F) and tokens int32 (N, T). number : of chunk and view; it decides chance.
    """
    if file.exists():
        return file
    pixels, seen, bodies = load_chunk(chunk)
    rng, generator = np.random.default_rng(number), torch.Generator().manual_seed(1000 * number[0] + number[1])
    maps, joints = [], []
    for start in range(0, len(pixels), 80):
        part = slice(start, start + 80)
        window, places = vary(pixels[part], torch.from_numpy(seen[part]), visual.input_resolution, generator, rng)
        maps.append(visual.early(normalise(window.round())).permute(0, 2, 3, 1).half().contiguous())
        joints.append(places)
    tokens = tokenise(captions(bodies, rng), TEXT["context_length"]).int()
    arrays = {"maps": torch.cat(maps), "joints": torch.cat(joints), "tokens": tokens}
    arrays = {name: each.numpy() for name, each in arrays.items()} | {"facts": fact_matrix(bodies)}

    def save(path: Path) -> None:
        with path.open("wb") as out:
            np.savez(out, **arrays)

    write_whole(file, save)
    return file


class LitePretraining:
    """CLIP-lite in training; `save` and `load` carry all that a killed run needs to go on to the same end."""

    def __init__(self, setting: Setting):
        self.setting = setting
        embed_dim = MINI[TEXT_TOWER]["embed_dim"]
        self.model = fresh_lite(embed_dim, TEXT, setting.seed, imagenet_file())
        words = load_file(MINI_WEIGHTS / f"{TEXT_TOWER}.safetensors")
        words = {key: value.float() for key, value in words.items() if not key.startswith("visual.")}
        self.model.load_state_dict(words, strict=False)
        self.model.to(memory_format=torch.channels_last).visual.freeze_early()
        self.model.token_embedding.requires_grad_(
            False
        )  # most words are in no caption: to update them all takes a tenth of the time
        torch.manual_seed(setting.seed)
        self.heads, self.mean = Heads(embed_dim), copy.deepcopy(self.model)
        self.optimiser = torch.optim.AdamW(
            self._groups(), betas=(0.9, 0.98), weight_decay=setting.weight_decay, fused=True
        )
        self.done, self.steps, self.seconds, self.log = 0, 0, 0.0, []
        self.grid = None
        self.model.visual.trunk.blocks[4].register_forward_hook(
            lambda module, inputs, output: setattr(self, "grid", output)
        )

    def _groups(self) -> list[dict]:
        setting, learning = self.setting, [each for each in self.model.named_parameters() if each[1].requires_grad]
        late = [each for name, each in learning if name.startswith("visual.trunk")]
        new = [*self.model.visual.projection.parameters(), *self.heads.parameters()]
        text = [each for name, each in learning if not name.startswith("visual.")]
        rates = (setting.late_rate, setting.new_rate, setting.text_rate)
        return [{"params": part, "peak": rate} for part, rate in zip((late, new, text), rates, strict=True)]

    def learn(self, view: Path) -> dict:
        """Train on one view and return the means of both losses and of the share of pictures matched to their caption."""
        start, setting = time.perf_counter(), self.setting
        with np.load(view) as arrays:
            maps, joints, facts, tokens = (
                torch.from_numpy(arrays[name]) for name in ("maps", "joints", "facts", "tokens")
            )
        generator = torch.Generator().manual_seed(setting.seed + 1000 * self.done)
        order = torch.randperm(len(maps), generator=generator)[: len(maps) // setting.batch * setting.batch]
        totals, batches = np.zeros(3), order.split(setting.batch)
        for number, chosen in enumerate(batches):
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * self._share(self.done + number / len(batches))
            totals += self._step(
                maps[chosen].float().permute(0, 3, 1, 2), facts[chosen].float(), joints[chosen], tokens[chosen].long()
            )
        self.done += 1
        self.seconds += time.perf_counter() - start
        self.log.append(
            dict(zip(("heads", "contrastive", "match"), (totals / len(batches)).round(4).tolist(), strict=True))
        )
        return self.log[-1]

    def _step(self, maps: Tensor, facts: Tensor, joints: Tensor, tokens: Tensor) -> np.ndarray:
        features = self.model.visual.late(maps)
        heads = self.heads.loss(features, self.grid, facts, joints)
        tokens = tokens[:, : int(tokens.argmax(dim=1).max()) + 1]
        logits = self.model.logit_scale.exp() * unit(features) @ unit(self.model.encode_text(tokens)).T
        contrastive = contrastive_loss(logits, torch.eye(len(logits)))
        self.optimiser.zero_grad()
        (heads + contrastive).backward()
        learning = [each for group in self.optimiser.param_groups for each in group["params"]]
        nn.utils.clip_grad_norm_(learning, 1.0)
        self.optimiser.step()
        self.steps += 1
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100))
            keep = min(self.setting.mean_over, (1 + self.steps) / (10 + self.steps))
            pairs = zip(self.mean.parameters(), self.model.parameters(), strict=True)
            means, news = zip(*[(mean, new) for mean, new in pairs if new.requires_grad], strict=True)
            torch._foreach_lerp_(
                means, news, 1 - keep
            )  # a loop over the tensors takes longer than the step's text tower
        match = (logits.argmax(1) == torch.arange(len(logits))).float().mean()
        return np.array([heads.item(), contrastive.item(), match.item()])

    def _share(self, done: float) -> float:
        """Return the share of the peak rate after `done` views: a warm-up, then a cosine to a fiftieth."""
        setting = self.setting
        share = done / (setting.chunks * setting.views * setting.rounds)
        if share < setting.warmup:
            return share / setting.warmup + 1e-3
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (share - setting.warmup) / (1 - setting.warmup)))

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        parts = {"model": self.model, "mean": self.mean, "heads": self.heads, "optimiser": self.optimiser}
        state = {name: part.state_dict() for name, part in parts.items()} | {"setting": asdict(self.setting)}
        state |= {"done": self.done, "steps": self.steps, "seconds": self.seconds, "log": self.log}
        write_whole(file, lambda path: torch.save(state, path))

    def load(self, file: Path) -> None:
        """Go on from a checkpoint of the same setting; another setting's is left alone."""
        state = torch.load(file, weights_only=True) if file.exists() else {"setting": None}
        if state["setting"] == asdict(self.setting):
            for name in ("model", "mean", "heads", "optimiser"):
                getattr(self, name).load_state_dict(state[name])
            self.done, self.steps, self.seconds, self.log = (
                state[name] for name in ("done", "steps", "seconds", "log")
            )


def pretrain_lite(setting: Setting, pool: Path, out: Path) -> Path:
    """Pre-train CLIP-lite to `out`/CLIP-lite.safetensors, with what it saw and took in CLIP-lite.json beside it.

    Chunks and views that are not in `pool` are made first. Weights are stored as fp16.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    run, checkpoint = LitePretraining(setting), pool / "CLIP-lite.pt"
    run.load(checkpoint)
    numbers = [(chunk, view) for view in range(setting.views) for chunk in range(setting.chunks)] * setting.rounds
    for chunk, view in numbers[run.done :]:
        drawn = draw_chunk(pool / f"lite_{chunk:03d}.npz", chunk, setting.pictures, setting.drawn)
        means = run.learn(make_view(pool / f"lite_{chunk:03d}_{view}.npz", drawn, run.model.visual, (chunk, view)))
        run.save(checkpoint)
        print(f"CLIP-lite: view {run.done} of {len(numbers)}, {means}", flush=True)
    about = {
        "setting": asdict(setting),
        "pictures": setting.chunks * setting.pictures,
        "minutes": round(run.seconds / 60, 1),
    }
    return write_lite(run.mean, about | {"machine": machine(), "log": run.log}, out)


def write_lite(model: nn.Module, about: dict, out: Path) -> Path:
    """Write the weights, fp16, and what is to be said of them."""
    file, state = out / "CLIP-lite.safetensors", model.state_dict()
    weights = {key: value.half().contiguous() if value.is_floating_point() else value for key, value in state.items()}
    write_whole(file, lambda path: save_file(weights, path))
    write_whole(file.with_suffix(".json"), lambda path: path.write_text(json.dumps(about), encoding="utf-8"))
    return file
