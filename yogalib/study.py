"""Study: what a notebook opens first. It knows profile, folders, device and data, and saves what the notebook makes."""

import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from yogalib.dataset.cache import decoded, to_pixels
from yogalib.dataset.images import open_image
from yogalib.dataset.index import data_hash, describe_dropped, refresh_index
from yogalib.dataset.splits import draw_per_class, hold_out, split_rows
from yogalib.dataset.subsets import select_subset
from yogalib.errors import BadInput
from yogalib.paths import Paths, from_environment, write_whole
from yogalib.profile import FineTuning, Profile, Prompt, read_profile
from yogalib.prompts import class_prompts
from yogalib.runs import CODE, Run, mark_last, save_predictions, stored_run


@dataclass(frozen=True)
class Study:
    """One profile at work.

    Open it with ``Study.open("photos")``; in a notebook, end with ``study.finish()``, which hands over what was saved.
    """

    profile: Profile
    paths: Paths
    notebook: str = "interactive"
    _made: dict = field(default_factory=lambda: {"claims": {}, "tables": {}, "figures": {}, "start": time.time()})

    @classmethod
    def open(cls, profile: str, overrides: dict | None = None, notebook: str = "interactive") -> "Study":
        """Open a profile by name or path.

        overrides : dotted key to value, such as ``{"fine_tuning.epochs": 3}``, to try a change without editing a file.
        notebook : its file's name without ending; tables, figures and claims are filed under it.

        Raises BadInput for a profile that is unknown or wrong.
        """
        read = read_profile(profile, overrides)
        return cls(read, Paths.of(read.name), notebook)

    @cached_property
    def device(self):
        """The device and precision that the profile asks for (yogalib.device.Device)."""
        from yogalib.device import pick_device

        machine = self.profile.machine
        return pick_device(machine.device, self.profile.fine_tuning.precision, machine.threads)

    @cached_property
    def folder(self) -> Path:
        """The folder of the images: drawn on first use, or the profile's, or the one that DATA names."""
        if self.profile.data.synthetic is not None:
            return self._drawn_world()
        given = from_environment("DATA", self.profile.data.folder)
        if given is None:
            raise BadInput(
                f"profile '{self.profile.name}' needs a folder of images: add DATA=<folder> to the make line"
            )
        return given

    def _drawn_world(self) -> Path:
        from yogalib.synthetic.world import write_world

        setting = self.profile.data.synthetic.model_dump()
        name = sha256(json.dumps(setting, sort_keys=True).encode()).hexdigest()[:12]
        folder = self.paths.data / f"synthetic-{name}"
        self.paths.data.mkdir(parents=True, exist_ok=True)
        with FileLock(self.paths.data / f".{folder.name}.lock"):
            if not folder.exists():
                write_world(folder, **setting)
        return folder

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per file, with its status (yogalib.dataset.index)."""
        data = self.profile.data
        lists = from_environment("LISTS", data.lists)
        index = refresh_index(
            self.folder, data.minimum_side, lists, self.paths.data / self.profile.name / "index.parquet"
        )
        if not (index["status"] == "kept").any():
            raise BadInput(
                f"no usable image among the {len(index)} files of {self.folder}: {describe_dropped(index)}. Each sub-folder "
                f"must bear the name of one of the 82 poses (yogalib/taxonomy.csv). All files: {self.dropped_list}"
            )
        return index

    @property
    def dropped_list(self) -> Path:
        """The CSV file of what was dropped and why."""
        return self.paths.data / self.profile.name / "dropped.csv"

    def subset(self, name: str) -> pd.DataFrame:
        """Return the kept rows of a subset: `all`, `subset_i` or `subset_ii`."""
        return select_subset(self.index, name, self.folder)

    def split(self, rows: pd.DataFrame, seed: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return training and test rows as the profile parts them; `seed` draws another random split."""
        split = self.profile.split
        return split_rows(rows, split.method, split.test_share, split.seed if seed is None else seed)

    def pixels(self, rows: pd.DataFrame, resolution: int) -> np.ndarray:
        """Return the rows' pictures, uint8 (N, R, R, 3), from the decoded cache."""
        kept = self.subset("all")
        cache = decoded(kept, self.folder, resolution, self.profile.data.fit, self.paths.data / "cache")
        return cache[kept.index.get_indexer(rows.index)]

    def thumbnails(self, rows: pd.DataFrame, side: int = 96) -> list[np.ndarray]:
        """Return a few rows' pictures for a figure, uint8 (side, side, 3) each."""
        return [to_pixels(open_image(self.folder / path), side, self.profile.data.fit) for path in rows["path"]]

    def zero_shot(self, encoder: str, subset: str | None = None, prompt: Prompt | None = None) -> Run:
        """Classify a whole subset without training (section 3.2.1); the profile's subset and prompt when not given."""
        from yogalib.encoders import open_encoder
        from yogalib.zero_shot import classify

        settings = self.profile.zero_shot
        rows = self.subset(subset or settings.subset)
        opened = open_encoder(encoder, self.paths.weights, self.profile.fine_tuning.seed)
        config = self._config("zero_shot", opened, rows, prompt or settings.prompt)

        def make(folder: Path) -> None:
            answers = classify(opened, self.pixels(rows, opened.resolution), config["prompts"], self.device)
            save_predictions(folder, rows, np.array(config["classes"]), *answers)
            pd.DataFrame(columns=["epoch"]).to_csv(folder / "history.csv", index=False)

        return stored_run(self.paths.runs, config, make)

    def fine_tune(
        self, split_seed: int | None = None, keep_weights: bool = False, draw: tuple[int, int] | None = None, **changes
    ) -> Run:
        """Fine-tune as the profile says (section 4.2), and keep predictions, history and cost as a run.

        split_seed : another random split. keep_weights : store the model too, and let runs/last name the run.
        draw : take so many training pictures per class, drawn with that seed; the test part stays whole (Table 11).
        changes : keys of the profile's section fine_tuning, such as ``epochs=3``.
        """
        from safetensors.torch import save_file

        from yogalib.encoders import open_encoder
        from yogalib.finetune import fine_tune
        from yogalib.zero_shot import classify

        settings = FineTuning.model_validate({**dict(self.profile.fine_tuning), **changes})
        rows = self.subset(settings.subset)
        train, test = self.split(rows, split_seed)
        train = train if draw is None else draw_per_class(train, *draw)
        encoder = open_encoder(settings.encoder, self.paths.weights, settings.seed)
        config = self._config("fine_tuning", encoder, test, settings.prompt) | {
            "train": data_hash(train),
            "settings": settings.model_dump(exclude={"encoder", "subset", "prompt", "precision"}),
            "keep_weights": keep_weights,
        }
        classes = np.array(config["classes"])

        def make(folder: Path) -> None:
            parts = [
                (self.pixels(part, encoder.resolution), np.searchsorted(classes, part["class"]))
                for part in (train, test)
            ]
            history = fine_tune(encoder, *parts, config["prompts"], settings, self.device)
            history.to_csv(folder / "history.csv", index=False)
            save_predictions(folder, test, classes, *classify(encoder, parts[1][0], config["prompts"], self.device))
            if keep_weights:
                weights = {key: value.cpu().contiguous() for key, value in encoder.model.state_dict().items()}
                save_file(weights, folder / "model.safetensors")

        run = stored_run(self.paths.runs, config, make)
        if keep_weights:
            mark_last(run)
        return run

    def fine_tune_splits(self, encoder: str | None = None) -> list[Run]:
        """Fine-tune on each of the profile's random splits (Table 9); the first is the profile's own and keeps its weights."""
        changes = {} if encoder is None else {"encoder": encoder}
        first = self.fine_tune(keep_weights=encoder is None, **changes)
        return [first, *(self.fine_tune(seed, **changes) for seed in self.split_seeds()[1:])]

    def small_run(self, split_seed: int, pair: tuple[float, float] | None = None, **changes) -> Run:
        """Fine-tune on the six poses as the profile's section small_runs says, with the changes that `fine_tune` takes.

        pair : learning rate and weight decay, when not the full fine-tuning's.
        """
        small, optimiser = self.profile.small_runs, self.profile.fine_tuning.optimiser
        if pair is not None:
            optimiser = optimiser.model_copy(update={"learning_rate": pair[0], "weight_decay": pair[1]})
        given = {"subset": small.subset, "batch": small.batch, "epochs": small.epochs, "optimiser": optimiser}
        return self.fine_tune(split_seed, **given | changes)

    def split_seeds(self, repeats: int | None = None) -> list[int]:
        """Return the seeds of the profile's random splits, or of the first `repeats` of them; the official split is one."""
        split = self.profile.split
        count = 1 if split.method == "official" else repeats or split.repeats
        return [split.seed + number for number in range(count)]

    def linear(self, split_seed: int | None = None) -> Run:
        """Fit a linear model on the pixels of the same training part (yogalib.baselines), and keep it as a run."""
        from yogalib.baselines import SIDE, linear_on_pixels

        rows = self.subset(self.profile.fine_tuning.subset)
        train, test = self.split(rows, split_seed)
        config = self._answers("linear_on_pixels", train, test) | {"fit": self.profile.data.fit}

        def make(folder: Path) -> None:
            labels = np.searchsorted(config["classes"], train["class"])
            answers = linear_on_pixels(self.pixels(train, 2 * SIDE), labels, self.pixels(test, 2 * SIDE))
            save_predictions(folder, test, np.array(config["classes"]), answers)
            pd.DataFrame(columns=["epoch"]).to_csv(folder / "history.csv", index=False)

        return stored_run(self.paths.runs, config, make)

    def yolo(self, split_seed: int | None = None) -> Run:
        """Train YOLOv8-cls on the same training part (section 5), and keep it as a run; its history is of the validation part."""
        from yogalib.yolo import train_yolo, weights_of

        settings, split = self.profile.yolo, self.profile.split
        start = weights_of(settings, self.paths.weights)
        train, test = self.split(self.subset(self.profile.fine_tuning.subset), split_seed)
        seed = split.seed if split_seed is None else split_seed
        parts = dict(zip(("train", "val"), hold_out(train, settings.validation_share, seed), strict=True))
        config = self._answers("yolo", train, test) | {"settings": settings.model_dump(exclude={"repeats"})}

        def make(folder: Path) -> None:
            with tempfile.TemporaryDirectory(dir=folder) as work:
                answers, history = train_yolo(
                    {**parts, "test": test}, self.folder, settings, start, str(self.device.torch), Path(work)
                )
            history.to_csv(folder / "history.csv", index=False)
            save_predictions(folder, test, np.array(config["classes"]), answers)

        return stored_run(self.paths.runs, config, make)

    def _answers(self, kind: str, train: pd.DataFrame, test: pd.DataFrame) -> dict:
        """Return what decides the run of a model that knows no prompts, but for its own settings."""
        classes = sorted(int(number) for number in test["class"].unique())
        return {"kind": kind, "code": CODE, "train": data_hash(train), "test": data_hash(test), "classes": classes}

    def _config(self, kind: str, encoder, test: pd.DataFrame, prompt: Prompt) -> dict:
        classes = sorted(int(number) for number in test["class"].unique())
        return {
            "kind": kind,
            "code": CODE,
            "test": data_hash(test),
            "classes": classes,
            "encoder": encoder.name,
            "weights": encoder.weights,
            "resolution": encoder.resolution,
            "fit": self.profile.data.fit,
            "prompts": class_prompts(np.array(classes), prompt.template, prompt.names),
            "precision": self.device.precision,
        }

    def save_table(self, name: str, table: pd.DataFrame, caption: str) -> None:
        """Save a table as tables/<name>.csv and show it under its caption."""
        from yogalib.summary import show_table

        file = self.paths.build / "tables" / f"{name}.csv"
        write_whole(file, lambda path: table.to_csv(path, index=False))
        self._made["tables"][name] = caption
        show_table(name, table, caption)

    def save_figure(self, name: str, figure, caption: str) -> None:
        """Save a matplotlib figure as figures/<name>.svg and .png, and show it above its caption."""
        from matplotlib.pyplot import close

        from yogalib.summary import show_figure

        for ending, options in ((".svg", {"metadata": {"Date": None}}), (".png", {"dpi": 150})):
            file = self.paths.build / "figures" / f"{name}{ending}"
            write_whole(file, lambda path, options=options: figure.savefig(path, **options))
        close(figure)
        self._made["figures"][name] = caption
        show_figure(name, self.paths.build / "figures" / f"{name}.png", caption)

    def claim(self, name: str, ours: float, n: int, low: float | None = None, high: float | None = None) -> None:
        """Record a number that stands beside the paper's (`name` is its id in paper.yaml), in the paper's unit."""
        self._made["claims"][name] = {"ours": ours, "low": low, "high": high, "n": int(n)}

    def finish(self) -> None:
        """Hand over what the notebook made: the last cell of each notebook, and the sign that it came to its end."""
        made = {key: value for key, value in self._made.items() if key != "start"}
        made |= {"notebook": self.notebook, "token": os.environ.get("YOGALIB_TOKEN", "")}
        made["seconds"] = round(time.time() - self._made["start"], 1)
        text = json.dumps(made, indent=2)
        write_whole(self.paths.build / f"{self.notebook}.json", lambda path: path.write_text(text, encoding="utf-8"))
