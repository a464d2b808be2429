"""What notebook 05 shows of the fine-tuning on all poses."""

import numpy as np
import pandas as pd

from yogalib.facts.taxonomy import parents
from yogalib.results.metrics import class_means, mcnemar_p, mean_interval, wilson
from yogalib.results.readings.small_runs import highest
from yogalib.results.readings.wording import (
    CLEAR,
    accuracy,
    bounds,
    listed,
    many,
    mean_words,
    one_answer,
    overlap,
    p_words,
    points,
    rate,
    share,
)


def made(run, settings) -> str:
    """Say what a run was made with, and in how long. settings : of the profile's section fine_tuning."""
    optimiser = settings.optimiser
    return (
        f"Run `{run.folder.name}`: {settings.encoder}, {settings.epochs} epochs in batches of {settings.batch}, learning rate {rate(optimiser.learning_rate)}, "
        f"weight decay {rate(optimiser.weight_decay)}, {settings.targets} targets, {run.cost['seconds']:.0f} s; {many(len(run.labels), 'test image')}."
        f"{' Each image is cut to the person whom BlazePose finds, and whole where it finds nobody.' if run.config['fit'] == 'person' else ''}"
    )


def curve(history: pd.DataFrame, n: int, part: str = "test") -> str:
    """Say where a learning curve starts, ends and is highest (Figs. 5 and 8). n : images of the part that it is drawn on."""
    top1 = history["top1"].to_numpy()
    best, high = int(top1.argmax()), wilson(round(top1[-1] * n), n)[1]
    text = (
        f"After the first epoch {share(top1[0])} of the {part} images are right, after the last, epoch {len(top1)}, "
        f"{accuracy({'accuracy': top1[-1], 'n': n})}."
    )
    if top1[best] <= top1[-1]:
        return f"{text} No epoch is better than the last."
    return f"{text} Epoch {best + 1} is {points(top1[best] - top1[-1])} points, {'within' if top1[best] <= high else 'beyond'} that interval."


def levels(table: pd.DataFrame, commonest: float, runs: dict) -> str:
    """Say how many images are right at each level (Table 8). commonest : share of the largest class. runs : the run, by its model."""
    rows = {(row["level"], row["k"]): row for row in table.to_dict("records")}
    pose = rows["L3", 1]
    verdict = "which is less" if pose["low"] > commonest else "**which the model does not beat for sure**"
    return (
        f"The pose is right for {accuracy(pose)} and among the first five for {share(rows['L3', 5]['accuracy'])}; the group is right for "
        f"{share(rows['L2', 1]['accuracy'])}, the superclass for {share(rows['L1', 1]['accuracy'])}. Always naming the commonest pose "
        f"would give {share(commonest)}, {verdict}.{one_answer(runs)}"
    )


def mirrored(run, both) -> str:
    """Say what a second look at each test image's mirror image brings. run, both : the same model asked once, and both ways."""
    n, hits = len(run.hits), int(both.hits.sum())
    low, high = wilson(hits, n)
    change, p = hits / n - run.hits.mean(), mcnemar_p(both.hits, run.hits)
    verdict = "no more than chance gives" if p >= CLEAR else "a gain" if change > 0 else "a loss"
    return (
        f"Asked about each image and its mirror image, whose cosines are averaged, the same model names "
        f"{accuracy({'accuracy': hits / n, 'low': low, 'high': high, 'n': n})}: {points(change)} points, {verdict} "
        f"(McNemar's exact test, {p_words(p)}), for twice the work. The paper asks once, and so do all tables here."
    )


def weighted(table: pd.DataFrame) -> str:
    """Say how precision lies to recall (Table 10)."""
    rows = {row["metric"]: row for row in table.to_dict("records")}
    precision, recall = rows["precision"], rows["recall"]
    return (
        f"Weighted recall is the accuracy by definition: {share(recall['value'])} of {many(recall['n'], 'image')} (95 % stratified-bootstrap "
        f"interval {bounds(recall)}). Precision, {share(precision['value'])} ({bounds(precision)}), is "
        f"{points(precision['value'] - recall['value'])} points from it."
    )


def splits(table: pd.DataFrame, model: str, kept: float) -> str:
    """Say how far the split decides at level 3 (Table 9). kept : accuracy of the first split, which the other tables are of."""
    poses = table[table["level"] == "L3"].reset_index(drop=True)
    own = poses[poses["model"] == model].iloc[0].to_dict()
    text = f"{model} at level 3: {mean_words(own)}."
    if own["sd"] > 0:
        text += f" One split strays by {100 * own['sd']:.1f} points (sd) from the mean, the first by {points(kept - own['mean'])}."
    return text if len(poses) == 1 else f"{text} {highest(poses, 'model')}"


def flattery(table: pd.DataFrame) -> str:
    """Say what twins in the training part do to the accuracy (audit.by_twins)."""
    whole, without, having = table.to_dict("records")
    if not having["n"] or not without["n"]:
        return f"{'No' if without['n'] else 'Each'} test image has a twin in training; right are {accuracy(whole)}."
    return (
        f"Right are {accuracy(without)} without a twin and {accuracy(having)} with one{overlap(having, without)} All together, "
        f"{share(whole['accuracy'])}, are {points(whole['accuracy'] - without['accuracy'])} points from those without."
    )


def against(table: pd.DataFrame, reference: str) -> str:
    """Say which settings can be told from the reference on the same images (tables.against)."""
    own = table[table["setting"] == reference].iloc[0].to_dict()
    others = table[table["setting"] != reference].to_dict("records")
    told = [
        f"{row['setting']} ({points(row['accuracy'] - own['accuracy'])} points, {p_words(row['p'])})"
        for row in others
        if row["p"] < CLEAR
    ]
    least = min(row["p"] for row in others)
    verdict = (
        f"Told from it: {listed(told)}"
        if told
        else f"{others[0]['setting']} can't be told from it ({p_words(least)})"
        if len(others) == 1
        else f"None of {len(others)} can be told from it (smallest {p_words(least)})"
    )
    return f"{reference}: {accuracy(own)}. {verdict}, by McNemar's exact test, not corrected for the number of comparisons."


def class_mates(large: float, batch: int, small: float, small_batch: int) -> str:
    """Say how many images of a batch have a class mate in it (finetune.share_with_class_mate), in the large and the small runs."""
    return (
        f"In a random batch of {batch} of all poses {share(large, 0)} of the images have a class mate, in a batch of {small_batch} of the small "
        f"runs {share(small, 0)}: for so many, `diagonal` targets count a right caption as wrong."
    )


def similarity(before, after) -> str:
    """Say whether each class's own prompt stands out, before and after fine-tuning (Fig. 4). before, after : runs with cosines."""
    told, gaps = [], []
    for run in (before, after):
        mean = class_means(run.cosine, run.labels)
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
    return f"Maps that are brightest in the outer eighth of the image, {share(by_chance, 0)} of its area: {'; '.join(told)}."


def maps(scores: dict[tuple[str, str], dict[str, np.ndarray]], measure: str = "mass on the body") -> str:
    """Say whether maps hold more of the body than even grey does, image by image (maps.scores_on_drawn)."""
    if not scores:
        return "This profile judges no maps (key report.judged)."
    grey, told = scores["even grey", "none"][measure], []
    for (encoder, channels), found in list(scores.items())[1:]:
        mean, _, low, high = mean_interval(found[measure] - grey)
        verdict = "better" if low > 0 else "worse" if high < 0 else "no better"
        asked = f"{channels}{'' if channels.isdigit() else ' of the'} channels"
        told.append(f"{encoder}, {asked}: {points(mean)} points ({points(low)} to {points(high)}), {verdict}")
    return (
        f"{measure.capitalize()} less that of even grey, {share(grey.mean())}, image by image (n = {len(grey)}, 95 % t-interval). "
        f"{'; '.join(told)} than a grey square.{_more_road(scores)}"
    )


def _more_road(scores: dict) -> str:
    """Say whether the answer hangs more on what a map marks after fine-tuning than before, image by image."""
    told = []
    for channels in dict.fromkeys(channels for _, channels in scores):
        both = [scores.get((encoder, channels), {}).get("ROAD") for encoder in ("before", "after")]
        if all(each is not None for each in both):
            mean, _, low, high = mean_interval(both[1] - both[0])
            verdict = "more" if low > 0 else "less" if high < 0 else "neither more nor less"
            told.append(
                f"with {channels}{' of the' if channels.startswith('a ') else ''} channels {verdict} ({mean:+.2f}, {low:+.2f} to {high:+.2f})".replace(
                    "-", "−"
                )
            )
    return (
        f" After fine-tuning the answer hangs on what the map marks {listed(told)} than before: the difference of ROAD."
        if told
        else ""
    )


def confusions(run) -> str:
    """Say how far mistakes go, within the superclass or out of it (Appendix B). run : labels, predicted, classes."""
    wrong, top = run.labels != run.predicted, parents(1)[run.classes]
    if not wrong.any():
        return f"All {many(len(wrong), 'test image')} are named right."
    within = int((top[run.labels[wrong]] == top[run.predicted[wrong]]).sum())
    return (
        f"Of {many(len(wrong), 'test image')} {wrong.sum():,} are named wrong. {within:,} of the mistakes stay within the superclass "
        f"({share(within / wrong.sum(), 0)}), and so within these matrices; {wrong.sum() - within:,} leave it."
    )


def confused(table: pd.DataFrame) -> str:
    """Say which pose is most often taken for which (confusions.most_confused)."""
    if table.empty:
        return "No image was mistaken."
    most = table[table["mistakes"] == table["mistakes"].max()]
    told = listed(f"{row.true} for {row.predicted} ({row.mistakes} of {row.of})" for row in most.head(3).itertuples())
    more = f", and {many(len(most) - 3, 'more pair')} of the table as often" if len(most) > 3 else ""
    few = " With so few mistakes a pair, their order is chance." if most["mistakes"].iloc[0] < 3 else ""
    return f"Most often taken for another: {told}{more}.{few}"
