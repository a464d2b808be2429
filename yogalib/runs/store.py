"""The run store: one run is one folder, named by the hash of all that decides it, and there whole or not at all."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from yogalib.errors import BadInput
from yogalib.facts.taxonomy import pose_names
from yogalib.models.encoders import weights_digest
from yogalib.models.meter import Meter, machine
from yogalib.models.published import start_digest
from yogalib.paths import Paths, partial_folder, write_whole
from yogalib.profile import Machine
from yogalib.runs.progress import Progress

ORIGIN = "origin.json"
CODE = 5  # part of every run's hash: raise it when training or evaluation changes what a run would hold


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
    def origin(self) -> dict:
        """What a kept run learnt from: `pictures`, how many, and whether they are `drawn`; empty where nobody noted it."""
        file = self.folder / ORIGIN
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch; empty for a zero-shot run."""
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per test picture: path, sha256, class, then p_<class> and cosine_<class> per class."""
        return pd.read_parquet(self.folder / "predictions.parquet")

    @cached_property
    def classes(self) -> np.ndarray:
        """Official class numbers, (C,), in the order of the probabilities."""
        return np.array(self.config["classes"])

    @cached_property
    def poses(self) -> pd.DataFrame:
        """Folder, sanskrit and english name of each class, by its number, (C,); those of a user's own too."""
        return pose_names(self.config.get("settings", {}).get("added", [])).loc[self.classes]

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Float (N, C); NaN where a model that looks for a body found none."""
        return self.predictions.filter(regex=r"^p_").to_numpy()

    @property
    def cosine(self) -> np.ndarray:
        """Cosine similarity of pictures and prompts, float (N, C)."""
        return self.predictions.filter(regex=r"^cosine_").to_numpy()

    @cached_property
    def labels(self) -> np.ndarray:
        """The right answers as places in `classes`, (N,)."""
        return np.searchsorted(self.classes, self.predictions["class"])

    @cached_property
    def predicted(self) -> np.ndarray:
        """The most probable class as a place in `classes`, (N,); -1 where there is no answer, since nobody was found."""
        probabilities = self.probabilities
        return np.where(np.isnan(probabilities).any(axis=1), -1, probabilities.argmax(axis=1))

    @cached_property
    def hits(self) -> np.ndarray:
        """Whether each picture is answered right, bool (N,); their mean is the top-1 accuracy. No answer is a wrong one."""
        return self.predicted == self.labels


def run_id(config: dict) -> str:
    """Return the run's name: 12 hexadecimal digits of the hash of its configuration."""
    text = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def stored_run(
    runs: Path, config: dict, make: Callable[[Path], None], label: str = "", progress: Progress | None = None
) -> Run:
    """Return the stored run of this configuration; call `make(folder)` first, to write its files, when it is not there.

    label : what `progress` announces the run by; without progress it is made in silence.

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
                with progress.making(name, label) if progress else nullcontext():
                    _make(folder, config, make)
    if progress:
        progress.asked.add(name)
    return Run(folder)


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


@dataclass(frozen=True)
class Workshop:
    """Where runs are made and kept. precision : of the profile's section fine_tuning, `auto` or `fp32`."""

    paths: Paths
    machine: Machine
    precision: str
    progress: Progress | None = None

    @cached_property
    def device(self):
        """The device and precision that the profile asks for (yogalib.models.device.Device)."""
        from yogalib.models.device import pick_device  # torch: seconds

        return pick_device(self.machine.device, self.precision, self.machine.threads)

    @property
    def weights(self) -> Path:
        """Folder of the published weights."""
        return self.paths.weights

    def configuration(self, ask) -> dict:
        """Return all that decides the run of an ask (yogalib.runs.asks.Ask) on this machine."""
        config = ask.decides | {"precision": self.device.precision}
        if ask.encoder:
            config["weights"] = weights_digest(ask.encoder, self.weights, ask.seed)
        if ask.kind == "yolo" and (start := start_digest(ask.settings, self.weights)):
            config["weights"] = start
        return config | ask.named(lambda other: run_id(self.configuration(other)))

    def run(self, ask) -> Run:
        """Return the stored run of an ask, made first where it is not there, by its own module of yogalib.models."""

        def make(folder: Path) -> None:
            answer = import_module(f"yogalib.models.{ask.kind}").answer
            save_predictions(folder, ask.test, np.array(ask.classes), *answer(ask, self, folder))
            if ask.kept:
                (folder / ORIGIN).write_text(json.dumps(_origin(ask)), encoding="utf-8")

        run = stored_run(self.paths.runs, self.configuration(ask), make, ask.label, self.progress)
        for name in ask.names:
            mark(run, name)
        return run


def _origin(ask) -> dict:
    """Return what a run learns from, for who asks it about other pictures (Run.origin)."""
    from yogalib.synthetic.world import BODIES  # OpenCV

    drawn = ask.kind == "written" or (ask.source.folder / BODIES).is_file()
    return {"pictures": 0 if ask.train is None else len(ask.train), "drawn": drawn}


def mark(run: Run, name: str) -> None:
    """Let runs/<name> name this run."""

    def link(path: Path) -> None:
        if sys.platform == "win32":  # links need a privilege there
            path.write_text(run.folder.name, encoding="utf-8")
        else:
            path.symlink_to(run.folder.name)

    write_whole(run.folder.parent / name, link)


def names_of(run: Run) -> list[str]:
    """Return what runs/ calls a run, sorted: each name that `mark` gave it and no other run has taken since."""
    return sorted(path.name for path in run.folder.parent.iterdir() if _marked(path) == run.folder.name)


def _marked(path: Path) -> str | None:
    """Return the folder's name that a name in runs/ stands for; None for anything else."""
    if path.is_symlink():
        return path.readlink().name
    if sys.platform == "win32" and path.is_file() and not path.suffix:
        return path.read_text(encoding="utf-8").strip()
    return None


def find_run(name: str, runs: Path) -> Run:
    """Return a finished run by its folder's path, its name in the store, or `last` or `written`.

    Raises BadInput when there is none, or it kept no weights.
    """
    for folder in (Path(name), runs / name):
        if folder.is_file():
            folder = runs / folder.read_text(encoding="utf-8").strip()
        if (folder / "config.json").is_file():
            if not (folder / "model.safetensors").is_file():
                raise BadInput(f"run {name} kept no weights, so it can't be used on new pictures; try --run last")
            return Run(folder.resolve())
    if name == "written":
        raise BadInput(
            "the written poses are not learnt yet: run 'python -m yogalib written', which takes about a minute"
        )
    raise BadInput(f"run '{name}' not found: give a folder under {runs}, or 'last' after a 'make reproduce'")
