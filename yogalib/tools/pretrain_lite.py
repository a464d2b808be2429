"""`make pretrain-lite`: what ImageNet taught CLIP-lite of photographs stays, what drawn bodies can teach it is added.

The first stages are frozen (tower.FROZEN), so each drawn picture is seen through them once or a few times, under another window, and
only what they saw is kept: a view. The late stages, the projection and the text tower, which starts as CLIP-mini-RN's, then learn from
views: joints and facts by heads that are thrown away, and words by CLIP's own loss (paper, equation 1), all from the first step. The
weights that ship are a running mean over the training's last steps, which forgets less than the last step's. No pose's name is ever
seen, and of photographs only some that stand behind drawn bodies: places, things and a cat, from scikit-image and scikit-learn.
"""

import copy
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from yogalib.errors import BadInput
from yogalib.models.encoders import LITE, LITE_WEIGHTS, MINI_WEIGHTS, fresh_clip, tokenise
from yogalib.models.finetune import contrastive_loss
from yogalib.models.lite.tower import folded, imagenet_file, imagenet_network
from yogalib.models.zero_shot import normalise, unit
from yogalib.paths import from_environment, write_whole
from yogalib.runs.store import machine
from yogalib.synthetic.captions import captions, fact_matrix
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.tools.pretrain import Heads, Resumable, Windows, vary, write_weights

NAME, WORDS = "CLIP-lite", "CLIP-mini-RN"  # whose text tower it starts with
# wider than CLIP-mini's, and as bad as the web's: so much does its tower bear
WIDE = Windows(smallest=0.7, largest=1.35, turn=0.25, shift=0.15, colour=0.4, barred=0.5, bar=0.45, rough=True)
# no person on any of them
SCENES = (
    "brick",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "motorcycle_left",
    "rocket",
    "moon",
    "page",
)
HELD = 420  # pixels, the shorter side of a photograph that is kept for backgrounds


@dataclass(frozen=True)
class Setting:
    """How much is drawn, how long and how fast; one warm-up and one cosine."""

    chunks: int = 24
    pictures: int = 4_000  # a chunk
    views: int = 4  # of each picture
    drawn: int = 144  # pixels a side
    batch: int = 64
    late_rate: float = 5e-4  # of the stages that know photographs
    new_rate: float = 2e-3  # of the projection and the heads
    text_rate: float = 3e-4
    weight_decay: float = 0.05
    warmup: float = 0.05
    mean_over: float = 0.998  # of the running mean, a step
    seed: int = 0


def photographs() -> list[np.ndarray]:
    """Return what may stand behind a drawn body, uint8 (h, w, 3) each: the photographs that two packages carry.

    Raises BadInput when scikit-image is not installed.
    """
    try:
        import skimage  # for this alone
    except ImportError:
        raise BadInput("scikit-image, whose photographs stand behind drawn bodies, is missing: make setup") from None
    import sklearn.datasets  # seconds

    folders = Path(skimage.__file__).parent / "data", Path(sklearn.datasets.__file__).parent / "images"
    files = [next(folders[0].glob(f"{name}.*")) for name in SCENES] + sorted(folders[1].glob("*.jpg"))
    read = [cv2.imread(str(file))[:, :, ::-1] for file in files]
    scales = [HELD / min(each.shape[:2]) for each in read]
    return [
        cv2.resize(each, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) for each, s in zip(read, scales, strict=True)
    ]


@torch.no_grad()
def make_view(file: Path, chunk: Path, visual: nn.Module, number: tuple[int, int]) -> Path:
    """Write what the frozen stages see of a chunk under windows of their own, unless `file` is there.

    Holds maps fp16 (N, h, h, 80), joints (N, J, 3), facts bool (N, F) and tokens int32 (N, T). number : of chunk and view, which
    decides chance.
    """
    if file.exists():
        return file
    pixels, seen, bodies = load_chunk(chunk)
    generator = torch.Generator().manual_seed(1000 * number[0] + number[1])
    maps, joints = [], []
    for start in range(0, len(pixels), 80):
        part = slice(start, start + 80)
        window, places = vary(pixels[part], torch.from_numpy(seen[part]), visual.input_resolution, generator, WIDE)
        maps.append(visual.early(normalise(window.round())).permute(0, 2, 3, 1).half().contiguous())
        joints.append(places)
    words = captions(bodies, np.random.default_rng(number))
    tokens = tokenise(words, LITE[NAME]["context_length"]).int()
    arrays = {"maps": torch.cat(maps), "joints": torch.cat(joints), "tokens": tokens}
    arrays = {name: each.numpy() for name, each in arrays.items()} | {"facts": fact_matrix(bodies)}

    def save(path: Path) -> None:
        with path.open("wb") as out:
            np.savez(out, **arrays)

    write_whole(file, save)
    return file


class LitePretraining(Resumable):
    """CLIP-lite in training."""

    PARTS = (*Resumable.PARTS, "mean")
    COUNTS = (*Resumable.COUNTS, "steps")

    def __init__(self, setting: Setting):
        self.setting = setting
        self.model = fresh_clip(NAME, setting.seed)
        self.model.visual.trunk.load_state_dict(folded(imagenet_network(imagenet_file())).state_dict())
        words = load_file(MINI_WEIGHTS / f"{WORDS}.safetensors")
        words = {key: value.float() for key, value in words.items() if not key.startswith("visual.")}
        self.model.load_state_dict(words, strict=False)
        self.model.to(memory_format=torch.channels_last)
        # most words are in no caption: to update them all takes a tenth of the time
        self.model.token_embedding.requires_grad_(False)
        self.mean = copy.deepcopy(self.model)
        torch.manual_seed(setting.seed)
        self.heads = Heads(self.model.visual, LITE[NAME]["embed_dim"])
        self.groups = self._groups()
        self.optimiser = torch.optim.AdamW(
            self.groups, betas=(0.9, 0.98), weight_decay=setting.weight_decay, fused=True
        )
        self.done, self.steps, self.seconds, self.log = 0, 0, 0.0, []

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
            names = ("maps", "joints", "facts", "tokens")
            maps, joints, facts, tokens = (torch.from_numpy(arrays[name]) for name in names)
        generator = torch.Generator().manual_seed(setting.seed + 1000 * self.done)
        order = torch.randperm(len(maps), generator=generator)[: len(maps) // setting.batch * setting.batch]
        totals, batches = np.zeros(3), order.split(setting.batch)
        for number, chosen in enumerate(batches):
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * self.share(self.done + number / len(batches))
            seen = maps[chosen].float().permute(0, 3, 1, 2)
            totals += self._step(seen, facts[chosen].float(), joints[chosen], tokens[chosen].long())
        self.done += 1
        self.seconds += time.perf_counter() - start
        means = (totals / len(batches)).round(4).tolist()
        self.log.append(dict(zip(("heads", "contrastive", "match"), means, strict=True)))
        return self.log[-1]

    def _step(self, maps: Tensor, facts: Tensor, joints: Tensor, tokens: Tensor) -> np.ndarray:
        features = self.model.visual.late(maps)
        heads = self.heads.loss(features, facts, joints)
        tokens = tokens[:, : int(tokens.argmax(dim=1).max()) + 1]
        logits = self.model.logit_scale.exp() * unit(features) @ unit(self.model.encode_text(tokens)).T
        contrastive = contrastive_loss(logits, torch.eye(len(logits)))
        self.optimiser.zero_grad()
        (heads + contrastive).backward()
        nn.utils.clip_grad_norm_([each for group in self.groups for each in group["params"]], 1.0)
        self.optimiser.step()
        self.steps += 1
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100))
            self._average()
        match = (logits.argmax(1) == torch.arange(len(logits))).float().mean()
        return np.array([heads.item(), contrastive.item(), match.item()])

    def _average(self) -> None:
        keep = min(self.setting.mean_over, (1 + self.steps) / (10 + self.steps))
        pairs = zip(self.mean.parameters(), self.model.parameters(), strict=True)
        means, news = zip(*[pair for pair in pairs if pair[1].requires_grad], strict=True)
        torch._foreach_lerp_(means, news, 1 - keep)  # one by one takes longer than the step's text tower

    def share(self, done: float) -> float:
        """Return the share of the peak rate after `done` views: a warm-up, then a cosine to a fiftieth."""
        setting = self.setting
        share = done / (setting.chunks * setting.views)
        if share < setting.warmup:
            return share / setting.warmup + 1e-3
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (share - setting.warmup) / (1 - setting.warmup)))


def pretrain_lite(setting: Setting, pool: Path, out: Path) -> Path:
    """Pre-train CLIP-lite to `out`/CLIP-lite.safetensors, with what it saw and took in CLIP-lite.json beside it.

    Chunks and views that are not in `pool` are made first.
    """
    torch.set_num_threads(1)  # so that a second core may do other work; two threads gain little at this size
    cv2.setNumThreads(1)
    run, checkpoint, behind = LitePretraining(setting), pool / f"{NAME}.pt", photographs()
    run.load(checkpoint)
    numbers = [(chunk, view) for view in range(setting.views) for chunk in range(setting.chunks)]
    for chunk, view in numbers[run.done :]:
        drawn = draw_chunk(pool / f"lite_{chunk:03d}.npz", chunk, setting.pictures, setting.drawn, behind)
        means = run.learn(make_view(pool / f"lite_{chunk:03d}_{view}.npz", drawn, run.model.visual, (chunk, view)))
        run.save(checkpoint)
        print(f"{NAME}: view {run.done} of {len(numbers)}, {means}", flush=True)
    about = {
        "setting": asdict(setting),
        "pictures": setting.chunks * setting.pictures,
        "minutes": round(run.seconds / 60, 1),
    }
    return write_weights(run.mean, about | {"machine": machine(), "log": run.log}, out / f"{NAME}.safetensors")


def main() -> None:
    """Draw and pre-train, as much as an evening of one core allows."""
    print(pretrain_lite(Setting(), from_environment("DATA_DIR", "data") / "pretraining", LITE_WEIGHTS))
