"""The run store: one run is one folder, named by the hash of all that decides it, and there whole or not at all."""

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from yogalib.errors import BadInput
from yogalib.models.meter import Meter
from yogalib.paths import partial_folder, write_whole
from yogalib.runs.progress import progress

CODE = 3  # part of every run's hash: raise it when training or evaluation changes what a run would hold
LIBRARIES = ("torch", "clip-anytorch", "numpy", "pandas", "scikit-learn", "pillow", "yogalib")


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder."""

    folder: Path

    @cached_property
    def config(self) -> dict:
        """All that decides the run."""
        return json.loads((self.folder / "config.json").read_text(encoding="utf-8"))

    @cached_property
    def cost(self) -> dict:
        """Seconds, machine and versions: what the run took, and where."""
        return json.loads((self.folder / "cost.json").read_text(encoding="utf-8"))

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch; empty for a zero-shot run."""
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per test picture: path, sha256, class, then p_<class> and cosine_<class> per class."""
        return pd.read_parquet(self.folder / "predictions.parquet")

    @property
    def classes(self) -> np.ndarray:
        """Official class numbers, (C,), in the order of the probabilities."""
        return np.array(self.config["classes"])

    @property
    def probabilities(self) -> np.ndarray:
        """Float (N, C)."""
        return self.predictions.filter(regex=r"^p_").to_numpy()

    @property
    def cosine(self) -> np.ndarray:
        """Cosine similarity of pictures and prompts, float (N, C)."""
        return self.predictions.filter(regex=r"^cosine_").to_numpy()

    @property
    def labels(self) -> np.ndarray:
        """The right answers as places in `classes`, (N,)."""
        return np.searchsorted(self.classes, self.predictions["class"])

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class as a place in `classes`, (N,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def hits(self) -> np.ndarray:
        """Whether each picture is answered right, bool (N,); their mean is the top-1 accuracy."""
        return self.predicted == self.labels


def run_id(config: dict) -> str:
    """Return the run's name: 12 hexadecimal digits of the hash of its configuration."""
    text = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def stored_run(runs: Path, config: dict, make: Callable[[Path], None], label: str = "") -> Run:
    """Return the stored run of this configuration; call `make(folder)` first, to write its files, when it is not there.

    label : what tells the run from others of its kind, for the line that announces it.

    The folder is written beside and renamed when whole, so a kill at any moment leaves a finished run or none. A lock
    per run keeps two processes from training the same one; the operating system lifts it when its holder dies.
    """
    name = run_id(config)
    folder = runs / name
    if not folder.exists():
        locks = runs / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / name):
            if not folder.exists():
                with _announced(name, config, label):
                    _make(folder, config, make)
    if progress() is not None:
        progress().asked.add(name)
    return Run(folder)


def _announced(name: str, config: dict, label: str) -> AbstractContextManager:
    """Return the context in which a run is made: under make it is announced; a notebook in JupyterLab is left quiet."""
    if progress() is None:
        return nullcontext()
    words = [config["kind"].replace("_", "-"), config.get("encoder", ""), f"{len(config['classes'])} poses", label]
    return progress().making(name, ", ".join(filter(None, words)))


def _make(folder: Path, config: dict, make: Callable[[Path], None]) -> None:
    partial = partial_folder(folder)
    meter = Meter()
    make(partial)
    if not (history := partial / "history.csv").exists():  # nothing was trained by epochs
        pd.DataFrame(columns=["epoch"]).to_csv(history, index=False)
    cost = {**meter.read(), **machine()}
    if (own := partial / "cost.json").exists():  # of a process that the run started
        cost |= json.loads(own.read_text(encoding="utf-8"))
    (partial / "cost.json").write_text(json.dumps(cost, indent=2), encoding="utf-8")
    (partial / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")
    try:
        partial.rename(folder)
    except OSError:  # over hosts whose file system has no locks, another may have made the same run meanwhile
        if not folder.exists():
            raise
        shutil.rmtree(partial)


def save_predictions(
    folder: Path,
    rows: pd.DataFrame,
    classes: np.ndarray,
    probabilities: np.ndarray,
    cosine: np.ndarray | None = None,  # a model without prompts has none
) -> None:
    """Write predictions.parquet: every metric and figure is computed from it, without training again."""
    parts = {"p": probabilities} | ({} if cosine is None else {"cosine": cosine})
    names = [f"{kind}_{number}" for kind in parts for number in classes]
    table = pd.DataFrame(np.hstack(list(parts.values())), columns=names)
    about = rows[["path", "sha256", "class"]].reset_index(drop=True)
    pd.concat([about, table], axis=1).to_parquet(folder / "predictions.parquet")


def machine() -> dict:
    """Return where the numbers are made: processor, cores, threads, GPU, versions."""
    import torch

    return {
        "platform": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def mark_last(run: Run) -> None:
    """Let runs/last name this run."""

    def link(path: Path) -> None:
        if sys.platform == "win32":  # links need a privilege there
            path.write_text(run.folder.name, encoding="utf-8")
        else:
            path.symlink_to(run.folder.name)

    write_whole(run.folder.parent / "last", link)


def find_run(name: str, runs: Path) -> Run:
    """Return a finished run by its folder's path, its name in the store, or `last`.

    Raises BadInput when there is none, or it kept no weights.
    """
    for folder in (Path(name), runs / name):
        if folder.is_file():
            folder = runs / folder.read_text(encoding="utf-8").strip()
        if (folder / "config.json").is_file():
            if not (folder / "model.safetensors").is_file():
                raise BadInput(f"run {name} kept no weights, so it can't be used on new pictures; try --run last")
            return Run(folder.resolve())
    raise BadInput(f"run '{name}' not found: give a folder under {runs}, or 'last' after a 'make reproduce'")
