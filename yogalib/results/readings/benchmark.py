"""What notebook 07 shows of models of other kinds."""

import numpy as np
import pandas as pd

from yogalib.results.metrics import POWER, mcnemar_reach, paired_proportions
from yogalib.results.readings.small_runs import highest
from yogalib.results.readings.wording import CLEAR, many, no_contest, one_answer, p_words, points, share
from yogalib.results.show import number


def starts(encoder: str, model: str, bodies: dict[str, int], fit: str = "") -> str:
    """Say what both models know before their training. model : YOLO's file; a .yaml is a shape without weights. bodies : benchmark.bodies_seen.

    fit : how images become what CLIP sees.
    """
    known = {encoder: not encoder.endswith("-random"), model.split(".")[0]: not model.endswith(".yaml")}
    told = [f"{name} starts from {'pre-trained' if trained else 'random'} weights" for name, trained in known.items()]
    seen = [f"{name} on {count:,} drawn {'body' if count == 1 else 'bodies'}" for name, count in bodies.items()]
    before = f" ({' and '.join(seen)})" if seen else ""
    alike = len(set(known.values())) == 1 and len({bodies.get(name) for name in known}) == 1
    unequal = "" if alike else "; the comparison is therefore of pre-training as much as of networks"
    cut = (
        f" {encoder} sees squares cut to the person whom BlazePose finds, {told[1].split()[0]} whole images."
        if fit == "person"
        else ""
    )
    return f"{told[0]}, {told[1]}{before}{unequal}.{cut}"


def benchmark(table: pd.DataFrame, runs: dict) -> str:
    """Say which model leads at level 3 (tables.over_splits of the runs)."""
    return highest(table[table["level"] == "L3"].reset_index(drop=True), "model") + one_answer(runs)


def paired(runs: dict, p: float) -> str:
    """Say what the second of two models gains on the first on the same images. runs : by model. p : McNemar's exact test."""
    (first, ours), (second, theirs) = runs.items()
    difference, low, high = paired_proportions(theirs.hits, ours.hits)
    if unequal := no_contest(runs):
        return f"{second} less {first}: {points(difference)} points on {many(len(ours.hits), 'image')}. {unequal}"
    verdict = "they can't be told apart" if p >= CLEAR else f"{second if difference > 0 else first} is better"
    return (
        f"{second} less {first}: {points(difference)} points on {many(len(ours.hits), 'image')} (95 % interval of Bonett and Price "
        f"{points(low)} to {points(high)}), {p_words(p)} by McNemar's exact test: {verdict}. {reach(ours.hits, theirs.hits)}"
    )


def reach(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Say what difference two models' answers to the same images could have shown; right answers as bool (N,)."""
    least, apart = mcnemar_reach(ours, theirs), int((ours != theirs).sum())
    where = f"On {many(len(ours), 'image')}, of which one model alone names {apart} right,"
    if np.isnan(least):
        return f"{where} no difference would be found: they are too few."
    return f"{where} a true difference of {100 * least:.1f} points is found in {share(POWER, 0)} of such tests, a smaller one less often."


def cost(table: pd.DataFrame, runs: dict) -> str:
    """Say what training takes, to the best epoch and to equal accuracy (benchmark.training_table of two runs, by model)."""
    ours, theirs = table.to_dict("records")
    if not_learned := no_contest(runs):
        return f"{ours['model']} learned for {number(ours['seconds'])} s, {theirs['model']} for {number(theirs['seconds'])}. {not_learned}"
    return (
        f"{theirs['model']} takes {theirs['to_best'] / ours['seconds']:.2g} times as long to its best epoch, {theirs['best_epoch']}, as "
        f"{ours['model']} to its last ({number(theirs['to_best'])} and {number(ours['seconds'])} s), and "
        f"{theirs['to_equal'] / ours['to_equal']:.2g} times as long to equal accuracy."
    )


def inference(table: pd.DataFrame) -> str:
    """Say how inference times compare, prompts encoded each time and kept (benchmark.inference_table of two models)."""
    each, kept, theirs = table.to_dict("records")
    return (
        f"By the paper's definition {each['model']} takes {each['p50_ms'] / theirs['p50_ms']:.1f} times as long for an image as "
        f"{theirs['model']} ({number(each['p50_ms'])} and {number(theirs['p50_ms'])} ms, medians of {each['repeats']}), with its prompts kept "
        f"{kept['p50_ms'] / theirs['p50_ms']:.1f} times."
    )


def by_pose(table: pd.DataFrame, ours: str, theirs: str) -> str:
    """Say on how many poses each model is ahead (benchmark.class_differences)."""
    ahead = [int((table["difference"] > 0).sum()), int((table["difference"] < 0).sum())]
    few, ties = int((table["n"] < 10).sum()), len(table) - sum(ahead)
    text = f"{ours} is ahead on {ahead[0]} of {many(len(table), 'pose')}, {theirs} on {ahead[1]}; they are equal on {ties}."
    return f"{text} {few} of them have fewer than ten images, and their bars say little." if few else text


def alone(runs: dict) -> str:
    """Say how many images one model alone names right. runs : two by model, with hits."""
    (first, ours), (second, theirs) = ((model, run.hits) for model, run in runs.items())
    counts = [int(part.sum()) for part in (ours & theirs, ours & ~theirs, ~ours & theirs, ~ours & ~theirs)]
    return (
        f"Of {many(len(ours), 'image')} both name {counts[0]:,} right, {first} alone {counts[1]:,}, {second} alone {counts[2]:,}, neither "
        f"{counts[3]:,}."
    )


def road(table: pd.DataFrame) -> str:
    """Say whether the answer hangs on what a map marks (tables.map_scores, with columns model and method)."""
    told = []
    for row in table.to_dict("records"):
        verdict = "it does" if row["low"] > 0 else "it hangs on the rest" if row["high"] < 0 else "it can't be said"
        told.append(
            f"{row['model']}, {row['method']}: {number(row['mean'])} ({number(row['low'])} to {number(row['high'])}), {verdict}"
        )
    n = table["n"].iloc[0]
    return f"Does the answer hang on what the map marks? ROAD, mean of {many(n, 'image')} with 95 % t-interval: {'; '.join(told)}."
