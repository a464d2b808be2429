"""Study: what a notebook opens first. It knows profile, folders, device and data, asks for runs, and saves what the notebook makes."""

import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from yogalib.dataset.index import describe_dropped, refresh_index
from yogalib.dataset.pixels import Ahead, Source
from yogalib.dataset.splits import hold_out, split_rows
from yogalib.dataset.subsets import select_subset
from yogalib.dataset.twins import RULE, find_twins, twin_groups
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.blazepose import finder
from yogalib.models.encoders import open_encoder, resolution_of, weights_digest
from yogalib.models.missing import missing, without_blazepose
from yogalib.models.published import find_encoder
from yogalib.paths import Paths, from_environment, write_whole
from yogalib.profile import Profile, Report, read_profile
from yogalib.results.handover import Handover
from yogalib.runs import asks
from yogalib.runs.plan import expected_index, expected_subset
from yogalib.runs.progress import Progress
from yogalib.runs.store import Run, Workshop


@dataclass(frozen=True)
class Study:
    """One profile at work.

    Open it with ``Study.open("photos")``; in a notebook, end with ``study.finish()``, which hands over what was saved.
    images : a folder other than the profile's. planned : the images need not be here; as many as are to be expected stand for them.
    handover : what the notebook makes.
    """

    profile: Profile
    paths: Paths
    images: Path | None = None
    planned: bool = False
    handover: Handover | None = None

    @classmethod
    def open(
        cls, profile: str, overrides: dict | None = None, notebook: str = "interactive", planned: bool = False
    ) -> "Study":
        """Open a profile by name or path.

        overrides : dotted key to value, such as ``{"fine_tuning.epochs": 3}``, to try a change without editing a file.
        notebook : its file's name without ending; tables, figures and claims are filed under it.

        Raises BadInput for a profile that is unknown or wrong.
        """
        read = read_profile(profile, overrides)
        paths = Paths.of(read.name)
        more = [encoder for encoder in read.zero_shot.fetched if find_encoder(encoder, paths.weights)]
        asked = {"encoders": [*read.zero_shot.encoders, *more], "fetched": []}
        read = read.model_copy(update={"zero_shot": read.zero_shot.model_copy(update=asked)})
        return cls(read, paths, planned=planned, handover=Handover(paths.build, notebook))

    # the images

    @cached_property
    def folder(self) -> Path:
        """The folder of the images: drawn on first use, or the profile's, or the one that DATA names."""
        if self.images is not None:
            return self.images
        if self.profile.data.synthetic is not None:
            return self._drawn_world()
        given = from_environment("DATA", self.profile.data.folder)
        if given is None:
            raise BadInput(
                f"profile '{self.profile.name}' needs a folder of images: add DATA=<folder> to the make line, or before the command"
            )
        return given

    def _drawn_world(self) -> Path:
        from yogalib.synthetic.world import BODIES, write_world  # OpenCV; real photographs do without the drawn world

        setting = self.profile.data.synthetic.model_dump()
        name = hashlib.sha256(json.dumps(setting, sort_keys=True).encode()).hexdigest()[:12]
        folder = self.paths.data / f"synthetic-{name}"
        self.paths.data.mkdir(parents=True, exist_ok=True)
        with FileLock(self.paths.data / f".{folder.name}.lock"):
            if not (
                folder / BODIES
            ).is_file():  # nor in a world that an earlier version drew; the same bytes are drawn again
                shutil.rmtree(folder, ignore_errors=True)
                write_world(folder, **setting)
        return folder

    def redrawn(self, seed: int, **changes) -> "Study":
        """Return the study of another drawn world; changes : keys of the profile's data.synthetic."""
        synthetic = self.profile.data.synthetic.model_copy(update={"seed": seed, **changes})
        data = self.profile.data.model_copy(update={"synthetic": synthetic})
        profile = self.profile.model_copy(update={"name": f"{self.profile.name}-drawn-{seed}", "data": data})
        return replace(self, profile=profile, images=None)

    def worlds(self) -> list["Study"]:
        """Return studies of the six poses of Subset II drawn anew, as many as the profile says; none for real images."""
        if self.profile.data.synthetic is None:
            return []
        six = self.subset("subset_i")["class"]
        folders = load_taxonomy()["folder"][sorted(six.unique())].tolist()
        first = self.profile.data.synthetic.seed + 1
        return [
            self.redrawn(first + number, classes=folders, images=len(six))
            for number in range(self.profile.zero_shot.worlds)
        ]

    def validation_set(self) -> "Study | None":
        """Return the study of the images from elsewhere that section 5 judges both models on; None where there are none.

        Raises BadInput when VALIDATION or the profile names a folder that is not there.
        """
        setting = self.profile.validation_set
        given = from_environment("VALIDATION", setting.folder)
        if given:
            if not given.is_dir():
                raise BadInput(
                    f"VALIDATION={given} is not there: give another set's folder, one sub-folder per pose, such as YoPo"
                )
            # a profile that draws its images says nothing of these photographs
            shown = Report(pictures=self.profile.report.pictures and self.profile.data.synthetic is None)
            name = f"{self.profile.name}-validation"
            profile = self.profile.model_copy(update={"name": name, "report": shown})
            return replace(self, profile=profile, images=given)
        if setting.drawn is None:
            return None
        return self.redrawn(self.profile.data.synthetic.seed + 1000, images=setting.drawn, shifted=True)

    @cached_property
    def expected(self) -> bool:
        """Whether the index is of images that are expected, not here."""
        given = from_environment("DATA", self.profile.data.folder)
        return self.planned and self.images is None and (self.profile.data.synthetic is not None or given is None)

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per file, with its status (yogalib.dataset.index)."""
        if self.expected:
            return expected_index(self.profile)
        data = self.profile.data
        lists = None if self.images else from_environment("LISTS", data.lists)
        seen = [] if self.tuned_source.fit == "person" else self.profile.tuned  # nobody has been looked for yet
        ahead = Ahead(filter(None, map(resolution_of, seen)), data.fit, self.source.cache)
        index = refresh_index(self.folder, data.minimum_side, lists, self.source.index, ahead)
        if not (index["status"] == "kept").any():
            raise BadInput(
                f"no usable image among the {len(index)} files of {self.folder}: {describe_dropped(index)}. Each sub-folder "
                f"must bear the name of one of the 82 poses (yogalib/facts/taxonomy.csv). All files: {self.dropped_list}"
            )
        ahead.keep(select_subset(index, "all"))
        return index

    @cached_property
    def source(self) -> Source:
        """Where the images lie and how they become pixels. Raises BadInput as `fitted` does."""
        return self.fitted(self.profile.data.fit)

    @cached_property
    def tuned_source(self) -> Source:
        """The source of what is fine-tuned, by fine_tuning.fit where the profile has it. Raises BadInput as `fitted` does."""
        return self.fitted(self.profile.fine_tuning.fit or self.profile.data.fit)

    def fitted(self, fit: str) -> Source:
        """Return the source by any fit of the profile's data.fit.

        Raises BadInput for `person` where BlazePose, which finds it, can't be had.
        """
        if fit == "person" and self._without_blazepose:
            raise BadInput(f"the fit person needs BlazePose, or take pad: {self._without_blazepose}")
        folder = self.paths.data / self.profile.name  # the name alone, for images that are expected
        where = folder if self.expected else self.folder
        cache = self.paths.data / "cache"
        return Source(where, folder / "index.parquet", cache, fit, find=finder(fit, self.paths.weights, cache))

    @cached_property
    def _without_blazepose(self) -> str:
        return without_blazepose(self.paths.weights, fetch=not self.planned)

    @property
    def dropped_list(self) -> Path:
        """The CSV file of what was dropped and why."""
        return self.source.index.with_name("dropped.csv")

    def subset(self, name: str) -> pd.DataFrame:
        """Return the kept rows of a subset: `all`, `subset_i` or `subset_ii`; chosen once, as hundreds of runs ask for the same."""
        if name not in self._subsets:
            self._subsets[name] = (
                expected_subset(self.profile, self.index, name)
                if self.expected
                else select_subset(self.index, name, self.folder)
            )
        return self._subsets[name]

    @cached_property
    def _subsets(self) -> dict[str, pd.DataFrame]:
        return {}

    def papers_subsets(self) -> list[str]:
        """Return which of the paper's two six-pose subsets can be had of these images."""
        found = []
        for name in ("subset_i", "subset_ii"):
            with suppress(BadInput):
                self.subset(name)
                found.append(name)
        return found

    def split_seeds(self, repeats: int | None = None) -> list[int]:
        """Return the seeds of the profile's random splits, or of the first `repeats` of them; the official split is one."""
        split = self.profile.split
        count = 1 if split.method == "official" else repeats or split.repeats
        return [split.seed + number for number in range(count)]

    def split(self, rows: pd.DataFrame, seed: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return training and test rows as the profile parts them; `seed` draws another random split."""
        split = self.profile.split
        seed = split.seed if seed is None else seed
        return split_rows(rows, split.method, split.test_share, seed, self._groups(rows))

    def parts(self, subset: str, seed: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return training and test rows of a subset, as `split` parts it; made once, since hundreds of runs ask for the same."""
        if (subset, seed) not in self._parts:
            self._parts[subset, seed] = self.split(self.subset(subset), seed)
        return self._parts[subset, seed]

    @cached_property
    def _parts(self) -> dict[tuple[str, int | None], tuple[pd.DataFrame, pd.DataFrame]]:
        return {}

    def validation(self, train: pd.DataFrame, split_seed: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the training rows less a validation part, and that part: whatever is chosen is chosen on it."""
        split = self.profile.split
        seed = split.seed if split_seed is None else split_seed
        return hold_out(train, split.validation_share, seed, self._groups(train))

    def _groups(self, rows: pd.DataFrame) -> np.ndarray | None:
        """Return the numbers that twins share, (N,), where the profile keeps them on one side of a split; else None."""
        # a plan does not look for twins: to keep them together moves an image or two from side to side
        apart = self.profile.split.twins == "ignored" or self.planned
        return None if apart else twin_groups(rows, self.twins)

    @cached_property
    def twins(self) -> pd.DataFrame:
        """Pairs of this study's images that are near-duplicates (yogalib.dataset.twins.find_twins)."""
        return self.twins_of()

    def twins_of(self, other: "Study | None" = None) -> pd.DataFrame:
        """Return the near-duplicates among this study's images, or the pairs of one of its and one of another's; kept on disk.

        Doubtful pairs are judged by the encoder of the profile's section fine_tuning, as it is before training.
        """
        from yogalib.models.zero_shot import encode_images  # torch: seconds

        encoder, seed = self.profile.fine_tuning.encoder, self.profile.fine_tuning.seed
        sides = (self, other or self)
        parts = [side.subset("all") for side in sides]

        def cosine(*places: np.ndarray) -> np.ndarray:
            opened = open_encoder(encoder, self.paths.weights, seed)
            ours, theirs = (
                encode_images(opened, side.source.pixels(rows.iloc[place], opened.resolution), self.device)
                for side, rows, place in zip(sides, parts, places, strict=True)
            )
            return (ours * theirs).sum(dim=1).cpu().numpy()

        decides = [rows[["path", "sha256", "class"]].to_csv() for rows in parts]
        decides += [weights_digest(encoder, self.paths.weights, seed), RULE]
        key = hashlib.sha256("\n".join(decides).encode()).hexdigest()[:16]
        file = self.source.cache / f"twins-{key}.parquet"
        self.source.cache.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):  # two notebooks side by side look once
            if not file.exists():
                write_whole(file, find_twins(parts[0], parts[1] if other else None, cosine).to_parquet)
        return pd.read_parquet(file)

    def elsewhere(self) -> tuple["Study", pd.DataFrame, int]:
        """Return the study of the validation set, its rows, and how many were left out since their twin is in this study.

        Only poses that this study knows are kept. Without a validation set, this study and the test part of its first split.
        """
        ours, other = self.subset(self.profile.fine_tuning.subset), self.validation_set()
        if other is None:
            return self, self.split(ours)[1], 0
        rows = other.subset("all")
        rows = rows[rows["class"].isin(ours["class"])]
        if self.planned:
            return other, rows, 0
        twins = rows["path"].isin(other.twins_of(self)["path_a"])
        return other, rows[~twins], int(twins.sum())

    @cached_property
    def without(self) -> dict[str, str]:
        """Families of notebook 09 that can't be had here, each with a line that says what is missing."""
        profile = self.profile
        return missing(profile.beyond, profile.fine_tuning.encoder, self.paths.weights, fetch=not self.planned)

    # its runs

    @cached_property
    def workshop(self) -> Workshop:
        """Where its runs are made and kept."""
        precision = self.profile.fine_tuning.precision
        return Workshop(self.paths, self.profile.machine, precision, Progress.from_environment())

    @property
    def device(self):
        """The device and precision that the profile asks for (yogalib.models.device.Device)."""
        return self.workshop.device

    def runs(self, asked):
        """Return the runs of a question (yogalib.runs.questions), by setting as it has them; those not stored yet are made."""
        if isinstance(asked, asks.Ask):
            return self.workshop.run(asked)
        if isinstance(asked, dict):
            return {setting: self.runs(each) for setting, each in asked.items()}
        return [self.runs(each) for each in asked]

    def zero_shot(self, encoder: str, **changes) -> Run:
        """Return an encoder's answers without training (yogalib.runs.asks.zero_shot)."""
        return self.runs(asks.zero_shot(self, encoder, **changes))

    def fine_tune(self, split_seed: int | None = None, **changes) -> Run:
        """Return a fine-tuning as the profile says, with changes (yogalib.runs.asks.finetune)."""
        return self.runs(asks.finetune(self, split_seed, **changes))

    def small_run(self, split_seed: int, **changes) -> Run:
        """Return a fine-tuning on the six poses, with changes (yogalib.runs.asks.small)."""
        return self.runs(asks.small(self, split_seed, **changes))

    # what a notebook makes

    def answers(self, run: Run, model: str, of: "Study | None" = None):
        """Return what a run answered to test images (openers.Answers), for cells of the page to open.

        model : its name. of : the study whose images they are, if not this one.
        """
        from yogalib.results.openers import Answers  # scikit-learn and statsmodels: seconds

        study = of or self
        return self.handover.known(Answers(run, study.source, model, study.profile.report.pictures))

    def save_table(
        self, name: str, table: pd.DataFrame, caption: str, opens: dict | None = None, folded: bool = False
    ) -> None:
        """Save a table as tables/<name>.csv and show it under its caption, the paper's numbers in it where the paper has them.

        opens : what cells open by column, an opener a row (yogalib.results.openers.by_column). folded : shown by a click.
        """
        self.handover.table(name, table, caption, opens, folded)

    def save_figure(self, name: str, figure, caption: str, table: str = "") -> None:
        """Save a matplotlib figure as figures/<name>.svg and .png, and show it above its caption, or `table`, HTML, in its place."""
        self.handover.figure(name, figure, caption, table)

    def claim(self, name: str, ours: float, n: int, low: float | None = None, high: float | None = None) -> None:
        """Record a number that stands beside the paper's and in no table (`name` is its id in paper.yaml), in the paper's unit."""
        self.handover.claim(name, ours, n, low, high)

    def conclude(self, text: str) -> None:
        """Show what the notebook found, and keep it for its card on the report's first page."""
        self.handover.conclude(text)

    def finish(self) -> None:
        """Hand over what the notebook made: the last cell of each notebook."""
        self.handover.finish()
