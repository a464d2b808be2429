"""What a notebook hands over to the report: its tables, figures and claims."""

import json
import os
import time
from pathlib import Path

import pandas as pd

from yogalib.paths import write_whole
from yogalib.results.claims import claims_of, measured


class Handover:
    """Takes what a notebook makes, shows it, keeps it in `build`, and hands it over with `finish`."""

    def __init__(self, build: Path, notebook: str):
        self.build, self.notebook, self.start = build, notebook, time.time()
        self.claims, self.tables, self.figures = {}, {}, {}

    def table(self, name: str, table: pd.DataFrame, caption: str) -> None:
        """Save a table as tables/<name>.csv, show it under its caption, and record what it says beside the paper's numbers."""
        from yogalib.results.show import show_table  # IPython: a second

        file = self.build / "tables" / f"{name}.csv"
        write_whole(file, lambda path: table.to_csv(path, index=False))
        self.tables[name] = caption
        self.claims |= claims_of(name, table)
        show_table(name, table, caption)

    def figure(self, name: str, figure, caption: str) -> None:
        """Save a matplotlib figure as figures/<name>.svg and .png, and show it above its caption; .webp is for the pages."""
        from matplotlib.pyplot import close  # matplotlib and IPython: seconds

        from yogalib.results.show import show_figure, write_figure

        for ending in (".svg", ".png", ".webp"):
            file = self.build / "figures" / f"{name}{ending}"
            write_whole(file, lambda path: write_figure(figure, path))
        close(figure)
        self.figures[name] = caption
        show_figure(name, self.build / "figures" / f"{name}.webp", caption)

    def claim(self, name: str, ours: float, n: int, low: float | None = None, high: float | None = None) -> None:
        """Record a number that stands beside the paper's and in no table (`name` is its id in paper.yaml), in the paper's unit."""
        self.claims[name] = measured(ours, n, low, high)

    def finish(self) -> None:
        """Hand over what the notebook made: the last cell of each notebook, and the sign that it came to its end."""
        made = {"claims": self.claims, "tables": self.tables, "figures": self.figures, "notebook": self.notebook}
        made |= {"token": os.environ.get("YOGALIB_TOKEN", ""), "seconds": round(time.time() - self.start, 1)}
        text = json.dumps(made, indent=2)
        write_whole(self.build / f"{self.notebook}.json", lambda path: path.write_text(text, encoding="utf-8"))
