"""The runs of a study: each is looked up in the store first, and made when it is not there."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from yogalib.dataset.index import data_hash
from yogalib.dataset.splits import draw_per_class, hold_out
from yogalib.facts.prompts import class_prompts
from yogalib.profile import FineTuning, Prompt
from yogalib.results.audit import twins_of
from yogalib.runs.store import CODE, Run, mark_last, save_predictions, stored_run


class Experiments:
    """Zero-shot, fine-tuning and benchmark runs; mixed into Study, which knows profile, folders, device and data."""

    def zero_shot(self, encoder: str, subset: str | None = None, prompt: Prompt | None = None) -> Run:
        """Classify a whole subset without training (section 3.2.1); the profile's subset and prompt when not given."""
        from yogalib.models.encoders import open_encoder
        from yogalib.models.zero_shot import classify

        settings = self.profile.zero_shot
        rows = self.subset(subset or settings.subset)
        opened = open_encoder(encoder, self.paths.weights, self.profile.fine_tuning.seed)
        config = self._config("zero_shot", opened, rows, prompt or settings.prompt, classes_of(rows))

        def make(folder: Path) -> None:
            # Yoga-82 decoded whole for each of nine encoders would take 34 GB
            pictures = self.on_device(rows, opened.resolution, alone=encoder not in self.profile.tuned)
            answers = classify(opened, pictures, config["prompts"], self.device)
            save_predictions(folder, rows, np.array(config["classes"]), *answers)

        return stored_run(self.paths.runs, config, make)

    def fine_tune(
        self,
        split_seed: int | None = None,
        keep_weights: bool = False,
        draw: tuple[int, int] | None = None,
        on_validation: bool = False,
        **changes,
    ) -> Run:
        """Fine-tune as the profile says (section 4.2), and keep predictions, history and cost as a run.

        split_seed : another random split. keep_weights : store the model too, and let runs/last name the run.
        draw : take so many training pictures per class, drawn with that seed; the test part stays whole (Table 11).
        on_validation : hold out a part of the training pictures and judge on it instead of the test part, to choose by.
        changes : keys of the profile's section fine_tuning, such as ``epochs=3``.
        """
        from safetensors.torch import save_file

        from yogalib.models.encoders import open_encoder
        from yogalib.models.finetune import fine_tune

        settings = FineTuning.model_validate({**dict(self.profile.fine_tuning), **changes})
        rows = self.subset(settings.subset)
        train, test = self.split(rows, split_seed)
        if on_validation:
            train, test = self.validation(train, split_seed)
        train = train if draw is None else draw_per_class(train, *draw)
        encoder = open_encoder(settings.encoder, self.paths.weights, settings.seed)
        config = self._config("fine_tuning", encoder, test, settings.prompt, classes_of(train)) | {
            "train": data_hash(train),
            "settings": settings.model_dump(exclude={"encoder", "subset", "prompt", "precision"}),
            "keep_weights": keep_weights,
        }
        classes = np.array(config["classes"])

        def make(folder: Path) -> None:
            parts = [
                (self.on_device(part, encoder.resolution), np.searchsorted(classes, part["class"]))
                for part in (train, test)
            ]
            history, answers = fine_tune(encoder, *parts, config["prompts"], settings, self.device)
            history.to_csv(folder / "history.csv", index=False)
            save_predictions(folder, test, classes, *answers)
            if keep_weights:
                weights = {key: value.cpu().contiguous() for key, value in encoder.model.state_dict().items()}
                save_file(weights, folder / "model.safetensors")

        told = (
            f"{len(train)} pictures, learning rate {settings.optimiser.learning_rate:g}, {self._split_name(split_seed)}"
        )
        run = stored_run(self.paths.runs, config, make, told)
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

        pair : learning rate and weight decay as the paper's tables have them, when not the profile's own.
        """
        small, (rate, decay) = self.profile.small_runs, pair or self.profile.small_runs.pair
        update = {"learning_rate": small.rate_scale * rate, "weight_decay": decay}
        optimiser = self.profile.fine_tuning.optimiser.model_copy(update=update)
        given = {"subset": small.subset, "batch": small.batch, "epochs": small.epochs, "optimiser": optimiser}
        return self.fine_tune(split_seed, **given | changes)

    def validation(self, train: pd.DataFrame, split_seed: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the training rows less a validation part, and that part: whatever is chosen is chosen on it."""
        split = self.profile.split
        seed = split.seed if split_seed is None else split_seed
        return hold_out(train, split.validation_share, seed, self.groups(train))

    def split_seeds(self, repeats: int | None = None) -> list[int]:
        """Return the seeds of the profile's random splits, or of the first `repeats` of them; the official split is one."""
        split = self.profile.split
        count = 1 if split.method == "official" else repeats or split.repeats
        return [split.seed + number for number in range(count)]

    def _split_name(self, seed: int | None) -> str:
        return f"split {1 if seed is None else 1 + seed - self.profile.split.seed}"

    def linear(self, split_seed: int | None = None) -> Run:
        """Fit a linear model on the pixels of the same training part (yogalib.models.linear), and keep it as a run."""
        from yogalib.models.linear import SIDE, linear_on_pixels

        rows = self.subset(self.profile.fine_tuning.subset)
        train, test = self.split(rows, split_seed)
        config = self._answers("linear_on_pixels", train, test) | {"fit": self.profile.data.fit}

        def make(folder: Path) -> None:
            labels = np.searchsorted(config["classes"], train["class"])
            answers = linear_on_pixels(self.pixels(train, 2 * SIDE), labels, self.pixels(test, 2 * SIDE))
            save_predictions(folder, test, np.array(config["classes"]), answers)

        return stored_run(self.paths.runs, config, make, self._split_name(split_seed))

    def yolo(self, split_seed: int | None = None, keep_weights: bool = False) -> Run:
        """Train YOLOv8-cls on the same training part (section 5), and keep it as a run; its history is of the validation part."""
        from yogalib.models.published import weights_of
        from yogalib.results.benchmark import KEPT, train_yolo

        settings = self.profile.yolo
        start = weights_of(settings, self.paths.weights)
        train, test = self.split(self.subset(self.profile.fine_tuning.subset), split_seed)
        parts = dict(zip(("train", "val"), self.validation(train, split_seed), strict=True))
        config = self._answers("yolo", train, test) | {"settings": settings.model_dump(exclude={"repeats"})}
        config |= {"keep_weights": keep_weights}

        def make(folder: Path) -> None:
            with tempfile.TemporaryDirectory(dir=folder) as work:
                answers, history = train_yolo(
                    {**parts, "test": test}, self.folder, settings, start, str(self.device.torch), Path(work)
                )
                for name in ["cost.json", *([KEPT] if keep_weights else [])]:
                    (Path(work) / name).rename(folder / name)
            history.to_csv(folder / "history.csv", index=False)
            save_predictions(folder, test, np.array(config["classes"]), answers)

        return stored_run(self.paths.runs, config, make, self._split_name(split_seed))

    def elsewhere(self) -> tuple["Experiments", pd.DataFrame, int]:
        """Return the study of the validation set, its rows, and how many were left out since their twin is in this study.

        Only poses that this study knows are kept. Without a validation set, this study and the test part of its first split.
        """
        ours, other = self.subset(self.profile.fine_tuning.subset), self.validation_set()
        if other is None:
            return self, self.split(ours)[1], 0
        rows = other.subset("all")
        rows = rows[rows["class"].isin(ours["class"])]
        twins = rows["path"].isin(twins_of(other, self)["path_a"])
        return other, rows[~twins], int(twins.sum())

    def judge(self, run: Run, other: "Experiments", rows: pd.DataFrame) -> Run:
        """Let a run that kept its weights, of CLIP or YOLO, answer for rows of another study (section 5); keep it as a run."""
        from yogalib.models.zero_shot import classify
        from yogalib.results.benchmark import KEPT, ask_yolo
        from yogalib.tools.predict import tuned_encoder

        classes = run.config["classes"]
        config = {"kind": "judged", "code": CODE, "run": run.folder.name, "test": data_hash(rows), "classes": classes}

        def make(folder: Path) -> None:
            if run.config["kind"] == "yolo":
                files, resolution = [other.folder / path for path in rows["path"]], run.config["settings"]["resolution"]
                answers = ask_yolo("answer", run.folder / KEPT, files, resolution, str(self.device.torch))[
                    "probabilities"
                ]
                save_predictions(folder, rows, np.array(classes), answers)
            else:
                encoder = tuned_encoder(run)
                pictures = other.on_device(rows, encoder.resolution)
                answers = classify(encoder, pictures, run.config["prompts"], self.device)
                save_predictions(folder, rows, np.array(classes), *answers)

        return stored_run(self.paths.runs, config, make)

    def _answers(self, kind: str, train: pd.DataFrame, test: pd.DataFrame) -> dict:
        """Return what decides the run of a model that knows no prompts, but for its own settings."""
        return {
            "kind": kind,
            "code": CODE,
            "train": data_hash(train),
            "test": data_hash(test),
            "classes": classes_of(train),
        }

    def _config(self, kind: str, encoder, test: pd.DataFrame, prompt: Prompt, classes: list[int]) -> dict:
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


def classes_of(rows: pd.DataFrame) -> list[int]:
    """Return the official class numbers of rows, sorted: what a model is trained to tell apart."""
    return sorted(int(number) for number in rows["class"].unique())
