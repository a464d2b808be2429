"""Notebook 09: ways to tell poses apart beside each other, in accuracy, in what they have seen, and in what they cost."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd

from yogalib.facts.taxonomy import parents, superclass_names
from yogalib.models.blazepose import finder
from yogalib.models.encoders import open_encoder, weights_file
from yogalib.models.kept import at_work
from yogalib.models.network import frozen, frozen_at_work
from yogalib.models.openclip import open_tower
from yogalib.models.published import BLAZEPOSE
from yogalib.models.redrawn import redrawing
from yogalib.models.zero_shot import encode_images
from yogalib.results.metrics import mcnemar_p, top_k, wilson
from yogalib.results.openers import Answers, Opener, by_column
from yogalib.runs.asks import Ask
from yogalib.runs.store import Run

LOOKED = 12  # images that time is taken on, each once, from its file


def score(run: Run) -> dict:
    """Return accuracy, low, high (Wilson), n of a run."""
    hits = run.hits
    low, high = wilson(hits.sum(), len(hits))
    return {"accuracy": float(hits.mean()), "low": low, "high": high, "n": len(hits)}


def network_of(ask: Ask) -> str:
    """Return what looks at the images of an ask, such as `CLIP`, `BlazePose`, `ImageNet's` or its name; nothing where true joints are given."""
    if ask.kind == "redrawn":
        return "BlazePose, then CLIP"
    if ask.kind == "joints":
        return "BlazePose" if ask.settings.joints == "blazepose" else ""
    if ask.kind == "openclip":
        return ask.settings.by.label
    if ask.kind == "network":
        return ask.settings.network or "ImageNet's"
    return "CLIP, person cropped" if ask.source.fit == "person" else "CLIP"


def looking(study, asked: dict[str, dict[str, Ask]], runs: dict[str, dict[str, Run]]) -> pd.DataFrame:
    """Return what it takes to look at one image, from its file to the answer, on this machine, by network. Columns: ms, mb."""
    _, test = study.parts(study.profile.fine_tuning.subset)
    contents = [(study.folder / path).read_bytes() for path in test["path"].iloc[:LOOKED]]
    asks = [(runs[family][way], ask) for family, ways in asked.items() for way, ask in ways.items()]
    rows = {}
    for run, ask in sorted(asks, key=lambda each: not each[1].kept):  # a model of one's own before what stands for it
        name = network_of(ask)
        if ask.kind == "blend" or not name or name in rows:
            continue
        if ask.kept:
            rows[name] = _of_kept(run, study, contents)
        elif ask.kind in _UNKEPT:
            rows[name] = _UNKEPT[ask.kind](ask, study, contents)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["ms", "mb"])


def _median(see, say, contents: list[bytes]) -> float:
    """Return the median milliseconds from an image's file to the answer; the first image, for which networks are opened, apart."""
    taken = []
    for content in contents:
        start = perf_counter()
        say([see(content)])
        taken.append(1e3 * (perf_counter() - start))
    return float(np.median(taken[1:]))


def _of_kept(run: Run, study, contents: list[bytes]) -> tuple[float, float]:
    with TemporaryDirectory() as nothing_kept:
        median = _median(*at_work(run, study.paths.weights, Path(nothing_kept)), contents)
    files = [run.folder / "model.safetensors"]
    if run.config["kind"] == "joints":
        files += [study.paths.weights / "blazepose" / name for name in BLAZEPOSE]
    return median, sum(file.stat().st_size for file in files) / 1e6


def _of_frozen(ask: Ask, study, contents: list[bytes]) -> tuple[float, float]:
    if ask.kind == "openclip":
        tower = open_tower(ask.settings.by)
        side = tower.side
    else:
        side = ask.settings.resolution
        tower = frozen(side, study.paths.weights, ask.settings.network)
    see, say = frozen_at_work(tower, side, study.source)
    return _median(see, say, contents), sum(weights.numel() for weights in tower.parameters()) * 4 / 1e6


def _of_redrawn(ask: Ask, study, contents: list[bytes]) -> tuple[float, float]:
    encoder, weights = open_encoder(ask.encoder, study.paths.weights, ask.seed), study.paths.weights
    with TemporaryDirectory() as nothing_kept:
        median = _median(*redrawing(encoder, ask.prompts, study.device, weights, Path(nothing_kept)), contents)
    return median, _megabytes(ask, weights)


def _of_probe(ask: Ask, study, contents: list[bytes]) -> tuple[float, float]:
    encoder, weights = open_encoder(ask.encoder, study.paths.weights, ask.seed), study.paths.weights
    with TemporaryDirectory() as nothing_kept:
        source = replace(ask.source, find=finder(ask.source.fit, weights, Path(nothing_kept)))

        def say(pixels: list[np.ndarray]) -> np.ndarray:
            return encode_images(encoder, np.stack(pixels), study.device)

        median = _median(lambda content: source.see(content, encoder.resolution), say, contents)
    return median, _megabytes(ask, weights)


def _megabytes(ask: Ask, weights: Path) -> float:
    """Return the size of an untrained CLIP's file, and of BlazePose's where it looks first."""
    files = [weights_file(ask.encoder, weights)]
    if ask.kind == "redrawn" or ask.source.fit == "person":
        files += [weights / "blazepose" / name for name in BLAZEPOSE]
    return sum(file.stat().st_size for file in files) / 1e6


_UNKEPT = {"network": _of_frozen, "redrawn": _of_redrawn, "probe": _of_probe, "openclip": _of_frozen}


def ways_table(asked: dict[str, dict[str, Ask]], runs: dict[str, dict[str, Run]], looks: pd.DataFrame) -> pd.DataFrame:
    """Return a row a way: family, way, images (seen in training), accuracy, low, high, n, in_five, seconds, ms, mb.

    looks : of `looking`. seconds : of training, each training image looked at once; of what goes on from another run, that too.
    """
    rows = []
    for family, ways in asked.items():
        for way, ask in ways.items():
            run, ms, mb = runs[family][way], *_look(ask, looks)
            images = 0 if ask.train is None else len(ask.train)
            five = top_k(run.probabilities, run.labels, 5).mean()
            told = {"family": family, "way": way, "images": images} | score(run)
            rows.append(told | {"in_five": five, "seconds": _seconds(ask, run, images, ms, runs), "ms": ms, "mb": mb})
    return pd.DataFrame(rows)


def _look(ask: Ask, looks: pd.DataFrame) -> tuple[float, float]:
    names = {network_of(part) for part in ask.parts or [ask]}
    if not names <= set(looks.index):
        return np.nan, np.nan
    return tuple(looks.loc[sorted(names)].sum())


def _seconds(ask: Ask, run: Run, images: int, ms: float, runs: dict[str, dict[str, Run]]) -> float:
    """Return what training took; runs that the ask goes on from or is made of included."""
    if ask.kind in ("zero_shot", "redrawn"):
        return 0.0
    folder = run.folder.parent
    others = [Run(folder / name) for name in [run.config.get("of"), *run.config.get("parts", [])] if name]
    seconds = sum(each.cost["seconds"] for each in [run, *others])
    looked = ask.kind in ("probe", "openclip", "joints") or (ask.kind == "network" and ask.settings.tuning is None)
    return seconds + (images * np.nan_to_num(ms) / 1e3 if looked else 0)


# the ways of the curve by family and way: where the run on all training images is
LAST = {
    "frozen CLIP, linear probe": ("frozen CLIP", "linear probe"),
    "frozen CLIP, Tip-Adapter": ("frozen CLIP", "Tip-Adapter"),
    "skeleton": ("skeleton", "network"),
    "written poses, then images": ("skeleton", "written poses, then images"),
    "ImageNet's network, frozen": ("ImageNet's network", "frozen"),
}


def _whole(ways: dict, curve: dict[str, dict[int, Run]]) -> dict[str, dict[str, Run]]:
    """Return the curve's runs by way and size in words, with those of `all` training images at the end."""
    sized = {way: {str(size): run for size, run in sorted(by_size.items())} for way, by_size in curve.items()}
    return {way: by_size | {"all": ways[LAST[way][0]][LAST[way][1]]} for way, by_size in sized.items()}


def curve_table(ways: dict, curve: dict[str, dict[int, Run]]) -> pd.DataFrame:
    """Return accuracies by way and training images per class. Columns: way, per_class (words, `all` the last), accuracy, low, high, n.

    ways : runs by family and way. curve : runs by way and size, without those of all training images.
    """
    return pd.DataFrame(
        [
            {"way": way, "per_class": size} | score(run)
            for way, by_size in _whole(ways, curve).items()
            for size, run in by_size.items()
        ]
    )


def champions(ways: dict[str, dict[str, Run]]) -> dict[str, Run]:
    """Return the best run of each family, by family and way."""
    best = {family: max(group, key=lambda way: group[way].hits.mean()) for family, group in ways.items()}
    return {f"{family}, {way}": ways[family][way] for family, way in best.items()}


def parts_of(asked: dict[str, dict[str, Ask]], ways: dict[str, dict[str, Run]]) -> dict[str, Run]:
    """Return the runs that the blend is made of, by family and way; nothing where there is none."""
    if "together" not in asked:
        return {}
    (blend,) = asked["together"].values()
    return {
        family: ways[family][way] for family, group in asked.items() for way, ask in group.items() if ask in blend.parts
    }


def between_table(between: dict[str, dict[float, Run]]) -> pd.DataFrame:
    """Return WiSE-FT's curve. Columns: words, fine_tuned (share of the weights), accuracy, low, high, n."""
    return pd.DataFrame(
        [
            {"words": words, "fine_tuned": share} | score(run)
            for words, runs in between.items()
            for share, run in runs.items()
        ]
    )


def by_superclass(runs: dict[str, Run]) -> pd.DataFrame:
    """Return the accuracy of each model by superclass of the right pose. Columns: level, superclass, model, accuracy, low, high, n."""
    rows = []
    for level in (1, 2):
        names = superclass_names(level)
        for model, run in runs.items():
            of = parents(level)[run.classes[run.labels]]
            for number in np.unique(of):
                hits = run.hits[of == number]
                low, high = wilson(hits.sum(), len(hits))
                rows.append((level, names[number], model, hits.mean(), low, high, len(hits)))
    return pd.DataFrame(rows, columns=["level", "superclass", "model", "accuracy", "low", "high", "n"])


def together_table(parts: dict[str, Run], blend: Run) -> pd.DataFrame:
    """Return how often each set of models is right where the others are wrong. Columns: right, images, blend_right."""
    rows = [(told, int(here.sum()), int(blend.hits[here].sum())) for told, here in _right_alone(parts)]
    return pd.DataFrame(rows, columns=["right", "images", "blend_right"])


def together_openers(parts: dict[str, Run], blend: Answers) -> dict[str, list[Opener]]:
    """Return what the counts of together_table open: the blend's answers."""
    rows = [
        {
            "images": blend.opens(here, f"Right by {told}"),
            "blend_right": blend.opens(here & blend.run.hits, f"Right by {told}, and by the {blend.model}"),
        }
        for told, here in _right_alone(parts)
    ]
    return by_column(rows)


def _right_alone(parts: dict[str, Run]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each set of models in words, and which images they name right where the others do not, bool (N,)."""
    hits = np.stack([run.hits for run in parts.values()])
    for pattern in product((True, False), repeat=len(parts)):
        right = [model for model, is_right in zip(parts, pattern, strict=True) if is_right]
        told = "all" if all(pattern) else "none" if not right else f"{' and '.join(right)} alone"
        yield told, (hits == np.array(pattern)[:, None]).all(axis=0)


def winners(ways: dict[str, dict[str, Run]], curve: dict[str, dict[int, Run]]) -> pd.DataFrame:
    """Return the best way at each number of training images, with the closest other one, on the same images.

    Columns: per_class (words), way, accuracy, low, high, n, rival, rivals (its accuracy), p (McNemar, exact).
    """
    sized = _whole(ways, curve)
    sizes = sorted({size for by_size in sized.values() for size in by_size} - {"all"}, key=int)
    runs = {size: {way: by_size[size] for way, by_size in sized.items() if size in by_size} for size in sizes}
    runs["all"] = champions({family: group for family, group in ways.items() if family != "words alone"})
    runs["0"] = ways["words alone"]
    rows = []
    for size, group in runs.items():
        best, *others = sorted(group, key=lambda way: -group[way].hits.mean())
        rival = others[0] if others else best
        told = {"rival": rival, "rivals": group[rival].hits.mean(), "p": mcnemar_p(group[best].hits, group[rival].hits)}
        rows.append({"per_class": size, "way": best} | score(group[best]) | told)
    return pd.DataFrame(rows)
