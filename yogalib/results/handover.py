"""What a notebook hands over to the report: its tables, figures and claims."""

import json
import os
import time
from functools import partial
from pathlib import Path

import pandas as pd

from yogalib.paths import write_whole
from yogalib.results.claims import claims_of, measured


class Handover:
    """Takes what a notebook makes, shows it, keeps it in `build`, and hands it over with `finish`."""

    def __init__(self, build: Path, notebook: str):
        self.build, self.notebook, self.start = build, notebook, time.time()
        self.claims, self.tables, self.figures, self.answers, self.conclusion = {}, {}, {}, {}, ""

    def table(
        self, name: str, table: pd.DataFrame, caption: str, opens: dict | None = None, folded: bool = False
    ) -> None:
        """Save a table as tables/<name>.csv, show it beside the paper's numbers, and record what it says beside them.

        opens : what cells open by column (openers.by_column). folded : on the page the table opens by a click.
        """
        from yogalib.results.beside import beside, headed, papers_n
        from yogalib.results.show import show, table_figure  # IPython: a second

        file = self.build / "tables" / f"{name}.csv"
        write_whole(file, lambda path: table.to_csv(path, index=False))
        self.tables[name] = caption
        self.claims |= claims_of(name, table)
        words = beside(name, table)
        show(table_figure(name, words, caption + papers_n(name), folded, headed(name, table, words, opens)))

    def figure(self, name: str, figure, caption: str, table: str = "") -> None:
        """Save a matplotlib figure as figures/<name>.svg and .png, and show it above its caption; .webp is for the pages.

        table : HTML that is shown in its place, for what says more as a table.
        """
        from matplotlib.pyplot import close  # matplotlib and IPython: seconds

        from yogalib.results.show import figure_files, framed, show, show_figure

        for ending, content in figure_files(figure).items():
            write_whole(self.build / "figures" / f"{name}{ending}", partial(Path.write_bytes, data=content))
        close(figure)
        self.figures[name] = caption
        if table:
            show(framed(name, table, caption))
        else:
            show_figure(name, self.build / "figures" / f"{name}.webp", caption)

    def known(self, answers):
        """Return answers (openers.Answers) that cells of this page open; the page holds them from its end on."""
        self.answers[answers.run.folder.name] = answers
        return answers

    def claim(self, name: str, ours: float, n: int, low: float | None = None, high: float | None = None) -> None:
        """Record a number that stands beside the paper's and in no table (`name` is its id in paper.yaml), in the paper's unit."""
        self.claims[name] = measured(ours, n, low, high)

    def conclude(self, text: str) -> None:
        """Show what the notebook found, and keep it for its card on the report's first page."""
        from IPython.display import Markdown, display  # a second

        self.conclusion = text
        display(Markdown(text))

    def finish(self) -> None:
        """Hand over what the notebook made: the last cell of each notebook, and the sign that it came to its end."""
        if self.answers:
            from yogalib.results.openers import embedded  # with IPython, a second
            from yogalib.results.show import show

            show(embedded(self.answers.values()))
        made = {"claims": self.claims, "tables": self.tables, "figures": self.figures, "notebook": self.notebook}
        made |= {
            "conclusion": self.conclusion,
            "token": os.environ.get("YOGALIB_TOKEN", ""),
            "seconds": round(time.time() - self.start, 1),
        }
        text = json.dumps(made, indent=2)
        write_whole(self.build / f"{self.notebook}.json", lambda path: path.write_text(text, encoding="utf-8"))
