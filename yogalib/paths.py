"""Where the project keeps its files; every folder can be moved with an environment variable."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from filelock import FileLock

from yogalib.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

_CHECKOUT = Path(__file__).resolve().parents[1]
# A checkout keeps its outputs beside the code; an installed package keeps them where it is used.
ROOT = _CHECKOUT if (_CHECKOUT / "pyproject.toml").exists() else Path.cwd()


def from_environment(name: str, default: str | Path | None = None) -> Path | None:
    """Return the folder that the environment variable `name` gives, relative ones counted from the project's root."""
    value = os.environ.get(name) or default
    return (ROOT / Path(value).expanduser()).resolve() if value else None


@dataclass(frozen=True)
class Paths:
    """The folders of one profile.

    data : index and decoded caches. runs : one folder per training run. report : the published pages.
    build : pages, tables and figures in the making; published only when all of them are good.
    weights : the published encoders' files.
    """

    data: Path
    runs: Path
    report: Path
    build: Path
    weights: Path

    @classmethod
    def of(cls, profile: str) -> "Paths":
        """Return the folders of the profile, from DATA_DIR, RUNS_DIR, REPORTS_DIR and WEIGHTS_DIR where they are set."""
        data = from_environment("DATA_DIR", "data")
        reports = from_environment("REPORTS_DIR", "reports")
        return cls(
            data=data,
            runs=from_environment("RUNS_DIR", "runs"),
            report=reports / profile,
            build=reports / ".build" / profile,
            weights=from_environment("WEIGHTS_DIR", data / "weights"),
        )


def files_of(paths: list[Path]) -> list[Path]:
    """Return the files themselves and all visible files under the folders, sorted within each folder.

    Raises BadInput for a path that is not there, or when nothing is left.
    """
    files = []
    for path in paths:
        if not path.exists():
            raise BadInput(f"{path} is not there: give pictures or folders of pictures")
        inside = path.rglob("*") if path.is_dir() else [path]
        files += sorted(file for file in inside if file.is_file() and not file.name.startswith("."))
    if not files:
        raise BadInput(f"no file in {', '.join(map(str, paths))}")
    return files


def _own() -> str:
    """Return what no other process has in its names, on this host or another that shares the folder."""
    return f"{platform.node()}-{os.getpid()}"


def write_whole(path: Path, write) -> None:
    """Call `write(temporary)` and rename the result to `path`, so that readers see the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{_own()}.{path.name}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def kept_array(file: Path, make: Callable[[], "np.ndarray"]) -> "np.ndarray":
    """Return what `make` returned when it was first asked for, kept in a .npy file: a memory map, of which changes stay in memory.

    Two processes side by side make it once. The file's name must tell all that decides what it holds.
    """
    import numpy as np  # light commands, which look at arguments alone, do without

    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            write_whole(file, lambda path: np.save(path, make()))
    return np.load(file, mmap_mode="c")


def read_yaml(path: Path):
    """Return what a YAML file holds, as yaml.safe_load does; by the C library where it is, six times as fast.

    Raises OSError, and yaml.YAMLError for what is no YAML.
    """
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def partial_folder(path: Path) -> Path:
    """Return a new empty folder beside `path`, to be renamed to it when whole; what killed processes left there is removed.

    The name is this process's own: a child of a killed one may go on writing into its folder for a while.
    """
    for old in path.parent.glob(f".{path.name}.*.partial"):
        shutil.rmtree(old, ignore_errors=True)
    partial = path.with_name(f".{path.name}.{_own()}.partial")
    partial.mkdir(parents=True)
    return partial


def swap_folder(new: Path, old: Path) -> None:
    """Put the folder `new` in the place of `old`."""
    aside = old.with_name(f".{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)
