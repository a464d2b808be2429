"""What each notebook of the study compares: the asks, by setting. Notebook, plan and executor ask these very functions."""

from collections.abc import Iterator
from typing import get_args

from yogalib.profile import Targets
from yogalib.runs import asks
from yogalib.runs.asks import Ask


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
    """Tables 6 and 7: the grid, by subset and pair; the pairs on the validation parts; the profile's own pair."""
    small = study.profile.small_runs
    seeds, pairs = study.split_seeds(small.repeats), [tuple(pair) for pair in small.pairs]
    return {
        "grid": {
            subset: {pair: [asks.small(study, seed, pair, subset=subset) for seed in seeds] for pair in pairs}
            for subset in small.grid_subsets
        },
        "validation": {pair: [asks.small(study, seed, pair, on_validation=True) for seed in seeds] for pair in pairs},
        "own": [asks.small(study, seed) for seed in seeds],
    }


def fine_tuning(study) -> dict[str, dict]:
    """Tables 8 to 10: the kept run; each encoder over the splits (Table 9); the targets on all poses and on six; Fig. 4."""
    profile = study.profile
    settings, small, seeds = profile.fine_tuning, profile.small_runs, study.split_seeds(profile.small_runs.repeats)
    splits, kinds = fine_tuned_splits(study), get_args(Targets)
    return {
        "splits": {settings.encoder: splits}
        | {encoder: fine_tuned_splits(study, encoder) for encoder in profile.other_encoders},
        "targets": {
            kind: splits[0] if kind == settings.targets else asks.finetune(study, targets=kind) for kind in kinds
        },
        "small_targets": {kind: [asks.small(study, seed, targets=kind) for seed in seeds] for kind in kinds},
        "similarity": {
            "before": asks.zero_shot(study, settings.encoder, small.subset, settings.prompt),
            "after": asks.small(study, seeds[0]),
        },
    }


def frugality(study) -> dict:
    """Table 11, by training images per class, `all` the last, an ask a split."""
    small = study.profile.small_runs
    seeds = study.split_seeds(small.repeats)
    drawn = {size: [asks.small(study, seed, draw=(size, seed)) for seed in seeds] for size in small.per_class}
    return drawn | {"all": [asks.small(study, seed) for seed in seeds]}


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
        "elsewhere": {model: asks.kept(splits[model][0], other.source, rows) for model in (clip, name)},
    }


def written(study) -> dict[str, Ask]:
    """Beyond the paper: a network of the poses as they are written, about other drawn bodies and about the first split's test images."""
    learnt, (_, test) = asks.written(study.paths), study.parts(study.profile.fine_tuning.subset)
    return {"bodies": learnt, "images": asks.kept(learnt, study.source, test)}


def fine_tuned_splits(study, encoder: str | None = None) -> list[Ask]:
    """Fine-tunings on each of the profile's random splits; the first is the profile's own, and the main encoder's is kept."""
    changes = {} if encoder is None else {"encoder": encoder}
    first = asks.finetune(study, kept=encoder is None, **changes)
    return [first, *(asks.finetune(study, seed, **changes) for seed in study.split_seeds()[1:])]


QUESTIONS = {
    "02_zero_shot": zero_shot,
    "03_syntax": syntax,
    "04_hyperparameters": hyperparameters,
    "05_fine_tuning": fine_tuning,
    "06_frugality": frugality,
    "07_yolo_benchmark": benchmark,
}


def flat(asked) -> Iterator[Ask]:
    """Yield every ask of a question, in its order."""
    if isinstance(asked, Ask):
        yield asked
        return
    for each in asked.values() if isinstance(asked, dict) else asked:
        yield from flat(each)


def asked_by(study, notebook: str) -> list[Ask]:
    """Return what a notebook asks for, each run once; nothing for a notebook that asks for none."""
    asked = flat(QUESTIONS[notebook](study)) if notebook in QUESTIONS else []
    return list({ask.name: ask for ask in asked}.values())
