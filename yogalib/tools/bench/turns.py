"""Paths that do the same work, measured in turns, and the table of their ratios."""

import gc
import json
import os
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from yogalib.models.meter import Meter
from yogalib.paths import write_whole
from yogalib.runs.store import machine

UNITS = (("h", 1 / 3600, 3600), ("min", 1 / 60, 60), ("s", 1, 1), ("ms", 1000, 0))


@dataclass(frozen=True)
class Row:
    """One line of the table. values : naive, open_clip, ours to what each repeat took, in `unit` (s, GB, %).

    pictures : seen in one repeat. note : what a value was scaled from, where the whole was not run.
    """

    what: str
    encoder: str
    values: dict[str, list[float]]
    pictures: int | None = None
    unit: str = "s"
    note: str = ""

    def ratio(self, other: str) -> float | None:
        """Return by how much ours is better than another path, by the medians; None where either was not measured."""
        theirs, ours = (statistics.median(self.values.get(path, [0])) for path in (other, "ours"))
        if not (theirs and ours):
            return None
        return ours / theirs if self.unit == "%" else theirs / ours


def take_turns(paths: dict[str, Callable[[], object]], repeats: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Return the seconds of each repeat of each path, after some that are not counted."""
    taken = {name: [] for name in paths}
    for _ in range(warm_up + repeats):
        for name, work in paths.items():
            start = time.perf_counter()
            work()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken[name].append(time.perf_counter() - start)
    return {name: seconds[warm_up:] for name, seconds in taken.items()}


def peak(work: Callable[[], object], tries: int = 3) -> float:
    """Return by how many GB memory grows at most while something is done; NaN where the machine does not tell.

    Without a GPU this is of the process's resident memory. The kernel may take pages of libraries back between two readings, which hides
    as much of the growth; so the largest of a few tries is returned.
    """
    return max(_growth(work) for _ in range(tries))


def _growth(work: Callable[[], object]) -> float:
    gc.collect()  # garbage that goes while the work is done would hide what it takes
    before, meter = Meter().read()["peak_memory"], Meter()
    work()
    return np.nan if before is None else (meter.read()["peak_memory"] - before) / 1e9


def table(rows: list[Row]) -> list[str]:
    """Return the rows as lines: medians, lowest and highest in brackets, ours' pictures a second, and ratios."""
    lines = [
        f"{'what':<45}{'encoder':<14}{'naive':>25}{'open_clip':>25}{'ours':>25}{'images/s':>10}{'ratio':>8}{'to peer':>9}"
    ]
    for row in rows:
        cells = [_cell(row.values.get(path), row.unit) for path in ("naive", "open_clip", "ours")]
        flow = "-" if row.pictures is None else f"{row.pictures / statistics.median(row.values['ours']):,.0f}"
        ratios = ["-" if ratio is None else f"{ratio:.1f}x" for ratio in map(row.ratio, ("naive", "open_clip"))]
        values = "".join(f"{cell:>25}" for cell in cells)
        lines.append(
            f"{row.what:<45}{row.encoder:<14}{values}{flow:>10}{ratios[0]:>8}{ratios[1]:>9}  {row.note}".rstrip()
        )
    return lines


def _cell(values: list[float] | None, unit: str) -> str:
    if values is None:
        return "-"
    middle = statistics.median(values)
    if unit == "s":
        unit, factor = next((name, factor) for name, factor, least in UNITS if middle >= least)
        values, middle = [factor * value for value in values], factor * middle
    spread = f" ({min(values):.3g}-{max(values):.3g})" if len(values) > 1 else ""
    return f"{middle:.3g}{spread} {unit}"


def keep(rows: list[Row], processor: str, folder: Path) -> Path:
    """Write the rows as <processor>-<cores>-<date>.json, each repeat, and .csv, the medians; return the former."""
    about = {"processor": processor, "cores": os.cpu_count(), "date": str(date.today()), **machine()}
    name = re.sub(r"[^a-z0-9]+", "-", f"{processor} {os.cpu_count()} cores {about['date']}".lower())
    file = folder / f"{name}.json"
    text = json.dumps(about | {"rows": [asdict(row) for row in rows]}, indent=1)
    write_whole(file, lambda path: path.write_text(text, encoding="utf-8"))
    medians = [
        {"what": row.what.strip(), "encoder": row.encoder, "unit": row.unit}
        | {path: statistics.median(values) for path, values in row.values.items()}
        | {"ratio": row.ratio("naive"), "ratio_to_open_clip": row.ratio("open_clip"), "note": row.note}
        for row in rows
    ]
    write_whole(file.with_suffix(".csv"), lambda path: pd.DataFrame(medians).to_csv(path, index=False))
    return file
