"""`make pretrain`: CLIP-mini from random weights, on random bodies and captions that follow from their geometry.

Two stages. First the image tower learns to see bodies from what a drawn world knows for free: where the joints are and
which facts hold of the body, by linear heads that are thrown away afterwards. A small network learns far more per picture
from that than from captions. Then both towers learn words by CLIP's own loss (paper, equation 1), each picture with a caption
of its own, the heads still helping. No pose's name is ever seen.
"""

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from yogalib.models.augment import recolour
from yogalib.models.encoders import MINI, MINI_WEIGHTS, fresh_clip, tokenise
from yogalib.models.finetune import contrastive_loss
from yogalib.models.zero_shot import normalise, unit
from yogalib.paths import from_environment, write_whole
from yogalib.processes import in_parallel
from yogalib.runs.store import machine
from yogalib.synthetic.captions import FACTS, captions, fact_matrix
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.synthetic.skeleton import JOINTS

CHUNK = 10_000  # pictures drawn, stored and trained on at a time
DRAWN = 96  # pixels a side; each time a picture is seen, a window of it is resized to what the variant takes
# mirrored, a left joint is a right one
MIRRORED = [JOINTS.index({"l": "r", "r": "l"}[name[0]] + name[1:] if name[1] == "_" else name) for name in JOINTS]


@dataclass(frozen=True)
class Setting:
    """How long and how fast. Each stage has a warm-up and a cosine of its own."""

    chunks: int = 48  # drawn; they are gone through again and again
    seeing: int = 40  # chunks of the first stage
    words: int = 20  # chunks of the second
    seeing_batch: int = 64  # small: on a CPU steps are what is scarce
    words_batch: int = 128  # larger: the other captions of a batch are the wrong answers
    seeing_rate: float = 2e-3
    words_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    seed: int = 0


# as much as an hour or so of one core allows each
SETTINGS = {
    "CLIP-mini-RN": Setting(),
    "CLIP-mini-RN@96px": Setting(seeing=36, words=16),
}


@dataclass(frozen=True)
class Windows:
    """How far the windows of a picture stray from it and from each other.

    smallest, largest : side of the window, as a share of the picture's. turn : radians, to either side. shift : share of half a side, each
    way. colour : of finetune.recolour. barred : share of the windows with white bars, which take up to `bar` of a side.
    rough : also as pictures of the web are, blurred, grey, badly coded.
    """

    smallest: float = 0.8
    largest: float = 1.25
    turn: float = 0.15
    shift: float = 0.1
    colour: float = 0.3
    barred: float = 0.3
    bar: float = 0.3
    rough: bool = False


MILD = Windows()


class Heads(nn.Module):
    """What is asked of the image tower beside words: facts and joints from its features, joints from a map within it."""

    def __init__(self, visual: nn.Module, features: int):
        super().__init__()
        self.facts, self.joints = nn.Linear(features, len(FACTS)), nn.Linear(features, 3 * len(JOINTS))
        if hasattr(visual, "trunk"):
            inner = visual.trunk.blocks[4]  # the last at a sixteenth of the picture's side
            channels = inner[-1].conv_pwl.out_channels
        elif hasattr(visual, "layer2"):
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
        side = math.isqrt(len(self.seen) - 1)  # of a ViT's patches; the class token comes first
        grid = self.seen if self.seen.dim() == 4 else self.seen[1:].permute(1, 2, 0).unflatten(2, (side, side))
        cells = (torch.arange(grid.shape[3]) + 0.5) / grid.shape[3]
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


def vary(
    pixels: np.ndarray, joints: Tensor, size: int, generator: torch.Generator, windows: Windows = MILD
) -> tuple[Tensor, Tensor]:
    """Return a window of each picture, float (B, size, size, 3), and the joints as shares of it, (B, J, 3).

    pixels : uint8 (B, R, R, 3). Half of the pictures are mirrored, with their joints. All are shifted, turned, made larger
    or smaller and recoloured; some get white bars, as a wide photograph has that was padded to a square.
    """
    flip, zoom, turn, x, y, bar = torch.rand(6, len(pixels), generator=generator)
    sign, side = torch.where(flip < 0.5, -1.0, 1.0), windows.smallest + (windows.largest - windows.smallest) * zoom
    angle = 2 * windows.turn * (turn - 0.5)
    cosine, sine = side * angle.cos(), side * angle.sin()
    # from the window to the picture, both -1 to 1 across and down
    turned = torch.stack([sign * cosine, -sine, sign * sine, cosine], dim=1).unflatten(1, (2, 2))
    shift = 2 * windows.shift * torch.stack([x - 0.5, y - 0.5], dim=1)[:, :, None]
    half = pixels.shape[1] / 2
    # OpenCV counts from the middle of the first pixel; it is ten times faster here than torch's grid_sample
    start = turned @ torch.full((2, 1), 1 / size - 1.0) + shift + 1 - 1 / (2 * half)
    affine = torch.cat([turned * (2 * half / size), start * half], dim=2).numpy()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = [
        cv2.warpAffine(p, a, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for p, a in zip(pixels, affine, strict=True)
    ]
    if windows.rough:
        seen = [
            roughen(each, chance)
            for each, chance in zip(seen, torch.rand(len(seen), 7, generator=generator).tolist(), strict=True)
        ]
    draws = torch.cat([torch.rand(len(pixels), count, generator=generator) for count in (3, 1)], dim=1)
    window = recolour(torch.from_numpy(np.stack(seen)), windows.colour, draws)[
        ..., torch.randperm(3, generator=generator)
    ]
    width = windows.bar * (bar[:, None] - 1 + windows.barred).clamp(min=0) / windows.barred
    edge = torch.linspace(-1, 1, size).abs() > 1 - width
    bars = torch.where(
        (x < 0.8)[:, None, None], edge[:, :, None], edge[:, None, :]
    )  # wide pictures are commoner than tall
    places = torch.linalg.solve(turned, (2 * joints[:, :, :2] - 1).transpose(1, 2) - shift).transpose(1, 2)
    joints = torch.cat([(places + 1) / 2, joints[:, :, 2:]], dim=2)
    joints = torch.where((flip < 0.5)[:, None, None], joints[:, MIRRORED], joints)
    return window.masked_fill(bars[..., None], 255.0), joints


def roughen(window: np.ndarray, chance: list[float]) -> np.ndarray:
    """Return a picture, uint8, now and then blurred or sharpened, grey, coded as JPEG, with grain. chance : seven, 0 to 1."""
    blur, wide, grey, coded, quality, grain, strength = chance
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
        rng = np.random.default_rng(int(2**32 * grain))
        noise = rng.standard_normal(window.shape, dtype=np.float32) * (2 + 18 * strength)
        window = (window + noise).clip(0, 255).astype(np.uint8)
    return window


class Resumable:
    """A training that a kill does not cost: `save` and `load` carry all that it needs to go on to the same end."""

    PARTS = ("model", "heads", "optimiser")  # attributes with a state of their own
    COUNTS = ("done", "seconds", "log")  # plain ones

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        state = {name: getattr(self, name).state_dict() for name in self.PARTS}
        state |= {name: getattr(self, name) for name in self.COUNTS} | {"setting": asdict(self.setting)}
        write_whole(file, lambda path: torch.save(state, path))

    def load(self, file: Path) -> None:
        """Go on from a checkpoint of the same setting; another setting's is left alone."""
        state = torch.load(file, weights_only=True) if file.exists() else {"setting": None}
        if state["setting"] == asdict(self.setting):
            for name in self.PARTS:
                getattr(self, name).load_state_dict(state[name])
            for name in self.COUNTS:
                setattr(self, name, state[name])


class Pretraining(Resumable):
    """One variant in training."""

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
        batch = setting.seeing_batch if tokens is None else setting.words_batch
        steps, size = CHUNK // batch, self.model.visual.input_resolution
        order = torch.randperm(CHUNK, generator=generator)[: steps * batch].split(batch)
        totals = np.zeros(3)
        for number, chosen in enumerate(order):
            for group in self.optimiser.param_groups:
                group["lr"] = self._rate(self.done + number / steps)
            images, places = vary(pixels[chosen.numpy()], joints[chosen], size, generator)
            totals += self._step(normalise(images), facts[chosen], places, None if tokens is None else tokens[chosen])
        self.done += 1
        self.seconds += time.perf_counter() - start
        self.log.append(dict(zip(("heads", "contrastive", "match"), (totals / steps).round(4).tolist(), strict=True)))
        return self.log[-1]

    def _words(self, bodies) -> Tensor:
        texts = captions(bodies, np.random.default_rng([self.setting.seed, self.done]))
        return tokenise(texts, self.model.context_length)

    def _step(self, images: Tensor, facts: Tensor, joints: Tensor, tokens: Tensor | None) -> np.ndarray:
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


def pretrain(name: str, setting: Setting, pool: Path, out: Path) -> Path:
    """Pre-train one variant to `out`/<name>.safetensors, with what it saw and took in <name>.json beside it.

    Chunks that are not in `pool` are drawn first. Weights are stored as fp16, in which clip.load keeps them too.
    """
    torch.set_num_threads(1)  # variants are trained side by side
    run, checkpoint = Pretraining(name, setting), pool / f"{name}.pt"
    run.load(checkpoint)
    for number in range(run.done, setting.seeing + setting.words):
        seed = number % setting.chunks
        means = run.learn(draw_chunk(pool / f"chunk_{seed:03d}.npz", seed, CHUNK, DRAWN))
        run.save(checkpoint)
        print(f"{name}: chunk {run.done} of {setting.seeing + setting.words}, {means}", flush=True)
    about = {"setting": asdict(setting), "pictures": CHUNK * setting.chunks, "minutes": round(run.seconds / 60, 1)}
    return write_weights(run.model, about | {"machine": machine(), "log": run.log}, out / f"{name}.safetensors")


def write_weights(model: nn.Module, about: dict, file: Path) -> Path:
    """Write an encoder's weights, as fp16, and beside them as JSON what is to be said of them."""
    state = model.state_dict()
    weights = {key: value.half().contiguous() if value.is_floating_point() else value for key, value in state.items()}
    write_whole(file, lambda path: save_file(weights, path))
    write_whole(file.with_suffix(".json"), lambda path: path.write_text(json.dumps(about), encoding="utf-8"))
    return file


def main(settings: dict[str, Setting] = SETTINGS) -> None:
    """Draw the pictures, then pre-train the variants, side by side on as many cores as there are."""
    pool, out = from_environment("DATA_DIR", "data") / "pretraining", MINI_WEIGHTS
    files = [pool / f"chunk_{seed:03d}.npz" for seed in range(max(setting.chunks for setting in settings.values()))]
    in_parallel(draw_chunk, [(file, seed, CHUNK, DRAWN) for seed, file in enumerate(files)], "draw", "chunk", most=8)
    variants = [(name, setting, pool, out) for name, setting in settings.items()]
    for file in in_parallel(pretrain, variants, "pretrain", "variant", most=8):
        print(file)
