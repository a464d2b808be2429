"""What notebook 09 shows of other ways to tell poses apart."""

import numpy as np
import pandas as pd

from yogalib.results.metrics import mcnemar_p, paired_proportions
from yogalib.results.readings.wording import CLEAR, accuracy, listed, many, p_words, points, share
from yogalib.results.show import number
from yogalib.synthetic.look import REDRAWN_STYLES


def left_out(without: dict[str, str]) -> str:
    """Say which families can't be had here, and why."""
    return " ".join(f"**Left out, {family}:** {why}." for family, why in without.items())


def seen_by(joints: str | None) -> str:
    """Say where the skeletons' joints come from."""
    if joints == "drawn":
        return (
            "The joints are the drawn world's own, without a mistake: these rows are the ceiling that a skeleton could reach, "
            "which no photograph will. And the bodies were bent from the very file that the written poses are learnt from: here those rows "
            "say that the way works, not how well."
        )
    return (
        "The joints are what BlazePose finds; where it finds nobody there is no answer, which counts as wrong. *CLIP, redrawn* sees "
        f"no photograph: our own renderer draws the found body in {len(REDRAWN_STYLES)} looks before plain paper, the untrained CLIP is asked about each "
        "drawing, and the answers are averaged. It costs BlazePose's time, and CLIP's once for each drawing. *Person cropped*: CLIP sees a "
        "square around the body found, for BlazePose's time beside its own."
        if joints
        else ""
    )


def ways(table: pd.DataFrame) -> str:
    """Say which way leads (beyond.ways_table), and the best of each family."""
    best = table.loc[table.groupby("family", sort=False)["accuracy"].idxmax()].sort_values("accuracy", ascending=False)
    first, *others = best.to_dict("records")
    told = "; ".join(f"{row['family']} ({row['way']}) {share(row['accuracy'])}" for row in others)
    return f"Best: {first['family']}, {first['way']}, {accuracy(first)}. Then the best of each other family: {told}."


def nobody(runs: dict) -> str:
    """Say on how many images nobody was found, and what that costs. runs : a family's, by way."""
    run = next(iter(runs.values()))
    missed = np.isnan(run.probabilities).any(axis=1)
    if not missed.any():
        return f"Somebody is found in each of the {len(missed)} images."
    return f"Nobody is found in {many(int(missed.sum()), 'image')} of {len(missed)}: {share(missed.mean())} of the accuracy is lost with them."


def curve(table: pd.DataFrame) -> str:
    """Say what each way gains from its first size to its last (beyond.curve_table)."""
    told = []
    for way, rows in table.groupby("way", sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        told.append(f"{way} from {share(first['accuracy'])} at {first['per_class']} to {share(last['accuracy'])}")
    return f"With more training images per pose: {'; '.join(told)} (n = {table['n'].iloc[0]} each, intervals in the figure)."


def language(table: pd.DataFrame) -> str:
    """Say where words stop paying: up to which size what is known without images beats each other way (beyond.curve_table)."""
    wide = table.pivot(index="per_class", columns="way", values="accuracy")
    sizes = [size for size in table["per_class"].unique() if size != "0"]
    sizes = [*sorted((size for size in sizes if size != "all"), key=int), "all"]
    if "written poses, then images" not in wide:
        return ""
    words = wide.loc["0", "written poses, then images"]
    passed = [size for size in sizes if wide.loc[size].drop("written poses, then images").max() > words]
    when = (
        f"only {'all images' if passed[0] == 'all' else f'{passed[0]} a pose'} bring another way past it"
        if passed
        else "no other way passes it, whatever it has seen"
    )
    gain = wide["written poses, then images"] - wide["skeleton"]
    told = listed(f"{points(gain[size])} at {size}" for size in sizes)
    return f"The written poses alone name {share(words)}; {when}. Before a skeleton's photographs they are worth, in points: {told}."


def cost(table: pd.DataFrame) -> str:
    """Say which ways no other beats in both accuracy and time (beyond.ways_table)."""
    shown = table[table["ms"].notna()].sort_values(["ms", "accuracy"], ascending=[True, False])
    front = shown[shown["accuracy"] > shown["accuracy"].cummax().shift(fill_value=-1)]
    told = listed(f"{row.way} ({share(row.accuracy)}, {number(row.ms)} ms)" for row in front.itertuples())
    return f"None is both faster and better than {told}."


def between(table: pd.DataFrame) -> str:
    """Say where WiSE-FT's curve is highest for each way of asking, and what fine-tuning forgets (beyond.between_table)."""
    told = []
    for words, rows in table.groupby("words", sort=False):
        best, first, last = rows.loc[rows["accuracy"].idxmax()], rows.iloc[0], rows.iloc[-1]
        told.append(
            f"asked by {words}: {share(first['accuracy'])} before, {share(last['accuracy'])} after, highest {share(best['accuracy'])} "
            f"at {best['fine_tuned']:g}"
        )
    return f"{'; '.join(told).capitalize()} (n = {table['n'].iloc[0]}). The highest point is chosen on the test images: it is shown, not claimed."


def weakest(table: pd.DataFrame) -> str:
    """Say which superclass each model finds hardest (beyond.by_superclass)."""
    top = table[table["level"] == 1]
    told = []
    for model, rows in top.groupby("model", sort=False):
        worst = rows.loc[rows["accuracy"].idxmin()]
        hardest = (
            f"{worst['superclass']}, {share(worst['accuracy'])} of {worst['n']}" if worst["accuracy"] < 1 else "none"
        )
        told.append(f"{model}: {hardest}")
    return f"Hardest of level 1 for {'; for '.join(told)}."


def together(parts: dict, blend) -> str:
    """Say what the blend gains on its best part, image by image. parts : runs by model."""
    best = max(parts, key=lambda model: parts[model].hits.mean())
    difference, low, high = paired_proportions(blend.hits, parts[best].hits)
    p = mcnemar_p(blend.hits, parts[best].hits)
    some = np.stack([run.hits for run in parts.values()]).any(axis=0).mean()
    verdict = "they can't be told apart" if p >= CLEAR else f"{'the mean' if difference > 0 else best} is better"
    return (
        f"The mean less {best}: {points(difference)} points on {many(len(blend.hits), 'image')} (95 % interval of Bonett and Price "
        f"{points(low)} to {points(high)}), {p_words(p)} by McNemar's exact test: {verdict}. At least one of the {len(parts)} is right on "
        f"{share(some)}."
    )


def weights(parts: dict, blend, weighed: np.ndarray, held: int) -> str:
    """Say how the blend weighs its parts. weighed : (M,). held : images of the validation part."""
    if "tried" not in blend.config:
        return "The mean's weights are equal: nothing in it was fitted."
    told = listed(f"{model} {weight:.2f}" for model, weight in zip(parts, weighed, strict=True))
    return f"The mean's weights were fitted to {many(held, 'image')} of the training part, held out from models that learnt the rest: {told}."


def choice(table: pd.DataFrame) -> str:
    """Say what to take with so many images (beyond.winners)."""
    told = []
    for row in table.to_dict("records"):
        size = {"0": "no image", "all": "all images"}.get(row["per_class"], f"{row['per_class']} a pose")
        near = (
            f", not to be told apart from {row['rival']} ({share(row['rivals'])}, {p_words(row['p'])})"
            if row["p"] >= CLEAR
            else ""
        )
        told.append(f"- with {size}: **{row['way']}**, {accuracy(row)}{near if row['rival'] != row['way'] else ''}")
    return "\n".join(told)
