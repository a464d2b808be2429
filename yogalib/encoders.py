"""One call opens any encoder: the nine of OpenAI, a local checkpoint, or CLIP-mini, which comes with yogalib."""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

from yogalib.errors import BadInput
from yogalib.profile import Yolo


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
# clip.model.CLIP's own arguments; small enough for two cores. Weights: yogalib/pretrain.py.
MINI = {
    "CLIP-mini-ViT": _MINI_TEXT
    | {"embed_dim": 128, "image_resolution": 96, "vision_layers": 4, "vision_width": 192, "vision_patch_size": 16},
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
MINI_WEIGHTS = Path(__file__).with_name("weights")
RANDOM = "-random"  # CLIP-mini-RN-random is CLIP-mini-RN before its pre-training; ViT-B/32-random serves to time things
SHAPES = OPENAI | MINI
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


def import_clip():
    """Import clip without the warning about pkg_resources that it gives each time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import clip

    return clip


def tokenise(prompts: list[str], context_length: int):
    """Return the prompts' tokens, (C, T), cut behind the end of the longest; one longer than the context ends with it.

    The text tower is causal and answers at a prompt's end, so what would follow could not change the answer; to encode the
    whole context, mostly zeros, takes two to four times as long.
    """
    tokens = import_clip().tokenize(prompts, context_length=context_length, truncate=True)
    return tokens[:, : int(tokens.argmax(dim=1).max()) + 1]  # a prompt's last token has the highest number


def weights_file(name: str, weights: Path) -> Path | None:
    """Return the file that holds the encoder's weights; None for CLIP-mini with random ones.

    Published encoders are looked for in `weights` and where clip.load keeps them (~/.cache/clip).

    Raises BadInput when the name is unknown or the file is not there.
    """
    if name.endswith(RANDOM) and name.removesuffix(RANDOM) in SHAPES:
        return None
    if name in MINI:
        if (file := MINI_WEIGHTS / f"{name}.safetensors").is_file():
            return file
        raise BadInput(
            f"weights of {name} do not come with this version: make them with 'make pretrain', or use {name}{RANDOM}"
        )
    if name in OPENAI:
        file = name.replace("/", "-").replace("@", "-") + ".pt"
        for folder in (weights, Path("~/.cache/clip").expanduser()):
            if (folder / file).is_file():
                return folder / file
        raise BadInput(
            f"weights of {name} not found: run 'python -m yogalib weights {name}', or put OpenAI's {file} into {weights}"
        )
    if Path(name).suffix in CHECKPOINTS:
        if Path(name).is_file():
            return Path(name)
        raise BadInput(f"encoder checkpoint {name} is not there")
    raise BadInput(
        f"encoder '{name}' is unknown: choose {', '.join([*MINI, *(mini + RANDOM for mini in MINI), *OPENAI])}, "
        f"or give the path of a CLIP checkpoint ({', '.join(CHECKPOINTS)})"
    )


def weights_of(settings: Yolo, weights: Path) -> str:
    """Return what ultralytics starts from: the path of published weights, or the name of a shape to fill at random.

    Raises BadInput when the weights are not there: ultralytics would fetch them without asking.
    """
    if not settings.model.endswith(".pt"):
        return settings.model
    file = weights / settings.model
    if not file.is_file():
        raise BadInput(f"weights of {settings.model} not found: put ultralytics' file into {weights}")
    return str(file.resolve())


def open_encoder(name: str, weights: Path, seed: int = 0) -> Encoder:
    """Return the encoder of that name, in fp32 on the CPU, in evaluation mode.

    name : one of OPENAI, one of MINI (with `-random` behind it: before any training), or the path of a checkpoint of
    clip.model.CLIP. weights : folder of the published files. seed : of random weights.

    Raises BadInput when the name is unknown, or the file is missing, damaged or no CLIP.
    """
    file = weights_file(name, weights)
    if file is None:
        shape = name.removesuffix(RANDOM)
        return Encoder(name, fresh_clip(shape, seed).eval(), _hash_of(repr(SHAPES[shape]).encode(), str(seed).encode()))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    published = {url.split("/")[-2]: known for known, url in import_clip().clip._MODELS.items()}
    if name in OPENAI and published.get(digest) != name:
        raise BadInput(f"{file} is not OpenAI's {name} (its sha256 differs): delete it and fetch it again")
    return Encoder(name, build_clip(_read_state(file, is_published=digest in published), file), digest[:16])


def fresh_clip(name: str, seed: int):
    """Return an encoder's network with random weights; the global random state is left as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return import_clip().model.CLIP(**SHAPES[name])


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
        model = import_clip().model.build_model(dict(state)).float()
        model.load_state_dict(
            {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
        )
    except (KeyError, IndexError, RuntimeError, AssertionError, AttributeError) as error:
        raise BadInput(
            f"{source} holds no weights of a CLIP model ({type(error).__name__}: {str(error)[:100]})"
        ) from None
    return model.eval()


def fetch_weights(name: str, weights: Path) -> Path:
    """Download a published encoder into `weights`, its sha256 checked (clip's own download)."""
    clip = import_clip()
    if name not in OPENAI:
        raise BadInput(f"'{name}' is not published by OpenAI: choose {', '.join(OPENAI)}")
    try:
        return Path(clip.clip._download(clip.clip._MODELS[name], str(weights)))
    except (OSError, RuntimeError) as error:
        raise BadInput(f"could not fetch {name} ({error}): put the file into {weights} by hand") from None


def _read_state(file: Path, is_published: bool) -> dict:
    """Read a state dict without pickle; a TorchScript archive, which runs code, only when its sha256 is a published one."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        if is_published:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*torch.jit.*")
                return torch.jit.load(str(file), map_location="cpu").state_dict()
        state = torch.load(file, map_location="cpu", weights_only=True)
        return state.get("state_dict", state)
    except (SafetensorError, RuntimeError, OSError, EOFError, AttributeError, ValueError) as error:
        detail = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise BadInput(f"{file} can't be read as weights ({detail})") from None
    except Exception as error:  # noqa: BLE001 - pickle.UnpicklingError and its kin, for a file that holds more than tensors
        raise BadInput(f"{file} holds more than tensors and was not opened ({type(error).__name__})") from None


def _hash_of(*parts: bytes) -> str:
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:16]
