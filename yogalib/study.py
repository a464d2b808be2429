"""Study: what a notebook opens first. It knows profile, folders, device and data, and saves what the notebook makes."""

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from yogalib.dataset.images import open_image
from yogalib.dataset.index import describe_dropped, refresh_index
from yogalib.dataset.pixels import decoded_file, to_pixels
from yogalib.dataset.splits import split_rows
from yogalib.dataset.subsets import select_subset
from yogalib.dataset.twins import twin_groups
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.paths import Paths, from_environment, write_whole
from yogalib.profile import Profile, read_profile
from yogalib.results.audit import twins_of
from yogalib.runs.experiments import Experiments


@dataclass(frozen=True)
class Study(Experiments):
    """One profile at work.

    Open it with ``Study.open("photos")``; in a notebook, end with ``study.finish()``, which hands over what was saved.
    """

    profile: Profile
    paths: Paths
    notebook: str = "interactive"
    pictures: Path | None = None  # a folder other than the profile's
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
        """The device and precision that the profile asks for (yogalib.models.device.Device)."""
        from yogalib.models.device import pick_device

        machine = self.profile.machine
        return pick_device(machine.device, self.profile.fine_tuning.precision, machine.threads)

    @cached_property
    def folder(self) -> Path:
        """The folder of the images: drawn on first use, or the profile's, or the one that DATA names."""
        if self.pictures is not None:
            return self.pictures
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

    def redrawn(self, seed: int, **changes) -> "Study":
        """Return the study of another drawn world; changes : keys of the profile's data.synthetic."""
        synthetic = self.profile.data.synthetic.model_copy(update={"seed": seed, **changes})
        data = self.profile.data.model_copy(update={"synthetic": synthetic})
        profile = self.profile.model_copy(update={"name": f"{self.profile.name}-drawn-{seed}", "data": data})
        return type(self)(profile, self.paths, self.notebook)

    def worlds(self) -> list["Study"]:
        """Return studies of the six poses of Subset II drawn anew, as many as the profile says; none for real pictures."""
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
        """Return the study of the pictures from elsewhere that section 5 judges both models on; None where there are none.

        Raises BadInput when VALIDATION or the profile names a folder that is not there.
        """
        setting = self.profile.validation_set
        given = from_environment("VALIDATION", setting.folder)
        if given:
            if not given.is_dir():
                raise BadInput(
                    f"VALIDATION={given} is not there: give another set's folder, one sub-folder per pose, such as YoPo"
                )
            profile = self.profile.model_copy(update={"name": f"{self.profile.name}-validation"})
            return replace(self, profile=profile, pictures=given)
        if setting.drawn is None:
            return None
        return self.redrawn(self.profile.data.synthetic.seed + 1000, images=setting.drawn, shifted=True)

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per file, with its status (yogalib.dataset.index)."""
        data = self.profile.data
        lists = None if self.pictures else from_environment("LISTS", data.lists)
        index = refresh_index(
            self.folder, data.minimum_side, lists, self.paths.data / self.profile.name / "index.parquet"
        )
        if not (index["status"] == "kept").any():
            raise BadInput(
                f"no usable image among the {len(index)} files of {self.folder}: {describe_dropped(index)}. Each sub-folder "
                f"must bear the name of one of the 82 poses (yogalib/facts/taxonomy.csv). All files: {self.dropped_list}"
            )
        return index

    @property
    def dropped_list(self) -> Path:
        """The CSV file of what was dropped and why."""
        return self.paths.data / self.profile.name / "dropped.csv"

    def subset(self, name: str) -> pd.DataFrame:
        """Return the kept rows of a subset: `all`, `subset_i` or `subset_ii`."""
        return select_subset(self.index, name, self.folder)

    def papers_subsets(self) -> list[str]:
        """Return which of the paper's two six-pose subsets can be had of these pictures."""
        found = []
        for name in ("subset_i", "subset_ii"):
            with suppress(BadInput):
                self.subset(name)
                found.append(name)
        return found

    def split(self, rows: pd.DataFrame, seed: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return training and test rows as the profile parts them; `seed` draws another random split."""
        split = self.profile.split
        seed = split.seed if seed is None else seed
        return split_rows(rows, split.method, split.test_share, seed, self.groups(rows))

    @cached_property
    def twins(self) -> pd.DataFrame:
        """Pairs of this study's pictures that are near-duplicates (yogalib.dataset.twins.find_twins)."""
        return twins_of(self)

    def groups(self, rows: pd.DataFrame) -> np.ndarray | None:
        """Return the numbers that twins share, (N,), where the profile keeps them on one side of a split; else None."""
        return twin_groups(rows, self.twins) if self.profile.split.twins == "one_side" else None

    def pixels(self, rows: pd.DataFrame, resolution: int) -> np.ndarray:
        """Return a copy of the rows' pictures, uint8 (N, R, R, 3), from the decoded cache."""
        file, places = self._decoded(rows, resolution, self.subset("all"))
        return np.load(file, mmap_mode="r")[places]

    def on_device(self, rows: pd.DataFrame, resolution: int, alone: bool = False):
        """Return the rows' pictures for a network (yogalib.models.resident.Pictures), without a copy.

        alone : decode these rows only, for an encoder that will be asked for no others.
        """
        import torch

        from yogalib.models.resident import Pictures, resident

        file, places = self._decoded(rows, resolution, rows if alone else self.subset("all"))
        cache = resident(file, self.device.torch)
        return Pictures(cache, torch.from_numpy(places).to(cache.device))

    def _decoded(self, rows: pd.DataFrame, resolution: int, kept: pd.DataFrame) -> tuple[Path, np.ndarray]:
        """Return the cache of the pictures `kept`, and the places of `rows` in it."""
        file = decoded_file(kept, self.folder, resolution, self.profile.data.fit, self.paths.data / "cache")
        return file, kept.index.get_indexer(rows.index)

    def thumbnails(self, rows: pd.DataFrame, side: int = 96) -> list[np.ndarray]:
        """Return a few rows' pictures for a figure, uint8 (side, side, 3) each."""
        return [to_pixels(open_image(self.folder / path), side, self.profile.data.fit) for path in rows["path"]]

    def save_table(self, name: str, table: pd.DataFrame, caption: str) -> None:
        """Save a table as tables/<name>.csv and show it under its caption."""
        from yogalib.results.show import show_table

        file = self.paths.build / "tables" / f"{name}.csv"
        write_whole(file, lambda path: table.to_csv(path, index=False))
        self._made["tables"][name] = caption
        show_table(name, table, caption)

    def save_figure(self, name: str, figure, caption: str) -> None:
        """Save a matplotlib figure as figures/<name>.svg and .png, and show it above its caption; .webp is for the pages."""
        from matplotlib.pyplot import close

        from yogalib.results.show import show_figure, write_figure

        for ending in (".svg", ".png", ".webp"):
            file = self.paths.build / "figures" / f"{name}{ending}"
            write_whole(file, lambda path: write_figure(figure, path))
        close(figure)
        self._made["figures"][name] = caption
        show_figure(name, self.paths.build / "figures" / f"{name}.webp", caption)

    def claim(self, name: str, ours: float, n: int, low: float | None = None, high: float | None = None) -> None:
        """Record a number that stands beside the paper's (`name` is its id in paper.yaml), in the paper's unit."""
        low, high = (None if bound is None or np.isnan(bound) else bound for bound in (low, high))
        self._made["claims"][name] = {"ours": ours, "low": low, "high": high, "n": int(n)}

    def finish(self) -> None:
        """Hand over what the notebook made: the last cell of each notebook, and the sign that it came to its end."""
        made = {key: value for key, value in self._made.items() if key != "start"}
        made |= {"notebook": self.notebook, "token": os.environ.get("YOGALIB_TOKEN", "")}
        made["seconds"] = round(time.time() - self._made["start"], 1)
        text = json.dumps(made, indent=2)
        write_whole(self.paths.build / f"{self.notebook}.json", lambda path: path.write_text(text, encoding="utf-8"))
