"""One call opens any encoder: the nine of OpenAI, a local checkpoint, or CLIP-mini and CLIP-lite, which come with yogalib."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from yogalib.errors import BadInput
from yogalib.models.checkpoints import digest_of, import_clip, read_weights
from yogalib.models.published import archive_name, find_encoder, published


def _clip_of(embedding: int, side: int, layers, width: int, patch: int | None, text: int) -> dict:
    """Return clip.model.CLIP's arguments for a published encoder; heads of the text tower are 64 wide."""
    image = {"image_resolution": side, "vision_layers": layers, "vision_width": width, "vision_patch_size": patch}
    words = {"context_length": 77, "vocab_size": 49408, "transformer_layers": 12}
    return {"embed_dim": embedding} | image | words | {"transformer_width": text, "transformer_heads": text // 64}


# Table 4, with the RN50x64 where the paper prints RN50x4 a second time; shapes: Radford et al. 2021, Tables 19 and 20
OPENAI = {
    "RN50": _clip_of(1024, 224, (3, 4, 6, 3), 64, None, 512),
    "RN101": _clip_of(512, 224, (3, 4, 23, 3), 64, None, 512),
    "RN50x4": _clip_of(640, 288, (4, 6, 10, 6), 80, None, 640),
    "RN50x16": _clip_of(768, 384, (6, 8, 18, 8), 96, None, 768),
    "RN50x64": _clip_of(1024, 448, (3, 15, 36, 10), 128, None, 1024),
    "ViT-B/32": _clip_of(512, 224, 12, 768, 32, 512),
    "ViT-B/16": _clip_of(512, 224, 12, 768, 16, 512),
    "ViT-L/14": _clip_of(768, 224, 24, 1024, 14, 768),
    "ViT-L/14@336px": _clip_of(768, 336, 24, 1024, 14, 768),
}

_MINI_TEXT = {
    "context_length": 48,
    "vocab_size": 49408,
    "transformer_width": 64,
    "transformer_heads": 1,
    "transformer_layers": 4,
}
# clip.model.CLIP's own arguments; small enough for two cores. Weights: yogalib/tools/pretrain.py.
MINI = {
    "CLIP-mini-RN": _MINI_TEXT
    | {
        "embed_dim": 128,
        "image_resolution": 64,
        "vision_layers": (1, 1, 2, 1),
        "vision_width": 16,
        "vision_patch_size": None,
    },
    "CLIP-mini-RN@96px": _MINI_TEXT
    | {
        "embed_dim": 128,
        "image_resolution": 96,
        "vision_layers": (1, 1, 2, 2),
        "vision_width": 16,
        "vision_patch_size": None,
    },
}
# CLIP-mini's words beside EfficientNet-Lite0 (yogalib/models/lite). Weights: yogalib/tools/pretrain_lite.py; one file, at any side.
LITE = {
    "CLIP-lite": _MINI_TEXT | {"embed_dim": 128, "image_resolution": 128},
    "CLIP-lite@192px": _MINI_TEXT | {"embed_dim": 128, "image_resolution": 192},
}
MINI_WEIGHTS, LITE_WEIGHTS = (Path(__file__).with_name(name) for name in ("mini", "lite"))
RANDOM = "-random"  # CLIP-mini-RN-random is CLIP-mini-RN before its pre-training; ViT-B/32-random serves to time things
LITE_MARK = "visual.trunk.conv_stem.weight"  # a state dict that has it is a CLIP-lite's
SHIPPED = MINI | LITE
SHAPES = OPENAI | SHIPPED
CHECKPOINTS = (".safetensors", ".pt", ".pth")


@dataclass(frozen=True)
class Encoder:
    """A CLIP model with what decides its answers: its name and the hash of its weights.

    model : clip.model.CLIP in fp32. weights : 16 hexadecimal digits.
    """

    name: str
    model: "torch.nn.Module"  # noqa: F821 - torch is imported where it is used
    weights: str

    @property
    def resolution(self) -> int:
        """Side of the square input, in pixels."""
        return self.model.visual.input_resolution

    def on(self, device):
        """Return the model on a device, and with it the causal mask, which clip would send anew for every block and pass."""
        for block in self.model.transformer.resblocks:
            block.attn_mask = block.attn_mask.to(device)
        return self.model.to(device)

    def tokenise(self, prompts: list[str]):
        """Return the prompts' tokens, (C, T), as `tokenise` does for the model's context length."""
        return tokenise(prompts, self.model.context_length)


def tokenise(prompts: list[str], context_length: int):
    """Return the prompts' tokens, (C, T), cut behind the end of the longest; one longer than the context ends with it.

    The text tower is causal and answers at a prompt's end, so what would follow could not change the answer; to encode the
    whole context, mostly zeros, takes two to four times as long.
    """
    tokens = import_clip().tokenize(prompts, context_length=context_length, truncate=True)
    return tokens[:, : int(tokens.argmax(dim=1).max()) + 1]  # a prompt's last token has the highest number


def resolution_of(name: str) -> int | None:
    """Return the side of an encoder's square input, in pixels; None for a checkpoint of one's own, which has to be opened for it."""
    return SHAPES.get(name.removesuffix(RANDOM), {}).get("image_resolution")


def is_convolutional(name: str) -> bool:
    """Return whether an encoder's image tower is known to be no vision transformer; a checkpoint of one's own has to be opened for it."""
    shape = SHAPES.get(name.removesuffix(RANDOM))
    return shape is not None and shape.get("vision_patch_size") is None


def weights_file(name: str, weights: Path) -> Path | None:
    """Return the file that holds the encoder's weights; None for one with random weights.

    Published encoders are looked for in `weights` and where clip.load keeps them (~/.cache/clip).

    Raises BadInput when the name is unknown or the file is not there.
    """
    if name.endswith(RANDOM) and name.removesuffix(RANDOM) in SHAPES:
        return None
    if name in SHIPPED:
        folder, command = (LITE_WEIGHTS, "pretrain-lite") if name in LITE else (MINI_WEIGHTS, "pretrain")
        if (file := folder / f"{'CLIP-lite' if name in LITE else name}.safetensors").is_file():
            return file
        raise BadInput(
            f"weights of {name} do not come with this version: make them with 'make {command}', or use {name}{RANDOM}"
        )
    if name in OPENAI:
        if file := find_encoder(name, weights):
            return file
        raise BadInput(
            f"weights of {name} not found: run 'python -m yogalib weights {name}', or put OpenAI's {archive_name(name)} "
            f"into {weights}"
        )
    if Path(name).suffix in CHECKPOINTS:
        if Path(name).is_file():
            return Path(name)
        raise BadInput(f"encoder checkpoint {name} is not there")
    raise BadInput(
        f"encoder '{name}' is unknown: choose {', '.join([*SHIPPED, *(ours + RANDOM for ours in SHIPPED), *OPENAI])}, "
        f"or give the path of a CLIP checkpoint ({', '.join(CHECKPOINTS)})"
    )


def weights_digest(name: str, weights: Path, seed: int = 0) -> str:
    """Return what stands for an encoder's weights in a run's configuration, 16 hexadecimal digits, without opening it.

    Arguments and errors as `open_encoder` has them.
    """
    file = weights_file(name, weights)
    if file is None:
        return _hash_of(repr(SHAPES[name.removesuffix(RANDOM)]).encode(), str(seed).encode())
    return _last_digest(file, file.stat().st_mtime_ns)[:16]


@lru_cache(maxsize=16)
def _last_digest(file: Path, changed: int) -> str:
    return digest_of(file)


def open_encoder(name: str, weights: Path, seed: int = 0) -> Encoder:
    """Return the encoder of that name, in fp32 on the CPU, in evaluation mode.

    name : one of OPENAI, one of SHIPPED (with `-random` behind it: before any training), or the path of a checkpoint of
    clip.model.CLIP. weights : folder of the published files. seed : of random weights.

    Raises BadInput when the name is unknown, or the file is missing, damaged or no CLIP.
    """
    file = weights_file(name, weights)
    if file is None:
        return Encoder(name, fresh_clip(name.removesuffix(RANDOM), seed).eval(), weights_digest(name, weights, seed))
    changed = file.stat().st_mtime_ns
    state, digest = _last_read(file, weights, published(name).sha256 if name in OPENAI else None, changed)
    if name in LITE:
        state = state | {"visual.side": state["visual.side"].new_tensor(LITE[name]["image_resolution"])}
    return Encoder(name, build_clip(state, file), digest[:16])


@lru_cache(
    maxsize=1
)  # a notebook opens one encoder for each of its runs, stored ones too: a third of a gigabyte each time
def _last_read(file: Path, weights: Path, sha256: str | None, changed: int) -> tuple[dict, str]:
    return read_weights(file, weights, sha256)


def fresh_clip(name: str, seed: int):
    """Return an encoder's network with random weights; the global random state is left as it was."""
    import torch  # seconds

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return new_clip(name)


def new_clip(name: str):
    """Return an encoder's network with the random weights that torch's global state gives."""
    if name not in LITE:
        return import_clip().model.CLIP(**SHAPES[name])
    from yogalib.models.lite.tower import new_lite  # timm: seconds

    return new_lite(**SHAPES[name])


def build_clip(state: dict, source: Path):
    """Return clip.model.CLIP with these weights in fp32.

    clip.load rounds half of the tensors to fp16 on the way; so its builder serves to read the shapes, and the weights
    are laid in again.

    Raises BadInput when the tensors are not a CLIP's.
    """
    state = {
        key: value for key, value in state.items() if key not in ("input_resolution", "context_length", "vocab_size")
    }
    try:
        if LITE_MARK in state:
            from yogalib.models.lite.tower import build_lite  # timm: seconds

            return build_lite(state)
        model = import_clip().model.build_model(dict(state)).float()
        model.load_state_dict(
            {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
        )
    except (KeyError, IndexError, RuntimeError, AssertionError, AttributeError) as error:
        raise BadInput(
            f"{source} holds no weights of a CLIP model ({type(error).__name__}: {str(error)[:100]})"
        ) from None
    return model.eval()


def _hash_of(*parts: bytes) -> str:
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:16]
