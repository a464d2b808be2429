"""Tables of the paper, computed from the index and from stored predictions."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from yogalib.facts.paper import load_paper
from yogalib.facts.prompts import class_names
from yogalib.facts.taxonomy import load_taxonomy, parents, superclass_names
from yogalib.profile import Prompt
from yogalib.results.metrics import (
    at_level,
    calibration_error,
    collapsed,
    largest_share,
    learned,
    mcnemar_p,
    mean_interval,
    paired_difference,
    resampled_reach,
    resampled_scores,
    small_draws,
    top_k,
    variance_components,
    weighted_scores,
    wilson,
)
from yogalib.runs.store import Run

APPENDIX_A = ("Standing", "Balancing", "Reclining", "Inverted", "Sitting", "Wheel")  # Tables A1 to A6
PRINTED_B = ("Reclining", "Sitting")  # the superclasses whose matrices the paper prints, Figs. A1 and A2


def averaged(count: int, what: str = "random splits") -> str:
    """Return the words of a caption for figures that are means over splits, seeds or draws."""
    kind = "t-interval" if what == "worlds" else "corrected t-interval"  # worlds share no image
    return "one run" if count == 1 else f"mean of {count} {what} with 95 % {kind}"


def _over(scores: list[float], test_share: float) -> tuple[float, float, float, float]:
    """Return metrics.mean_interval of shares: no bound lies beyond none or all."""
    mean, sd, low, high = mean_interval(scores, test_share)
    return mean, sd, *np.clip([low, high], 0, 1)


def status_counts(index: pd.DataFrame) -> pd.DataFrame:
    """Return files by status, kept first, with an example of each. Columns: status, files, example, detail."""
    groups = index.groupby("status").agg(files=("path", "size"), example=("path", "first"), detail=("detail", "first"))
    return (
        groups.sort_values("files", ascending=False)
        .sort_index(key=lambda status: status != "kept", kind="stable")
        .reset_index()
    )


def superclass_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return pictures per superclass at levels 1 and 2 (Fig. 1). Columns: level, superclass, images; empty ones left out."""
    parts = []
    for level in (1, 2):
        images = np.bincount(parents(level)[rows["class"]], minlength=len(superclass_names(level)))
        parts.append(pd.DataFrame({"level": level, "superclass": superclass_names(level), "images": images}))
    table = pd.concat(parts)
    return table[table["images"] > 0].reset_index(drop=True)


def class_counts(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield Tables A1 to A6: the table's name, its superclass, and pictures per pose beside the paper's count."""
    taxonomy, paper = load_taxonomy(), load_paper()["class_counts"]
    taxonomy["ours"] = taxonomy["class"].map(rows["class"].value_counts()).fillna(0).astype(int)
    taxonomy["paper"] = taxonomy["sanskrit"].map(paper)
    for number, superclass in enumerate(APPENDIX_A, start=1):
        part = taxonomy[taxonomy["l1_name"] == superclass].sort_values(["l2", "class"])
        if part["ours"].any():
            yield f"table_a{number}", superclass, part[["l2_name", "sanskrit", "english", "paper", "ours"]]


def pose_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return Tables A1 to A6 in one."""
    return pd.concat([table for _, _, table in class_counts(rows)], ignore_index=True)


def data_claims(rows: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, subsets: dict) -> dict[str, tuple]:
    """Return what section 3.1 counts, by its ids in paper.yaml: the count, and n. rows : kept; subsets : rows by subset's name."""
    sizes = rows["class"].value_counts()
    counts = {"images": len(rows), "train_images": len(train), "test_images": len(test)}
    counts |= {"mean_class": sizes.mean(), "largest_class": sizes.max(), "smallest_class": sizes.min()}
    counts |= {f"{name}_images": len(part) for name, part in subsets.items()}
    return {f"section_3_1.{name}": (float(count), len(rows)) for name, count in counts.items()}


def split_counts(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return pictures per class in both parts, as the paper's Tables 2 and 3. Columns: pose, train, test; a sum at the end."""
    counts = pd.DataFrame({"train": train["class"].value_counts(), "test": test["class"].value_counts()}).sort_index()
    counts.insert(0, "pose", class_names(counts.index))
    counts.loc[-1] = ["all", counts["train"].sum(), counts["test"].sum()]
    return counts


def subset_counts(name: str, train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return Table 2 (`subset_i`) or 3 (`subset_ii`), the paper's counts beside ours. Columns: pose, train, test, paper_train, paper_test."""
    counts = split_counts(train, test)
    paper = load_paper()["subset_counts"][name]
    paper |= {"all": [sum(part) for part in zip(*paper.values(), strict=True)]}
    return counts.assign(
        **{f"paper_{part}": [paper[pose][i] for pose in counts["pose"]] for i, part in enumerate(("train", "test"))}
    )


def subset_tables(parts: dict[str, tuple[pd.DataFrame, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Return Tables 2 and 3, as far as there are the subsets. parts : training and test rows, by the subset's name."""
    return {name: subset_counts(name, *rows) for name, rows in parts.items()}


def subset_examples(subset_i: pd.DataFrame, subset_ii: pd.DataFrame, pose: str, each: int = 4) -> pd.DataFrame:
    """Return pictures of a pose, first those that were not picked for Subset II, then those that were (Fig. 2). Columns: path, title."""
    number = load_taxonomy().set_index("sanskrit")["class"][pose]
    left = subset_i[(subset_i["class"] == number) & ~subset_i["path"].isin(subset_ii["path"])].head(each)
    picked = subset_ii[subset_ii["class"] == number].head(each)
    return pd.concat([left.assign(title="Subset I"), picked.assign(title="Subset II")])[["path", "title"]]


def zero_shot_accuracy(runs: dict[str, Run]) -> pd.DataFrame:
    """Return Table 4 with intervals. Columns: encoder, accuracy, low, high, n, and the accuracy of the commonest class."""
    rows = []
    for name, run in runs.items():
        hit = run.hits
        rows.append((name, hit.mean(), *wilson(hit.sum(), len(hit)), len(hit), largest_share(run.labels)))
    return pd.DataFrame(rows, columns=["encoder", "accuracy", "low", "high", "n", "commonest_class"])


def draw_ranks(runs: dict[str, Run], size: int) -> pd.DataFrame:
    """Return what Table 4 would say if it were measured on `size` pictures such as these, drawn 1,000 times.

    Columns: encoder, accuracy (on all pictures), low, high (the middle 95 % of the draws), best (share of the draws in which no other
    encoder is better), lowest_rank, highest_rank (the middle 95 %; ties share the better rank).
    """
    hits = np.stack([run.hits for run in runs.values()])
    drawn = small_draws(hits, size)
    ranks = 1 + (drawn[:, None, :] > drawn[:, :, None]).sum(axis=2)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    first, last = np.quantile(ranks, [0.025, 0.975], axis=0, method="nearest")
    columns = {"accuracy": hits.mean(axis=1), "low": low, "high": high, "best": (ranks == 1).mean(axis=0)}
    return pd.DataFrame({"encoder": list(runs)} | columns | {"highest_rank": first, "lowest_rank": last})


def commonest_share(run: Run) -> float:
    """Return the share of the largest class among a run's test images: what one answer to everything would get."""
    return largest_share(run.labels)


def prompt_accuracy(runs: dict[tuple[str, str], Run]) -> pd.DataFrame:
    """Return zero-shot accuracy by encoder and words. Keys of runs: encoder and kind of name. Columns as zero_shot_accuracy."""
    tables = [zero_shot_accuracy({encoder: run}).assign(words=words) for (encoder, words), run in runs.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["encoder", "words", *table.columns.drop(["encoder", "words"])]]


def over_splits(runs: dict[str, list[Run]], test_share: float) -> pd.DataFrame:
    """Return Table 9 for one or more models: top-1 at each level over random splits.

    runs : model to one run per split. test_share : of each split, which corrects the interval (metrics.mean_interval). Columns: model,
    level, mean, sd, low, high (empty for one split), splits, collapsed (splits in which the model gives one answer to everything), n
    (test pictures of one split).
    """
    rows = []
    for model, group in runs.items():
        for level in (1, 2, 3):
            scores = [
                top_k(*at_level(run.probabilities, run.labels, run.classes, level)[:2], 1).mean() for run in group
            ]
            fallen = sum(collapsed(run.predicted) for run in group)
            rows.append((model, f"L{level}", *_over(scores, test_share), len(group), fallen, len(group[0].labels)))
    return pd.DataFrame(rows, columns=["model", "level", "mean", "sd", "low", "high", "splits", "collapsed", "n"])


def small_table(runs: dict[tuple, list[Run]], columns: list[str], test_share: float) -> pd.DataFrame:
    """Return top-1 over random splits for each setting: Tables 5, 6, 7 and 11.

    runs : setting (a tuple, one value per name in `columns`) to one run per split. test_share : of each split, which corrects the interval
    (metrics.mean_interval); 0 for runs that share no image. Further columns: mean, sd, low, high, splits, collapsed (splits in which the model gives one answer to everything), n (test pictures of one split).
    """
    rows = []
    for setting, group in runs.items():
        scores = [run.hits.mean() for run in group]
        fallen = sum(collapsed(run.predicted) for run in group)
        rows.append((*setting, *_over(scores, test_share), len(group), fallen, len(group[0].labels)))
    return pd.DataFrame(rows, columns=[*columns, "mean", "sd", "low", "high", "splits", "collapsed", "n"])


def syntax_table(runs: dict[str, list[Run]], syntaxes: dict[str, Prompt], test_share: float) -> pd.DataFrame:
    """Return Table 5. Columns: syntax, prompt, and those of small_table."""
    table = small_table({(name,): group for name, group in runs.items()}, ["syntax"], test_share)
    table.insert(1, "prompt", [f"{syntaxes[name].template} ({syntaxes[name].names})" for name in runs])
    return table


def frugality_table(runs: dict, asked: dict, test_share: float) -> pd.DataFrame:
    """Return Table 11. runs, asked : by training images per class, of questions.frugality.

    Columns: per_class (`all` the last), images (trained on, of the first split), epochs (likewise), and those of small_table.
    """
    table = small_table({(size,): group for size, group in runs.items()}, ["per_class"], test_share)
    first = [group[0] for group in asked.values()]
    table.insert(1, "images", [len(ask.train) for ask in first])
    table.insert(2, "epochs", [ask.settings.epochs for ask in first])
    return table


Pair = tuple[float, float]  # learning rate and weight decay, as the paper has them


def pairs_by_choice(
    grid: dict[Pair, list[Run]], validation: dict[Pair, list[Run]], own: list[Run]
) -> tuple[dict[tuple[str], list[Run]], list[Pair]]:
    """Return the runs of three ways to come to a pair, a run a split, by way, and the pair that each validation part chose.

    grid, validation : runs by pair, judged on the test and on the validation part. own : runs of the profile's pair.
    """
    best = grid_table(grid, 1, 0).set_index(["paper_rate", "weight_decay"])["mean"].idxmax()
    right = {pair: [run.hits.mean() for run in group] for pair, group in validation.items()}
    chosen = [max(right, key=lambda pair: right[pair][split]) for split in range(len(own))]
    ways = {
        "the paper's: best printed": grid[best],
        "chosen on a validation part": [grid[pair][split] for split, pair in enumerate(chosen)],
        "the profile's own pair, not chosen": own,
    }
    return {(way,): runs for way, runs in ways.items()}, chosen


def grid_table(runs: dict[tuple[float, float], list[Run]], rate_scale: float, test_share: float) -> pd.DataFrame:
    """Return Table 6 or 7. runs : the paper's learning rate and weight decay to one run per split.

    Columns: learning_rate (the paper's times `rate_scale`), paper_rate, weight_decay, and those of small_table.
    """
    table = small_table(runs, ["paper_rate", "weight_decay"], test_share)
    table = table.sort_values(["paper_rate", "weight_decay"], ignore_index=True)
    table.insert(0, "learning_rate", rate_scale * table["paper_rate"])
    return table


def grid_tables(
    grid: dict[str, dict[Pair, list[Run]]], rate_scale: float, test_share: float
) -> dict[str, pd.DataFrame]:
    """Return grid_table of each subset of a grid, by subset."""
    return {subset: grid_table(runs, rate_scale, test_share) for subset, runs in grid.items()}


def against(runs: dict[str, Run], reference: str) -> pd.DataFrame:
    """Compare models on one and the same test part.

    Columns: setting, accuracy, low, high (Wilson), n, p (McNemar's exact test against the reference; empty for itself, and where
    one of the two learned nothing), calibration_error.
    """
    rows = []
    for name, run in runs.items():
        hit = run.hits
        fair = name != reference and all(learned(each.predicted, each.labels) for each in (run, runs[reference]))
        p = mcnemar_p(hit, runs[reference].hits) if fair else np.nan
        error = calibration_error(run.probabilities, run.labels)
        rows.append((name, hit.mean(), *wilson(hit.sum(), len(hit)), len(hit), p, error))
    return pd.DataFrame(rows, columns=["setting", "accuracy", "low", "high", "n", "p", "calibration_error"])


def compared(runs: dict[str, list[Run]], reference: str, test_share: float) -> pd.DataFrame:
    """Compare each setting with the reference, split by split (metrics.paired_difference).

    Columns: setting, difference, low, high, p, reach (the smallest difference found in POWER of the cases); the reference itself is left out.
    """
    scores = {name: [run.hits.mean() for run in group] for name, group in runs.items()}
    rows = []
    for name, values in scores.items():
        if name != reference:
            difference, low, high, p = paired_difference(values, scores[reference], test_share)
            rows.append((name, difference, low, high, p, resampled_reach((high - low) / 2, len(values))))
    return pd.DataFrame(rows, columns=["setting", "difference", "low", "high", "p", "reach"])


def seed_table(runs: list[list[Run]]) -> pd.DataFrame:
    """Return what of the spread of top-1 is the split's and what the training seed's. runs : a list a split, a run a seed.

    Columns: those of metrics.variance_components, splits, seeds (of each split), n (images of a test part).
    """
    table = variance_components(np.array([[run.hits.mean() for run in group] for group in runs]))
    return table.assign(splits=len(runs), seeds=len(runs[0]), n=len(runs[0][0].hits))


def map_scores(scores: dict[tuple[str, str], dict[str, np.ndarray]]) -> pd.DataFrame:
    """Return how good activation maps are. scores : (encoder, channels) to measure to one value per picture, (N,).

    Columns: encoder, channels, measure, mean, low, high (t-interval over the pictures), n.
    """
    rows = []
    for setting, measures in scores.items():
        for measure, values in measures.items():
            mean, _, low, high = mean_interval(values)
            rows.append((*setting, measure, mean, low, high, len(values)))
    return pd.DataFrame(rows, columns=["encoder", "channels", "measure", "mean", "low", "high", "n"])


def tuning_claims(run: Run) -> dict[str, tuple]:
    """Return what the text of section 4.2 says and no table does, by its ids in paper.yaml: percent, n and Wilson interval."""
    n, first, last = len(run.labels), run.history["top1"].iloc[0], run.hits.mean()
    said = {"figure_05.epoch1_top1": first, "section_4_2.l3_top1": last}  # the latter to two places
    bounds = {name: wilson(round(top1 * n), n) for name, top1 in said.items()}
    return {name: (100 * top1, n, *(100 * bound for bound in bounds[name])) for name, top1 in said.items()}


def weighted_table(run: Run, resamples: int = 1000) -> pd.DataFrame:
    """Return Table 10 with percentile-bootstrap 95 % intervals over the test images. Columns: metric, value, low, high, n.

    Images are drawn anew within each class: a plain bootstrap loses classes of one or two, and precision counts for them no more, which
    lifts it by two points.
    """
    scores = weighted_scores(run.predicted, run.labels)
    n, rng = scores.pop("support"), np.random.default_rng(0)
    by_class = np.argsort(run.labels, kind="stable")
    sizes = np.bincount(run.labels)[run.labels[by_class]]
    first = np.searchsorted(run.labels[by_class], run.labels[by_class])
    drawn = by_class[first + (rng.random((resamples, n)) * sizes).astype(int)]
    low, high = np.quantile(resampled_scores(run.predicted[drawn], run.labels[drawn]), [0.025, 0.975], axis=0)
    rows = zip(scores, scores.values(), low, high, strict=True)
    return pd.DataFrame([(*row, n) for row in rows], columns=["metric", "value", "low", "high", "n"])
