"""What each notebook of the study compares: the asks, by setting. Notebook, plan and executor ask these very functions."""

import math
from collections.abc import Iterator
from typing import get_args

import pandas as pd

from yogalib.dataset.splits import draw_per_class
from yogalib.profile import FineTuning, JointsWay, OpenWay, ProbeWay, Prompt, Targets, Variant
from yogalib.runs import asks
from yogalib.runs.asks import Ask

NETWORK = "ImageNet's network"
SHARES = (0.25, 0.5, 0.75)  # of the fine-tuned weights, between both ends of WiSE-FT's curve


def zero_shot(study) -> dict[str, dict]:
    """Table 4, by encoder; other words, by encoder and words; the worlds drawn anew, likewise, an ask a world."""
    settings = study.profile.zero_shot
    prompts, encoders = [settings.prompt, *settings.other_prompts], settings.encoders
    told = [settings.prompt, *(prompt for prompt in settings.other_prompts if prompt.names == "description")]
    worlds = study.worlds()
    return {
        "encoders": {encoder: asks.zero_shot(study, encoder) for encoder in encoders},
        "words": {
            (encoder, prompt.label): asks.zero_shot(study, encoder, prompt=prompt)
            for encoder in encoders
            for prompt in prompts
        },
        "worlds": {
            (encoder, prompt.label): [asks.zero_shot(world, encoder, prompt=prompt) for world in worlds]
            for encoder in encoders
            for prompt in told
        }
        if worlds
        else {},
    }


def syntax(study) -> dict[str, list[Ask]]:
    """Table 5, by syntax, an ask a split."""
    seeds = study.split_seeds(study.profile.small_runs.repeats)
    syntaxes = study.profile.small_runs.syntaxes
    return {name: [asks.small(study, seed, prompt=prompt) for seed in seeds] for name, prompt in syntaxes.items()}


def hyperparameters(study) -> dict[str, dict]:
    """Tables 6 and 7: the grid, by subset and pair; the pairs on the validation parts; the profile's own pair; and that, by split, an ask a seed."""
    small = study.profile.small_runs
    seeds, pairs = study.split_seeds(small.repeats), [tuple(pair) for pair in small.pairs]
    first = study.profile.fine_tuning.seed
    return {
        "grid": {
            subset: {pair: [asks.small(study, seed, pair, subset=subset) for seed in seeds] for pair in pairs}
            for subset in small.grid_subsets
        },
        "validation": {pair: [asks.small(study, seed, pair, on_validation=True) for seed in seeds] for pair in pairs},
        "own": [asks.small(study, seed) for seed in seeds],
        "seeds": [[asks.small(study, seed, seed=first + more) for more in range(small.seeds)] for seed in seeds],
    }


def fine_tuning(study) -> dict[str, dict]:
    """Tables 8 to 10: the kept run, plain and mirrored; each encoder over the splits (Table 9); the targets on all poses and on six; Fig. 4."""
    profile = study.profile
    settings, small, seeds = profile.fine_tuning, profile.small_runs, study.split_seeds(profile.small_runs.repeats)
    splits, kinds = fine_tuned_splits(study), get_args(Targets)
    compared = {settings.targets, *(settings.compared_targets or kinds)}
    return {
        "splits": {settings.encoder: splits}
        | {encoder: fine_tuned_splits(study, encoder) for encoder in profile.other_encoders},
        "mirrored": asks.kept(splits[0], splits[0].source, splits[0].test, mirrored=True),
        "targets": {
            kind: splits[0] if kind == settings.targets else asks.finetune(study, targets=kind)
            for kind in kinds
            if kind in compared
        },
        # of the same images it would be the same question once more
        "small_targets": {}
        if small.subset == settings.subset
        else {kind: [asks.small(study, seed, targets=kind) for seed in seeds] for kind in kinds},
        "similarity": {
            "before": asks.words(  # the images of `after`
                study, study.parts(small.subset, seeds[0])[1], settings.prompt, study.tuned_source
            ),
            "after": asks.small(study, seeds[0]),
        },
    }


def frugality(study) -> dict[str, dict]:
    """Table 11, for equal epochs and, where the profile wants it, equal steps, by training images per class, `all` the last, an ask a split.

    Sizes that some class can't give are left out: their row would hold fewer images than it says.
    """
    small = study.profile.small_runs
    seeds = study.split_seeds(small.repeats)
    whole = [asks.small(study, seed) for seed in seeds]
    drawn = {size: [asks.small(study, seed, draw=(size, seed)) for seed in seeds] for size in small.per_class}
    drawn = {
        size: group for size, group in drawn.items() if all(len(ask.train) == size * len(ask.classes) for ask in group)
    }
    told = {"equal epochs": drawn | {"all": whole}}
    if not small.equal_steps:
        return told

    def batches(ask: Ask) -> int:
        return math.ceil(len(ask.train) / small.batch)

    longer = {
        size: [
            asks.small(study, seed, draw=(size, seed), epochs=round(small.epochs * batches(full) / batches(few)))
            for seed, few, full in zip(seeds, group, whole, strict=True)
        ]
        for size, group in drawn.items()
        if size in small.equal_steps
    }
    return told | {"equal steps": longer | {"all": whole}}


def benchmark(study) -> dict[str, dict]:
    """Section 5, by model: each model over the splits, and both kept ones on images from elsewhere."""
    seeds, clip = study.split_seeds(study.profile.yolo.repeats), study.profile.fine_tuning.encoder
    name = study.profile.yolo.model.split(".")[0]
    splits = {
        name: [asks.yolo(study, seed, kept=seed == seeds[0]) for seed in seeds],
        "linear on pixels": [asks.linear(study, seed) for seed in seeds],
        clip: fine_tuned_splits(study)[: len(seeds)],
    }
    other, rows, _ = study.elsewhere()
    return {
        "splits": splits,
        "elsewhere": {
            clip: asks.kept(splits[clip][0], other.fitted(splits[clip][0].source.fit), rows),
            name: asks.kept(splits[name][0], other.source, rows),
        },
    }


def beyond(study) -> dict[str, dict]:
    """Notebook 09, on the first split: the ways, by family and way; by way and training images per class; WiSE-FT, by words and share.

    Families that can't be had here are left out (Study.without).
    """
    settings, tuning = study.profile.beyond, study.profile.fine_tuning
    train, test = study.parts(tuning.subset)
    clip, words = fine_tuned_splits(study)[0], settings.prompt
    ways = {
        "words alone": {"CLIP, described": asks.words(study, test, words)},
        "frozen CLIP": {way: asks.probe(study, train, test, way) for way in get_args(ProbeWay)},
        "CLIP": {"fine-tuned": clip, "fine-tuned, adjusted for rare poses": asks.adjusted(clip)}
        | {
            f"fine-tuned, {name}": asks.finetune(study, **_variant(name, tuning))
            for name in settings.variants
            if name not in study.without
        },
    }
    others = [] if "open_clip" in study.without else [by for by in settings.open_clip if by.label not in study.without]
    if others:
        asked = {
            f"{by.label}, {way}": asks.openclip(study, train, test, by, way)
            for by in others
            for way in get_args(OpenWay)
        }
        ways["other encoders, frozen"] = asked
    for family, more in [] if "skeleton" in study.without else _skeletons(study, train, test).items():
        ways[family] = ways.get(family, {}) | more
    if "network" not in study.without:
        ways[NETWORK] = {"frozen": asks.network(study, train, test)}
        if settings.tune_network:
            ways[NETWORK]["fine-tuned"] = asks.network(study, train, test, tuned=True, kept=True)
            ways[NETWORK]["fine-tuned, three heads"] = asks.network(study, train, test, tuned=True, heads=True)
    if networks := [name for name in settings.networks if name not in study.without]:
        ways["other networks of ImageNet"] = {
            f"{name}, {way}": asks.network(study, train, test, tuned, name, heads)
            for name in networks
            for way, tuned, heads in (
                ("frozen", False, False),
                ("fine-tuned", True, False),
                ("fine-tuned, three heads", True, True),
            )
        }
    if together := _together(study, train, ways):
        ways["together"] = {"mean of logs": together}
    return {"ways": ways, "curve": _few(study, train, test, ways), "between": _between(study, clip, test, words)}


def _variant(name: Variant, tuning: FineTuning) -> dict:
    """Return what of the profile's fine-tuning a variant changes."""
    changes = {
        "text tower first": {"text_first": max(1, tuning.epochs // 4)},
        "mean of weights": {"averaged": True},
        "three levels": {"levels": True, "targets": "class-prompts"},
        # rank and rate of Zanella and Ben Ayed 2024
        "LoRA": {"rank": 2, "optimiser": tuning.optimiser.model_copy(update={"learning_rate": 2e-4})},
    }
    return changes[name]


def _skeletons(study, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, dict[str, Ask]]:
    """Return the ways that need a body's joints, by family: those that know words alone, and those that have seen photographs."""
    learnt = asks.written(study.paths, settings=study.profile.beyond.written)
    name = f"skeleton-{study.profile.name}"
    after = asks.joints(study, train, test, "network", of=learnt, kept=True, names=(name,))
    alone = {way: asks.joints(study, train, test, way) for way in get_args(JointsWay)}
    words = {"written poses": asks.joints(study, train.head(0), test, "network", of=learnt)}
    if study.profile.beyond.joints == "blazepose":  # what is drawn already need not be drawn anew
        words["CLIP, redrawn"] = asks.redrawn(study, test)
    frozen = {}
    if study.profile.beyond.joints == "blazepose" and study.profile.data.fit != "person":
        frozen["linear probe, person cropped"] = asks.probe(study, train, test, "linear probe", fit="person")
    return {
        "words alone": words,
        "frozen CLIP": frozen,
        "skeleton": alone | {"written poses, then images": after},
    }


def _together(study, train: pd.DataFrame, ways: dict[str, dict[str, Ask]]) -> Ask | None:
    """Return the blend of the kept models, weighed where the profile says so; nothing where only one is kept."""
    parts = [ask for family in ways.values() for ask in family.values() if ask.kept]
    if len(parts) < 2:
        return None
    learned, held = study.validation(train)
    again = {
        "finetune": lambda part: asks.finetune(study, on_validation=True),
        "joints": lambda part: asks.joints(study, learned, held, part.settings.method, of=part.of),
        "network": lambda part: asks.network(study, learned, held, tuned=True),
    }
    tried = [again[part.kind](part) for part in parts] if study.profile.beyond.weigh else []
    return asks.blend(parts, tried, kept=True, names=(f"blend-{study.profile.name}",))


def _few(study, train: pd.DataFrame, test: pd.DataFrame, ways: dict) -> dict[str, dict[int, Ask]]:
    """Return the ways that take seconds, by training images per class; 0 for words alone."""
    seed, most = study.profile.split.seed, train["class"].value_counts().max()
    sizes = [size for size in study.profile.beyond.per_class if size < most]
    drawn = {size: draw_per_class(train, size, seed) for size in sizes}
    none = {0: ways["words alone"]["CLIP, described"]}
    curve = {
        "frozen CLIP, linear probe": {
            size: asks.probe(study, rows, test, "linear probe") for size, rows in drawn.items()
        },
        "frozen CLIP, Tip-Adapter": none
        | {size: asks.probe(study, rows, test, "Tip-Adapter") for size, rows in drawn.items()},
    }
    if "skeleton" in ways:
        learnt = ways["skeleton"]["written poses, then images"].of
        curve["skeleton"] = {size: asks.joints(study, rows, test, "network") for size, rows in drawn.items()}
        curve["written poses, then images"] = {0: ways["words alone"]["written poses"]} | {
            size: asks.joints(study, rows, test, "network", of=learnt) for size, rows in drawn.items()
        }
    if NETWORK in ways:
        curve[f"{NETWORK}, frozen"] = {size: asks.network(study, rows, test) for size, rows in drawn.items()}
    return curve


def _between(study, clip: Ask, test: pd.DataFrame, described: Prompt) -> dict[str, dict[float, Ask]]:
    """Return WiSE-FT's curve with both ends, by the words that ask and the share of the fine-tuned weights."""
    curve = {}
    for prompt in (clip.prompt, described):
        inner = {share: asks.between(clip, share, prompt) for share in SHARES}
        last = clip if prompt == clip.prompt else asks.kept(clip, clip.source, test, prompt)
        curve[prompt.label] = {0.0: asks.words(study, test, prompt, clip.source)} | inner | {1.0: last}
    return curve


def atlas(study) -> Ask:
    """Notebook 10: the fine-tuning that is kept, the first of fine_tuned_splits."""
    return asks.finetune(study, kept=True)


def fine_tuned_splits(study, encoder: str | None = None) -> list[Ask]:
    """Fine-tunings on each of the profile's random splits; the first is the profile's own, and the main encoder's is kept."""
    changes = {} if encoder is None else {"encoder": encoder}
    first = atlas(study) if encoder is None else asks.finetune(study, **changes)
    return [first, *(asks.finetune(study, seed, **changes) for seed in study.split_seeds()[1:])]


QUESTIONS = {
    "02_zero_shot": zero_shot,
    "03_syntax": syntax,
    "04_hyperparameters": hyperparameters,
    "05_fine_tuning": fine_tuning,
    "06_frugality": frugality,
    "07_yolo_benchmark": benchmark,
    "09_beyond": beyond,
    "10_atlas": atlas,
}


def flat(asked) -> Iterator[Ask]:
    """Yield every ask of a question, in its order, each behind those that it is made from."""
    if isinstance(asked, Ask):
        yield from flat(asked.needs)
        yield asked
        return
    for each in asked.values() if isinstance(asked, dict) else asked:
        yield from flat(each)


def asked_by(study, notebook: str) -> list[Ask]:
    """Return what a notebook asks for, each run once; nothing for a notebook that asks for none."""
    asked = flat(QUESTIONS[notebook](study)) if notebook in QUESTIONS else []
    return list({ask.name: ask for ask in asked}.values())
