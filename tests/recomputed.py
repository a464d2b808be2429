"""Tables 4 to 11 of the smoke profile, computed once more from the stored answers alone: pandas and statsmodels, nothing of yogalib.

What a run is of is read from its config.json; the settings from smoke.yaml, names and levels from taxonomy.csv.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.stats import t
from statsmodels.stats.proportion import proportion_confint

HERE = Path(__file__).parents[1] / "yogalib"


class Recomputed:
    """The finished runs of a home folder, as data frames.

    home : the folder in which the smoke profile was reproduced, with data and runs.
    """

    def __init__(self, home: Path):
        self.profile = yaml.safe_load((HERE / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
        self.poses = pd.read_csv(HERE / "facts" / "taxonomy.csv", index_col="class")
        ours = set(pd.read_parquet(home / "data" / "smoke" / "index.parquet")["sha256"])
        self.runs = []
        for file in sorted((home / "runs").glob("*/predictions.parquet")):
            if file.parent.is_symlink():  # `last` is one of the others
                continue
            told = json.loads((file.parent / "config.json").read_text(encoding="utf-8"))
            answers = pd.read_parquet(file)
            if set(answers["sha256"]) <= ours:
                self.runs.append(told | {"answers": answers, "poses": len(told["classes"])})

    def asked(self, **wanted) -> list[dict]:
        """The runs whose configuration has these values; `settings__x` looks into the settings."""

        def has(run: dict, key: str, value) -> bool:
            for part in key.split("__"):
                run = (run or {}).get(part)
            return run == value

        return [run for run in self.runs if all(has(run, *each) for each in wanted.items())]

    def prompts(self, run: dict, template: str, names: str) -> bool:
        """Whether a run's prompts are those of a template with these names."""
        classes = run["classes"]
        called = classes if names == "number" else self.poses.loc[classes, names]
        return run["prompts"] == [template.replace("<category>", str(name)) for name in called]


def shares(answers: pd.DataFrame) -> pd.DataFrame:
    """The probabilities, a column a class, by the number of the class."""
    columns = [column for column in answers if column.startswith("p_")]
    return answers[columns].rename(columns=lambda column: int(column[2:]))


def accuracy(run: dict, levels: pd.Series | None = None, k: int = 1) -> float:
    """The share of answers with the right class, or group of classes, among the first k."""
    told, right = shares(run["answers"]), run["answers"]["class"]
    if levels is not None:
        told, right = told.T.groupby(levels.loc[told.columns].to_numpy()).sum().T, right.map(levels)
    ranks = told.rank(axis=1, ascending=False, method="first")
    return float(np.mean([ranks.loc[row, group] <= k for row, group in right.items()]))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval."""
    return proportion_confint(round(share * n), n, method="wilson")


def over_splits(values: list[float], test_share: float) -> tuple[float, float, float, float]:
    """Mean, deviation and the interval of Nadeau and Bengio (2003), within 0 to 1."""
    mean, sd, splits = np.mean(values), np.std(values, ddof=1), len(values)
    half = t.ppf(0.975, splits - 1) * sd * np.sqrt(1 / splits + test_share / (1 - test_share))
    return mean, sd, max(mean - half, 0), min(mean + half, 1)


def weighted(run: dict) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 averaged by the classes' sizes."""
    right, told = run["answers"]["class"], shares(run["answers"]).idxmax(axis=1)
    table = pd.crosstab(right, told).reindex(columns=sorted(right.unique()), fill_value=0).sort_index()
    hits = pd.Series(np.diag(table), index=table.index)
    sizes, named = table.sum(axis=1), told.value_counts().reindex(table.index, fill_value=0)
    precision, recall = (hits / named).fillna(0), hits / sizes
    f1 = (2 * precision * recall / (precision + recall)).fillna(0)
    means = {
        name: (values * sizes).sum() / sizes.sum()
        for name, values in (("precision", precision), ("recall", recall), ("f1", f1))
    }
    return {"accuracy": hits.sum() / sizes.sum()} | means
