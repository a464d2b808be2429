"""What a table or figure shows, in a sentence or two made of its numbers: with other numbers it says something else.

Each function takes what is shown and returns Markdown. An accuracy is given with its n, its 95 % interval and the interval's kind.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd

from yogalib.facts.taxonomy import parents
from yogalib.results.metrics import mean_interval, paired_proportions, wilson
from yogalib.results.show import number, p_value, plain

CLEAR = 0.05  # a p-value below it is called a difference
ONE_ANSWER = 0.9  # share of the images: a model that names one pose for more of them is called out

# how numbers become words


def _share(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def _points(difference: float) -> str:
    """Return a difference of shares with its sign; nothing rounds to −0."""
    points = round(100 * difference, 1)
    return f"{'+' if points > 0 else '−' if points < 0 else ''}{abs(points):.1f}"


def _bounds(row: dict) -> str:
    return f"{100 * row['low']:.1f} to {100 * row['high']:.1f}".replace("-", "−")  # a t-interval may reach below zero


def _rate(value: float) -> str:
    """Return a learning rate or weight decay as 3e-5 or 1.5e-4, all in one way."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _p(value: float) -> str:
    return f"p {text}" if "<" in (text := p_value(value)) else f"p = {text}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _subset(name: str) -> str:
    return "all poses" if name == "all" else plain(name)


def _extremes(table: pd.DataFrame, by: str) -> tuple[dict, dict]:
    """Return the rows with the most and with the least of a column."""
    rows = table.to_dict("records")
    return rows[table[by].argmax()], rows[table[by].argmin()]


def _accuracy(row: dict) -> str:
    """Return an accuracy on one test part. row : accuracy, n, and its bounds where they are known."""
    if "low" not in row:
        row = row | dict(zip(("low", "high"), wilson(round(row["accuracy"] * row["n"]), row["n"]), strict=True))
    return f"{_share(row['accuracy'])} of {_many(row['n'], 'image')} (95 % Wilson interval {_bounds(row)})"


def _mean(row: dict, of: str = "split") -> str:
    """Return a mean over splits or the like; of one alone, the accuracy on its test part."""
    count, n = row[f"{of}s"], row["n"]
    if count == 1:
        return f"{_accuracy({'accuracy': row['mean'], 'n': n})}, one {of}"
    spread = f"95 % t-interval over {count} {of}s {_bounds(row)}" if row["sd"] > 0 else f"the same in {count} {of}s"
    return f"{_share(row['mean'])} ({spread}; n = {n} each)"


def _overlap(one: dict, other: dict) -> str:
    """Return whether two intervals overlap, as the end of a sentence; nothing where there is none to speak of."""
    if not all(row["high"] > row["low"] for row in (one, other)):
        return "."
    apart = one["low"] > other["high"] or other["low"] > one["high"]
    return "; their intervals do not overlap." if apart else "; their intervals overlap."


def _one_answer(runs: dict) -> str:
    """Return a sentence for each model that names one pose (nearly) whatever it sees. runs : a run, or one a split, by model."""
    text = ""
    for model, each in runs.items():
        group = each if isinstance(each, list) else [each]
        shares = [np.bincount(run.predicted).max() / len(run.predicted) for run in group]
        fallen = [share for share in shares if share >= ONE_ANSWER]
        if fallen:
            splits = f", in {len(fallen)} of {_many(len(group), 'split')}" if len(group) > 1 else ""
            text += f" **{model} gives one answer to {_share(min(fallen), 0)} of the images{splits}: it can't tell the poses apart.**"
    return text


# 01: the data set


def files(table: pd.DataFrame) -> str:
    """Say what became of the files (tables.status_counts)."""
    dropped, total = table[table["status"] != "kept"], table["files"].sum()
    if dropped.empty:
        return f"All {_many(total, 'file')} are images of known poses, and all were kept."
    why = _listed(f"{row.files:,} as “{row.status.replace('_', ' ')}”" for row in dropped.itertuples())
    lost = dropped["files"].sum()
    return f"Of {_many(total, 'file')} {lost:,} ({_share(lost / total)}) were dropped: {why}."


def superclasses(counts: pd.DataFrame) -> str:
    """Say which superclass is the largest at each level, and which the smallest (tables.superclass_counts)."""
    told = []
    for level, part in counts.groupby("level"):
        most, least = _extremes(part, "images")
        shares = [_share(row["images"] / part["images"].sum(), 0) for row in (most, least)]
        rest = f", “{least['superclass']}” {shares[1]}" if least["images"] < most["images"] else ", and none has fewer"
        told.append(f"at level {level} “{most['superclass']}” has {shares[0]} of the images{rest}")
    return f"Most and least: {'; '.join(told)}."


def poses(table: pd.DataFrame) -> str:
    """Say how unequal the classes are, and whether they are ordered as the paper's (tables.pose_counts)."""
    here = table[table["ours"] > 0]
    most, least = _extremes(here, "ours")
    if most["ours"] == least["ours"]:
        return f"Each of {_many(len(here), 'pose')} has {_many(most['ours'], 'image')}."
    text = (
        f"Of {_many(len(here), 'pose')} {most['sanskrit']} has the most images, {most['ours']:,}, and {least['sanskrit']} the "
        f"fewest, {least['ours']:,}: a ratio of {most['ours'] / least['ours']:.3g}. In the paper the same poses have "
        f"{here['paper'].min():,.0f} to {here['paper'].max():,.0f}."
    )
    order = here["ours"].rank().corr(here["paper"].rank()) if here["ours"].nunique() > 2 else np.nan
    if pd.isna(order):
        return text
    like = "much as" if order > 0.7 else "only partly as" if order > 0.3 else "not as"
    return f"{text} They are ordered {like} in the paper (Spearman's rank correlation {order:.2f})."


def fitted(rows: pd.DataFrame, fit: str) -> str:
    """Say what fitting to a square does to the images (rows of an index)."""
    sides = rows[["width", "height"]]
    lost = 1 - sides.min(axis=1) / sides.max(axis=1)
    if fit == "pad":
        return f"Nothing is cut away; in the median image {_share(lost.median(), 0)} of the square is white margin."
    return (
        f"The centre alone is kept: in the median image {_share(lost.median(), 0)} of the longer side is cut away, and more than a "
        f"quarter in {(lost > 0.25).sum():,} of {_many(len(rows), 'image')}, where hands or feet may be missing."
    )


def parts(table: pd.DataFrame) -> str:
    """Say how the split divides the images, and how few test images a pose may have (tables.split_counts)."""
    poses, total = table.iloc[:-1], table.iloc[-1]
    images, few = total["train"] + total["test"], int((poses["test"] < 5).sum())
    text = f"The test part has {total['test']:,} of {_many(images, 'image')} ({_share(total['test'] / images)})."
    if not few:
        return f"{text} Each pose has at least {poses['test'].min()} of them."
    moved = "one image more or less moves the recall of such a pose by 20 points or more"
    return f"{text} {few} of {_many(len(poses), 'pose')} have fewer than five of them: {moved}."


def subsets(tables: dict[str, pd.DataFrame]) -> str:
    """Say how large the subsets are beside the paper's (tables.subset_counts, by the subset's name)."""
    if not tables:
        return "These images do not have all six poses, so there is neither subset."
    told = []
    for name, table in tables.items():
        last = table.iloc[-1]
        ours, papers = last["train"] + last["test"], last["paper_train"] + last["paper_test"]
        told.append(
            f"{plain(name)} has {_many(ours, 'image')}, {last['test']} of them in the test part (the paper's {papers:,})"
        )
    return f"{'; '.join(told)}. One image of {last['test']} is {100 / last['test']:.1f} points of accuracy."


def twins(counts: pd.DataFrame, leaked: np.ndarray) -> str:
    """Say how many pairs there are (audit.twin_counts), and how many test images have a twin in training (bool, one an image)."""
    total = counts.set_index("kind").loc["all"]
    if not leaked.any():
        return f"{_many(total['pairs'], 'pair')} in all; no test image has a twin in the training part."
    return (
        f"{_many(total['pairs'], 'pair')} in all, of which the first split parts {total['across_the_split']:,}: {leaked.sum():,} of "
        f"{_many(len(leaked), 'test image')} ({_share(leaked.mean())}) have a twin in the training part. Notebook 05 judges with and "
        "without them."
    )


def planted(table: pd.DataFrame) -> str:
    """Say how well the audit finds copies that are known (audit.recovered)."""
    (row,) = table.itertuples()
    if not row.planted:
        return "No copies were planted among these images; which pairs are copies is not known."
    false = row.found - row.right
    named = "no pair that was" if not false else f"{_many(false, 'pair')} that {'was' if false == 1 else 'were'}"
    return f"The audit found {row.right:,} of {_many(row.planted, 'planted pair')}, and names {named} not planted."


def conflicts(table: pd.DataFrame) -> str:
    """Say how many twins bear different labels (audit.conflicts)."""
    if table.empty:
        return "None: each pair of twins bears one label."
    row = table.iloc[0]
    return f"{_many(len(table), 'pair')}; in the first, {row['picture']} is labelled {row['labelled']} and its twin {row['labelled_as']}."


def margins(table: pd.DataFrame, n: int) -> str:
    """Say how many of n images are odd (audit.margin_counts)."""
    odd = [f"{row.images:,} for “{row.what.partition(':')[0]}”" for row in table.itertuples() if row.images]
    return f"Of {_many(n, 'image')} there are {_listed(odd)}." if odd else f"None of {_many(n, 'image')}."


# 02: zero-shot


def zero_shot(table: pd.DataFrame, chance: float, runs: dict) -> str:
    """Say which encoders can be told from chance, above or below it (tables.zero_shot_accuracy). runs : by encoder."""
    rows = table.to_dict("records")
    above = [f"{row['encoder']}, {_accuracy(row)}" for row in rows if row["low"] > chance]
    below = [f"{row['encoder']}, {_accuracy(row)}" for row in rows if row["high"] < chance]
    between = [row["encoder"] for row in rows if row["low"] <= chance <= row["high"]]
    text = f"Chance is {_share(chance)}."
    if above:
        text += f" Above it: {_listed(above)}."
    if below:
        text += f" Below it: {_listed(below)}. Guessing would do better, so the names point it to the wrong poses."
    if between:
        text += f" Not to be told from it on {_many(rows[0]['n'], 'image')}: {_listed(between)}."
    return text + _one_answer(runs)


def draws(ranks: pd.DataFrame, size: int, n: int) -> str:
    """Say how far a test part of that size, drawn of n images, can order the encoders (tables.draw_ranks)."""
    if n <= size:
        return f"There are {n} images, no more than {size}: each draw is all of them, and says nothing new."
    rows = ranks.to_dict("records")
    pairs = [(one, other) for place, one in enumerate(rows) for other in rows[place + 1 :]]
    if not pairs:
        return "There is one encoder, and none to rank it with."
    mixed = sum(a["highest_rank"] <= b["lowest_rank"] and b["highest_rank"] <= a["lowest_rank"] for a, b in pairs)
    best = max(rows, key=lambda row: row["accuracy"])
    return (
        f"On {size} images the ranks overlap in {mixed} of {_many(len(pairs), 'pair')} of encoders. {best['encoder']}, the best on all "
        f"images, comes first in {_share(best['best'], 0)} of the draws."
    )


def words(table: pd.DataFrame) -> str:
    """Say which words do best, and what they gain on the same encoder's first (tables.prompt_accuracy)."""
    best, _ = _extremes(table, "accuracy")
    first = table[table["encoder"] == best["encoder"]].iloc[0].to_dict()
    text = f"Highest: {best['encoder']} asked by “{best['words']}”, {_accuracy(best)}."
    if table["words"].nunique() == 1:
        return f"{text} No other words were tried."
    if best["words"] == first["words"]:
        return f"{text} No other words do better than these, the paper's."
    return f"{text} That is {_points(best['accuracy'] - first['accuracy'])} points on “{first['words']}”{_overlap(best, first)}"


def worlds(table: pd.DataFrame, chance: float) -> str:
    """Say what stays from world to world (tables.small_table with a column worlds); an empty table is of real images."""
    if table.empty:
        return "These images are real: there is one world of them."
    if table["low"].isna().all():
        return "One other world was drawn, which says nothing of the luck of the drawing."
    told = []
    for kind, part in table.groupby("words", sort=False):
        above, below = int((part["low"] > chance).sum()), int((part["high"] < chance).sum())
        told.append(f"asked by “{kind}” {above} of {_many(len(part), 'encoder')} are above chance and {below} below it")
    best, _ = _extremes(table, "mean")
    return f"Over the worlds, {'; '.join(told)}. Highest: {best['encoder']} asked by “{best['words']}”, {_mean(best, 'world')}."


# 03, 04, 06: the small runs


def highest(table: pd.DataFrame, by: str) -> str:
    """Say which setting has the highest mean and which the lowest (tables.small_table, tables.over_splits). by : what names them."""
    best, worst = _extremes(table, "mean")
    if len(table) == 1:
        return f"{plain(best[by])}: {_mean(best)}."
    return (
        f"Highest: {plain(best[by])}, {_mean(best)}. Lowest: {plain(worst[by])}, {_mean(worst)}{_overlap(best, worst)}"
    )


def differences(table: pd.DataFrame, reference: str) -> str:
    """Say which settings can be told from the reference, and how small a difference could have been seen (tables.compared)."""
    half = (table["high"] - table["low"]) / 2
    sure = table[half > 0].to_dict(
        "records"
    )  # of one split, or of splits that agree to the image, there is no interval
    if not sure:
        most = table.loc[table["difference"].abs().idxmax()]
        return f"Too few splits for an interval. The largest: {plain(most['setting'])}, {_points(most['difference'])} points."
    apart = [row for row in sure if row["low"] > 0 or row["high"] < 0]
    told = [f"{plain(row['setting'])} ({_points(row['difference'])} points, {_p(row['p'])})" for row in apart]
    which = f": {_listed(told)}; p-values are not corrected for their number" if told else ""
    reach = " to ".join(dict.fromkeys(f"{100 * each:.1f}" for each in (half[half > 0].min(), half.max())))
    return (
        f"{len(apart) or 'None'} of {_many(len(sure), 'setting')} can be told from “{plain(reference)}”{which}. The intervals reach {reach} "
        "points to either side: a smaller difference could not be seen here."
    )


def grid(tables: dict[str, pd.DataFrame]) -> str:
    """Say where the best pair lies in each grid, and how many runs collapsed (tables.grid_table, by subset)."""
    told = []
    for subset, table in tables.items():
        (best, _), rates = _extremes(table, "mean"), table["learning_rate"]
        inside = rates.min() < best["learning_rate"] < rates.max()
        where = "inside the grid" if inside else "at its edge, so that a better one may lie beyond"
        fallen = table[table["collapsed"] > 0]
        fall = f"{fallen['collapsed'].sum()} of {_many(table['splits'].sum(), 'run')} collapsed"
        fall += f", from {_rate(fallen['learning_rate'].min())} up" if len(fallen) else ""
        told.append(
            f"On {_subset(subset)} the best learning rate is {_rate(best['learning_rate'])} (the paper's {_rate(best['paper_rate'])}), "
            f"{where}: {_mean(best)}. {fall}."
        )
    return "\n\n".join(told)


def decays(tables: dict[str, pd.DataFrame]) -> str:
    """Say whether the weight decay matters beside the learning rate (tables.grid_table, by subset)."""
    spread = [table.groupby("learning_rate")["mean"].agg(np.ptp).max() for table in tables.values()]
    whole = [np.ptp(table["mean"]) for table in tables.values()]
    if not any((table.groupby("learning_rate").size() > 1).any() for table in tables.values()):
        return f"No learning rate was tried with two weight decays. The pairs differ by up to {100 * max(whole):.1f} points."
    verdict = "the decay matters less" if max(spread) < max(whole) / 2 else "the decay matters as well"
    return (
        f"At one learning rate the weight decays differ by {100 * max(spread):.1f} points at most, all pairs by up to "
        f"{100 * max(whole):.1f}: {verdict}."
    )


def choice(table: pd.DataFrame, chosen: list[tuple[float, float]], held: int, scale: float) -> str:
    """Say what choosing on the test part flatters by (tables.small_table of tables.pairs_by_choice).

    chosen : the pair that each validation part chose. held : images of such a part. scale : from the paper's rates to ours.
    """
    printed, honest, _ = table.to_dict("records")
    rates = _listed(dict.fromkeys(_rate(scale * rate) for rate, _ in chosen))
    flattery = printed["mean"] - honest["mean"]
    gap = (
        f"The printed figure is {100 * flattery:.1f} points higher"
        if flattery > 0
        else "The printed figure is no higher"
    )
    return (
        f"Best printed: {_mean(printed)}. Chosen on validation parts, at learning rates of {rates}: {_mean(honest)}. {gap}. In a "
        f"validation part of {_many(held, 'image')} one image is {100 / held:.1f} points, so the choice is coarse."
    )


def frugality(table: pd.DataFrame, used: pd.DataFrame) -> str:
    """Say how much of the whole accuracy six images a class reach, or the fewest (Table 11). used : tables.images_used."""
    *rows, whole = table.to_dict("records")
    few = next((row for row in rows if row["per_class"] == 6), rows[0])
    size = few["per_class"]
    text = (
        f"{_many(size, 'image')} a class, {used['images'][size]} in all, reach {_mean(few)}: {_share(few['mean'] / whole['mean'], 0)} of "
        f"what all {used['images']['all']} reach, {_mean(whole)}."
    )
    if near := [row["per_class"] for row in rows if row["high"] >= whole["low"]]:
        text += f" The interval overlaps with that of all from {min(near)} a class on."
    if capped := [str(size) for size in used.index[used["capped"]]]:
        text += f" At {_listed(capped)} a class some class has no more to give, and the row holds fewer images than it says."
    return text


def doublings(table: pd.DataFrame, chance: float) -> str:
    """Say how far above chance the curve starts and where it is steepest (Table 11 less its last row)."""
    rows = table.to_dict("records")
    first = rows[0]
    above = first["mean"] - chance
    text = (
        f"The curve starts at {first['per_class']} a class, {100 * abs(above):.1f} points {'above' if above > 0 else 'below'} chance "
        f"({_share(chance)})."
    )
    steps = [
        (after["mean"] - before["mean"], before["per_class"], after["per_class"]) for before, after in pairwise(rows)
    ]
    if not steps:
        return text
    gain, before, after = max(steps)
    if gain <= 0:
        return f"{text} It does not rise from there."
    falls = sum(step < 0 for step, _, _ in steps)
    return f"{text} Its largest step is from {before} to {after}, {_points(gain)} points; it falls in {falls} of {_many(len(steps), 'step')}."


# 05: fine-tuning on all poses


def made(run, settings) -> str:
    """Say what a run was made with, and in how long. settings : of the profile's section fine_tuning."""
    rate, decay = settings.optimiser.learning_rate, settings.optimiser.weight_decay
    return (
        f"Run `{run.folder.name}`: {settings.encoder}, {settings.epochs} epochs in batches of {settings.batch}, learning rate {_rate(rate)}, "
        f"weight decay {_rate(decay)}, {settings.targets} targets, {run.cost['seconds']:.0f} s; {_many(len(run.labels), 'test image')}."
    )


def curve(history: pd.DataFrame, n: int, part: str = "test") -> str:
    """Say where a learning curve starts, ends and is highest (Figs. 5 and 8). n : images of the part that it is drawn on."""
    top1 = history["top1"].to_numpy()
    best, high = int(top1.argmax()), wilson(round(top1[-1] * n), n)[1]
    text = (
        f"After the first epoch {_share(top1[0])} of the {part} images are right, after the last, epoch {len(top1)}, "
        f"{_accuracy({'accuracy': top1[-1], 'n': n})}."
    )
    if top1[best] <= top1[-1]:
        return f"{text} No epoch is better than the last."
    return f"{text} Epoch {best + 1} is {_points(top1[best] - top1[-1])} points, {'within' if top1[best] <= high else 'beyond'} that interval."


def levels(table: pd.DataFrame, commonest: float, runs: dict) -> str:
    """Say how many images are right at each level (Table 8). commonest : share of the largest class. runs : the run, by its model."""
    rows = {(row["level"], row["k"]): row for row in table.to_dict("records")}
    pose = rows["L3", 1]
    verdict = "which is less" if pose["low"] > commonest else "**which the model does not beat for sure**"
    return (
        f"The pose is right for {_accuracy(pose)} and among the first five for {_share(rows['L3', 5]['accuracy'])}; the group is right for "
        f"{_share(rows['L2', 1]['accuracy'])}, the superclass for {_share(rows['L1', 1]['accuracy'])}. Always naming the commonest pose "
        f"would give {_share(commonest)}, {verdict}.{_one_answer(runs)}"
    )


def weighted(table: pd.DataFrame) -> str:
    """Say how precision lies to recall, and whether its bootstrap interval is lopsided (Table 10)."""
    rows = {row["metric"]: row for row in table.to_dict("records")}
    precision, recall = rows["precision"], rows["recall"]
    below, above = (100 * abs(precision["value"] - precision[bound]) for bound in ("low", "high"))
    text = (
        f"Weighted recall is the accuracy by definition: {_share(recall['value'])} of {_many(recall['n'], 'image')} (95 % bootstrap "
        f"interval {_bounds(recall)}). Precision, {_share(precision['value'])} ({_bounds(precision)}), is "
        f"{_points(precision['value'] - recall['value'])} points from it."
    )
    if max(below, above) <= 1.5 * min(below, above):
        return text
    return (
        f"{text} Its interval is lopsided, {below:.1f} points down and {above:.1f} up: resampled test parts lose poses of few images, and "
        "precision counts for them no more."
    )


def splits(table: pd.DataFrame, model: str, kept: float) -> str:
    """Say how far the split decides at level 3 (Table 9). kept : accuracy of the first split, which the other tables are of."""
    poses = table[table["level"] == "L3"].reset_index(drop=True)
    own = poses[poses["model"] == model].iloc[0].to_dict()
    text = f"{model} at level 3: {_mean(own)}."
    if own["sd"] > 0:
        text += f" One split strays by {100 * own['sd']:.1f} points (sd) from the mean, the first by {_points(kept - own['mean'])}."
    return text if len(poses) == 1 else f"{text} {highest(poses, 'model')}"


def flattery(table: pd.DataFrame) -> str:
    """Say what twins in the training part do to the accuracy (audit.by_twins)."""
    whole, without, having = table.to_dict("records")
    if not having["n"] or not without["n"]:
        return f"{'No' if without['n'] else 'Each'} test image has a twin in training; right are {_accuracy(whole)}."
    return (
        f"Right are {_accuracy(without)} without a twin and {_accuracy(having)} with one{_overlap(having, without)} All together, "
        f"{_share(whole['accuracy'])}, are {_points(whole['accuracy'] - without['accuracy'])} points from those without."
    )


def against(table: pd.DataFrame, reference: str) -> str:
    """Say which settings can be told from the reference on the same images (tables.against)."""
    own = table[table["setting"] == reference].iloc[0].to_dict()
    others = table[table["setting"] != reference].to_dict("records")
    told = [
        f"{row['setting']} ({_points(row['accuracy'] - own['accuracy'])} points, {_p(row['p'])})"
        for row in others
        if row["p"] < CLEAR
    ]
    least = min(row["p"] for row in others)
    verdict = (
        f"Told from it: {_listed(told)}"
        if told
        else f"None of {len(others)} can be told from it (smallest {_p(least)})"
    )
    return f"{reference}: {_accuracy(own)}. {verdict}, by McNemar's exact test, not corrected for the number of comparisons."


def class_mates(large: float, batch: int, small: float, small_batch: int) -> str:
    """Say how many images of a batch have a class mate in it (finetune.share_with_class_mate), in the large and the small runs."""
    return (
        f"In a random batch of {batch} of all poses {_share(large, 0)} of the images have a class mate, in a batch of {small_batch} of the small "
        f"runs {_share(small, 0)}: for so many, `diagonal` targets count a right caption as wrong."
    )


def similarity(before, after) -> str:
    """Say whether each class's own prompt stands out, before and after fine-tuning (Fig. 4). before, after : runs with cosines."""
    told, gaps = [], []
    for run in (before, after):
        mean = np.stack([run.cosine[run.labels == place].mean(axis=0) for place in range(run.cosine.shape[1])])
        own, others = mean.diagonal().mean(), mean[~np.eye(len(mean), dtype=bool)].mean()
        nearest = int((mean.argmax(axis=1) == np.arange(len(mean))).sum())
        gaps.append(own - others)
        told.append(
            f"{nearest} of {len(mean)} classes (n = {len(run.labels)}; own prompt {own:.2f}, others {others:.2f})"
        )
    verdict = (
        "Fine-tuning sets the own prompts apart."
        if gaps[1] > gaps[0]
        else "**Fine-tuning does not set the own prompts apart.**"
    )
    return f"The own prompt is the nearest for {told[0]} before and for {told[1]} after. {verdict}"


def brightest(maps: dict[str, np.ndarray]) -> str:
    """Say how often a map is brightest near the border (Figs. 6 and 10). maps : name to (N, R, R)."""
    told = []
    for name, part in maps.items():
        side, edge = part.shape[1], part.shape[1] // 8
        places = np.array(np.unravel_index(part.reshape(len(part), -1).argmax(axis=1), part.shape[1:]))
        told.append(f"{name}: {((places < edge) | (places >= side - edge)).any(axis=0).sum()} of {len(part)}")
    by_chance = 1 - (1 - 2 * edge / side) ** 2
    return f"Maps that are brightest in the outer eighth of the image, {_share(by_chance, 0)} of its area: {'; '.join(told)}."


def maps(scores: dict[tuple[str, str], dict[str, np.ndarray]], measure: str = "mass on the body") -> str:
    """Say whether maps hold more of the body than even grey does, image by image (maps.scores_on_drawn)."""
    grey, told = scores["even grey", "none"][measure], []
    for (encoder, channels), found in list(scores.items())[1:]:
        mean, _, low, high = mean_interval(found[measure] - grey)
        verdict = "better" if low > 0 else "worse" if high < 0 else "no better"
        asked = f"{channels}{'' if channels.isdigit() else ' of the'} channels"
        told.append(f"{encoder}, {asked}: {_points(mean)} points ({_points(low)} to {_points(high)}), {verdict}")
    return (
        f"{measure.capitalize()} less that of even grey, {_share(grey.mean())}, image by image (n = {len(grey)}, 95 % t-interval). "
        f"{'; '.join(told)} than a grey square."
    )


def confusions(run) -> str:
    """Say how far mistakes go, within the superclass or out of it (Appendix B). run : labels, predicted, classes."""
    wrong, top = run.labels != run.predicted, parents(1)[run.classes]
    if not wrong.any():
        return f"All {_many(len(wrong), 'test image')} are named right."
    within = int((top[run.labels[wrong]] == top[run.predicted[wrong]]).sum())
    return (
        f"Of {_many(len(wrong), 'test image')} {wrong.sum():,} are named wrong. {within:,} of the mistakes stay within the superclass "
        f"({_share(within / wrong.sum(), 0)}), and so within these matrices; {wrong.sum() - within:,} leave it."
    )


def confused(table: pd.DataFrame) -> str:
    """Say which pose is most often taken for which (tables.most_confused)."""
    if table.empty:
        return "No image was mistaken."
    most = table[table["mistakes"] == table["mistakes"].max()]
    told = _listed(f"{row.true} for {row.predicted} ({row.mistakes} of {row.of})" for row in most.head(3).itertuples())
    more = f", and {_many(len(most) - 3, 'more pair')} of the table as often" if len(most) > 3 else ""
    few = " With so few mistakes a pair, their order is chance." if most["mistakes"].iloc[0] < 3 else ""
    return f"Most often taken for another: {told}{more}.{few}"


# 07: models of other kinds


def starts(encoder: str, model: str) -> str:
    """Say what both models know before their training. model : YOLO's file; a .yaml is a shape without weights."""
    known = {encoder: not encoder.endswith("-random"), model.split(".")[0]: not model.endswith(".yaml")}
    told = [f"{name} starts from {'pre-trained' if trained else 'random'} weights" for name, trained in known.items()]
    unequal = (
        "; the comparison is therefore of pre-training as much as of networks" if len(set(known.values())) > 1 else ""
    )
    return f"{told[0]}, {told[1]}{unequal}."


def benchmark(table: pd.DataFrame, runs: dict) -> str:
    """Say which model leads at level 3 (tables.over_splits of the runs)."""
    return highest(table[table["level"] == "L3"].reset_index(drop=True), "model") + _one_answer(runs)


def paired(runs: dict, p: float) -> str:
    """Say what the second of two models gains on the first on the same images. runs : by model. p : McNemar's exact test."""
    (first, ours), (second, theirs) = runs.items()
    difference, low, high = paired_proportions(theirs.hits, ours.hits)
    verdict = "they can't be told apart" if p >= CLEAR else f"{second if difference > 0 else first} is better"
    return (
        f"{second} less {first}: {_points(difference)} points on {_many(len(ours.hits), 'image')} (95 % interval of Bonett and Price "
        f"{_points(low)} to {_points(high)}), {_p(p)} by McNemar's exact test: {verdict}.{_one_answer(runs)}"
    )


def cost(table: pd.DataFrame, runs: dict) -> str:
    """Say what training takes, to the best epoch and to equal accuracy (benchmark.training_table of two runs, by model)."""
    ours, theirs = table.to_dict("records")
    return (
        f"{theirs['model']} takes {theirs['to_best'] / ours['seconds']:.2g} times as long to its best epoch, {theirs['best_epoch']}, as "
        f"{ours['model']} to its last ({number(theirs['to_best'])} and {number(ours['seconds'])} s), and "
        f"{theirs['to_equal'] / ours['to_equal']:.2g} times as long to equal accuracy.{_one_answer(runs)}"
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
    text = f"{ours} is ahead on {ahead[0]} of {_many(len(table), 'pose')}, {theirs} on {ahead[1]}; they are equal on {ties}."
    return f"{text} {few} of them have fewer than ten images, and their bars say little." if few else text


def alone(runs: dict) -> str:
    """Say how many images one model alone names right. runs : two by model, with hits."""
    (first, ours), (second, theirs) = ((model, run.hits) for model, run in runs.items())
    counts = [int(part.sum()) for part in (ours & theirs, ours & ~theirs, ~ours & theirs, ~ours & ~theirs)]
    return (
        f"Of {_many(len(ours), 'image')} both name {counts[0]:,} right, {first} alone {counts[1]:,}, {second} alone {counts[2]:,}, neither "
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
    return f"Does the answer hang on what the map marks? ROAD, mean of {_many(n, 'image')} with 95 % t-interval: {'; '.join(told)}."


# 08: the paper beside ours


def beside(table: pd.DataFrame, not_comparable: str | None) -> str:
    """Say how many of the paper's accuracies lie in our intervals (summary.shares_beside). not_comparable : why none can be compared."""
    if table.empty:
        return "No accuracy with an interval was measured."
    if not_comparable:
        return f"These {_many(len(table), 'pair')} show what the report holds; they are no comparison, since this profile has {not_comparable}."
    within = int(((table["low"] <= table["paper"]) & (table["paper"] <= table["high"])).sum())
    above = int((table["low"] > table["paper"]).sum())
    return (
        f"Of {_many(len(table), 'row')} the paper's figure lies in our interval in {within}; ours is above it in {above} and below it in "
        f"{len(table) - within - above}."
    )
