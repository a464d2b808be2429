"""Files of weights, read without running code in them: safetensors, state dicts that torch saved, and OpenAI's archives, once."""

import hashlib
import json
import os
import warnings
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open

from yogalib.errors import BadInput
from yogalib.paths import write_whole

# environment variable, of a rehearsal alone: a JSON file with the sha256 of small files that stand in for published ones, by their names
STAND_INS = "WEIGHTS_STAND_INS"

# the constants of clip's own preprocessing
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def import_clip():
    """Import clip without the warning about pkg_resources that it gives each time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import clip  # and with it torch: seconds

    return clip


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file, hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def stand_ins() -> dict[str, str]:
    """Return the sha256 of a rehearsal's files (yogalib.tools.rehearse), by the published names that they bear; else nothing."""
    file = os.environ.get(STAND_INS)
    return json.loads(Path(file).read_text(encoding="utf-8")) if file else {}


def archive_digests() -> dict[str, str]:
    """Return the sha256 of each of OpenAI's archives by its file's name, from clip's own table."""
    return {url.rpartition("/")[2]: url.split("/")[-2] for url in import_clip().clip._MODELS.values()} | stand_ins()


def digest_of(file: Path) -> str:
    """Return the sha256 that stands for a checkpoint in runs, as `read_weights` does, without reading its tensors."""
    if file.suffix == ".safetensors":
        with suppress(SafetensorError, OSError), safe_open(file, framework="np") as content:
            return (content.metadata() or {}).get("archive") or sha256_of(file)
    return sha256_of(file)


def converted(archive: str | Path, weights: Path) -> Path:
    """Return where the tensors of one of OpenAI's archives are kept, in the folder `weights`."""
    return weights / f"{Path(archive).stem}.safetensors"


def read_weights(file: Path, weights: Path, sha256: str | None = None) -> tuple[dict, str]:
    """Return a checkpoint's tensors by name, bit for bit as published, and the sha256 that stands for them in runs.

    That is the file's own, or of the archive that it was made of. A TorchScript archive runs code, so it is opened only when its
    sha256 is one of OpenAI's, and not at all where `weights` holds its tensors (yogalib.models.published.bring_weights).

    sha256 : refuse every other. Raises BadInput for a file that is damaged, another one, or holds more than tensors.
    """
    if file.suffix == ".safetensors":
        state, found = _read_safetensors(file)
        if sha256 not in (None, found):
            raise BadInput(f"{file} was made of another archive (its sha256 differs): delete it and fetch it again")
        return state, found
    found = sha256_of(file)
    if sha256 not in (None, found):
        raise BadInput(
            f"{file} is not the file that OpenAI published (its sha256 differs): delete it and fetch it again"
        )
    archive = {digest: name for name, digest in archive_digests().items()}.get(found)
    if archive is None:
        return _read_tensors(file), found
    with suppress(BadInput):  # not there, or damaged
        state, origin = _read_safetensors(converted(archive, weights))
        if origin == found:
            return state, found
    return open_archive(file), found


def open_archive(file: Path) -> dict:
    """Return the tensors of a TorchScript archive, whose sha256 must have been checked: torch has no safe way to open one."""
    import torch  # seconds

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*")
        return torch.jit.load(str(file), map_location="cpu").state_dict()


def write_converted(state: dict, archive: str, file: Path) -> None:
    """Write an archive's tensors as safetensors; its metadata holds the archive's sha256 and the tensors' own digest.

    Raises OSError where the file can't be written.
    """
    from safetensors.torch import save_file  # torch: seconds

    state = {key: value.contiguous() for key, value in state.items()}
    metadata = {"archive": archive, "tensors": _digest_of(state)}
    try:
        write_whole(file, lambda path: save_file(state, path, metadata))
    except SafetensorError as error:
        raise OSError(str(error)) from None


def _digest_of(state: dict) -> str:
    """Return a sha256 of tensors: names, types, shapes and bytes."""
    import torch  # seconds

    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _read_safetensors(file: Path) -> tuple[dict, str]:
    """Return the tensors and, when they were converted by us, the sha256 of the archive they came from; else the file's own."""
    try:
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() or {}
            state = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118 - it is no dict
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{file} can't be read as weights ({str(error).splitlines()[0][:100]})") from None
    if "archive" not in metadata:
        return state, sha256_of(file)
    if metadata.get("tensors") != _digest_of(state):
        raise BadInput(f"{file} is damaged (its tensors' digest differs): delete it and fetch it again")
    return state, metadata["archive"]


def _read_tensors(file: Path) -> dict:
    """Read a state dict that torch saved."""
    import torch  # seconds

    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        return state.get("state_dict", state)
    except (RuntimeError, OSError, EOFError, AttributeError, ValueError) as error:
        detail = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise BadInput(f"{file} can't be read as weights ({detail})") from None
    except Exception as error:  # noqa: BLE001 - pickle.UnpicklingError and its kin, for a file that holds more than tensors
        raise BadInput(f"{file} holds more than tensors and was not opened ({type(error).__name__})") from None
