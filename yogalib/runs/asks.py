"""A run as a value: all that decides it, said before anything heavy is opened.

The notebooks, the plan and the executor hold the same asks, and the store names the runs by them. An ask's `kind` is the module of
yogalib.models whose function `answer(ask, at, folder)` makes it; so a new kind of run is that function and a question that asks it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from yogalib.dataset.index import data_hash
from yogalib.dataset.pixels import Source
from yogalib.dataset.splits import draw_per_class
from yogalib.facts.prompts import class_prompts
from yogalib.models.encoders import resolution_of
from yogalib.paths import Paths
from yogalib.profile import Adjust, FineTuning, Joints, Network, OpenClip, OpenProbe, Probe, Prompt, Wise, Written
from yogalib.runs.store import CODE, run_id
from yogalib.synthetic.poses import POSES_FILE, written_entries

ROW = ["path", "sha256", "class"]  # what a run needs to know of an image
OFFICIAL = 82  # poses have their numbers from Yoga-82; a new one's follow
BARE = "CLIP-lite-random"  # whose image tower a plain network takes the place of
LARGE = 224  # pixels: of a network beside an encoder whose resolution is not known before it is opened
JUDGED = 20  # drawn bodies of each written pose that a network is judged on
# settings that decide no run by themselves: rows, prompts, weights, precision and fit stand in its configuration already
SAID_ELSEWHERE = {"encoder", "subset", "prompt", "precision", "repeats", "fit", "compared_targets"}


@dataclass(frozen=True, eq=False)
class Ask:
    """One run, asked for.

    kind : module of yogalib.models that answers. source : whose images these are. test : rows to answer for. train, validation : rows
    to learn from and to choose an epoch on. encoder, prompt, seed : a CLIP, its words, its random weights. settings : of a profile, by
    which it is made. kept : whether the model is stored. names : what runs/ shall call the run, such as `last`. of : the run
    whose model answers, or goes on. parts, tried : those whose answers are made one, and the same on a validation part. mirrored :
    whether it answers for each picture and its mirror image, in the mean. note : what tells the ask from others like it, for the line
    that announces the run.
    """

    kind: str
    source: Source
    test: pd.DataFrame
    train: pd.DataFrame | None = None
    validation: pd.DataFrame | None = None
    encoder: str = ""
    prompt: Prompt | None = None
    settings: Any = None
    seed: int = 0
    kept: bool = False
    names: tuple[str, ...] = ()
    of: "Ask | None" = None
    mirrored: bool = False
    parts: tuple["Ask", ...] = ()
    tried: tuple["Ask", ...] = ()
    note: str = ""

    @cached_property
    def classes(self) -> list[int]:
        """Official class numbers, sorted: what the model tells apart."""
        if self.kind == "kept":
            return self.of.classes
        rows = self.test if self.train is None or self.train.empty else self.train
        return sorted(int(number) for number in rows["class"].unique())

    @cached_property
    def prompts(self) -> list | None:
        """One prompt a class, or several; None for a model that knows no words."""
        return None if self.prompt is None else class_prompts(self.classes, self.prompt.template, self.prompt.names)

    @property
    def needs(self) -> list["Ask"]:
        """The runs that it is made from."""
        return [*([] if self.of is None else [self.of]), *self.parts, *self.tried]

    @property
    def model(self) -> str:
        """What plans and progress lines call the model."""
        if getattr(self.settings, "network", ""):  # another than the encoder whose place it takes
            return ""
        return self.of.model if self.of is not None else self.encoder or getattr(self.settings, "model", "")

    @property
    def epochs(self) -> int:
        """How often the training images are gone through."""
        return getattr(self.settings, "epochs", 1)

    @property
    def work(self) -> int:
        """Images that the run goes through; to learn from one takes three times as long as to answer for it."""
        return self.epochs * (3 * (0 if self.train is None else len(self.train)) + len(self.test))

    @cached_property
    def decides(self) -> dict:
        """All that decides the run but what a machine brings to it, its encoder's weights and the precision."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        decides = {"kind": self.kind, "code": CODE, "classes": self.classes, "fit": self.source.fit}
        decides |= {name: data_hash(rows) for name, rows in parts.items() if rows is not None}
        if self.encoder:
            decides |= {"encoder": self.encoder}
        if self.prompt is not None:
            decides |= {"prompts": self.prompts}
        if self.settings is not None:
            decides |= {"settings": self.settings.model_dump(exclude=SAID_ELSEWHERE), "keep_weights": self.kept}
        decides |= {"mirrored": True} if self.mirrored else {}
        return decides | self.named(lambda ask: ask.name)

    def named(self, name_of: Callable[["Ask"], str]) -> dict:
        """Return what the run is made from, other runs by their names, as a configuration has it."""
        named = {} if self.of is None else {"of": name_of(self.of)}
        several = {"parts": self.parts, "tried": self.tried}
        return named | {key: [name_of(part) for part in parts] for key, parts in several.items() if parts}

    @property
    def name(self) -> str:
        """What stands for the ask itself, on whatever machine it is answered."""
        return run_id(self.decides)

    @property
    def label(self) -> str:
        """The words that announce the run."""
        seen = "" if self.train is None else f"{len(self.train)} pictures"
        return ", ".join(
            filter(None, [self.kind.replace("_", "-"), self.model, f"{len(self.classes)} poses", seen, self.note])
        )


def zero_shot(study, encoder: str, subset: str | None = None, prompt: Prompt | None = None) -> Ask:
    """Ask an encoder, untrained, about a whole subset (section 3.2.1); the profile's subset and prompt when not given."""
    settings = study.profile.zero_shot
    rows = study.subset(subset or settings.subset)[ROW]
    # Yoga-82 decoded whole for each of nine encoders would take 34 GB
    source = study.source if encoder in study.profile.tuned else study.source.by_themselves()
    seed = study.profile.fine_tuning.seed
    return Ask("zero_shot", source, rows, encoder=encoder, prompt=prompt or settings.prompt, seed=seed)


def words(study, rows: pd.DataFrame, prompt: Prompt, source: Source | None = None) -> Ask:
    """Ask the profile's main encoder, untrained, about some images. source : theirs, where another than the study's."""
    tuning = study.profile.fine_tuning
    return Ask("zero_shot", source or study.source, rows[ROW], encoder=tuning.encoder, prompt=prompt, seed=tuning.seed)


def finetune(
    study,
    split_seed: int | None = None,
    kept: bool = False,
    draw: tuple[int, int] | None = None,
    on_validation: bool = False,
    **changes,
) -> Ask:
    """Ask for a fine-tuning as the profile says (section 4.2).

    split_seed : another random split. kept : store the model too, and let runs/last name the run. draw : take so many
    training images per class, drawn with that seed; the test part stays whole (Table 11). on_validation : hold out a part of
    the training images and judge on it instead of the test part, to choose by. changes : keys of the profile's section fine_tuning, such as ``epochs=3``.
    """
    settings = FineTuning.model_validate({**dict(study.profile.fine_tuning), **changes})
    train, test = study.parts(settings.subset, split_seed)
    if on_validation:
        train, test = study.validation(train, split_seed)
    train = train if draw is None else draw_per_class(train, *draw)
    return Ask(
        "finetune",
        study.fitted(settings.fit or study.profile.data.fit),
        test[ROW],
        train[ROW],
        encoder=settings.encoder,
        prompt=settings.prompt,
        settings=settings,
        seed=settings.seed,
        kept=kept,
        names=("last", f"last-{study.profile.name}") if kept else (),
        note=f"learning rate {settings.optimiser.learning_rate:g}, {_split_name(study, split_seed)}"
        + (f", {settings.fit}" if settings.fit else ""),
    )


def small(study, split_seed: int, pair: tuple[float, float] | None = None, **changes) -> Ask:
    """Ask for a fine-tuning on the six poses as the profile's section small_runs says, with the changes that `finetune` takes.

    pair : learning rate and weight decay as the paper's tables have them, when not the profile's own.
    """
    runs, (rate, decay) = study.profile.small_runs, pair or study.profile.small_runs.pair
    update = {"learning_rate": runs.rate_scale * rate, "weight_decay": decay}
    optimiser = study.profile.fine_tuning.optimiser.model_copy(update=update)
    given = {"subset": runs.subset, "batch": runs.batch, "epochs": runs.epochs, "optimiser": optimiser}
    return finetune(study, split_seed, **given | changes)


def linear(study, split_seed: int | None = None) -> Ask:
    """Ask for a linear model on the pixels of the same training part (yogalib.models.linear)."""
    train, test = study.parts(study.profile.fine_tuning.subset, split_seed)
    return Ask("linear", study.source, test[ROW], train[ROW], note=_split_name(study, split_seed))


def yolo(study, split_seed: int | None = None, kept: bool = False) -> Ask:
    """Ask for YOLOv8-cls on the same training part (section 5); its history is of the validation part, which chooses its epoch."""
    settings = study.profile.yolo
    train, test = study.parts(study.profile.fine_tuning.subset, split_seed)
    learned, held = study.validation(train, split_seed)
    return Ask(
        "yolo",
        study.source,
        test[ROW],
        learned[ROW],
        held[ROW],
        settings=settings,
        kept=kept,
        note=_split_name(study, split_seed),
    )


def written(paths: Paths, poses: Path | None = None, settings: Written | None = None) -> Ask:
    """Ask for a network of the poses as they are written, judged on bodies drawn anew; it is kept, and runs/written names it.

    poses : a file of one's own, whose entries are added to the 82 or take their places (yogalib.synthetic.poses.written_entries).
    """
    entries = written_entries(poses)
    added = [folder for number, (folder, _) in entries.items() if number >= OFFICIAL]
    settings = (settings or Written()).model_copy(update={"added": added})
    rows = [
        (folder, sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest(), number)
        for number, (folder, entry) in entries.items()
    ]
    train = pd.DataFrame(rows, columns=ROW)
    test = train.loc[train.index.repeat(JUDGED)].reset_index(drop=True)
    source = Source(poses or POSES_FILE, POSES_FILE, paths.data / "cache", "joints")
    return Ask("written", source, test, train, settings=settings, kept=True, names=("written",))


def joints(study, train: pd.DataFrame, test: pd.DataFrame, method: str, of: Ask | None = None, **changes) -> Ask:
    """Ask for a classifier of the joints found in the test rows' pictures (yogalib.models.joints).

    of : the written poses that a network goes on from; with no training rows it answers as it is. changes : fields of Ask.
    """
    settings = Joints(method=method, joints=study.profile.beyond.joints)
    note = f"{'written, then ' if of else ''}{method}"
    return Ask("joints", study.source, test[ROW], train[ROW], settings=settings, of=of, note=note, **changes)


def redrawn(study, test: pd.DataFrame) -> Ask:
    """Ask the profile's main encoder, untrained, about the bodies found in photographs, drawn anew (yogalib.models.redrawn)."""
    tuning = study.profile.fine_tuning
    given = {"encoder": tuning.encoder, "prompt": study.profile.beyond.prompt, "seed": tuning.seed}
    return Ask("redrawn", study.source, test[ROW], **given)


def probe(study, train: pd.DataFrame, test: pd.DataFrame, method: str, fit: str | None = None) -> Ask:
    """Ask what the frozen features of the profile's main encoder tell (yogalib.models.probe); words are those of its section beyond.

    fit : another than the profile's data.fit.
    """
    tuning = study.profile.fine_tuning
    return Ask(
        "probe",
        study.fitted(fit) if fit else study.source,
        test[ROW],
        train[ROW],
        encoder=tuning.encoder,
        prompt=study.profile.beyond.prompt,
        settings=Probe(method=method),
        seed=tuning.seed,
        note=f"{method}, {fit}" if fit else method,
    )


def openclip(study, train: pd.DataFrame, test: pd.DataFrame, by: OpenClip, method: str) -> Ask:
    """Ask what the frozen features of an encoder tell that open_clip knows by name (yogalib.models.openclip)."""
    settings = OpenProbe(method=method, by=by)
    return Ask("openclip", study.source, test[ROW], train[ROW], settings=settings, note=f"{by.label}, {method}")


def network(
    study, train: pd.DataFrame, test: pd.DataFrame, tuned: bool = False, name: str = "", heads: bool = False, **changes
) -> Ask:
    """Ask a plain network that ImageNet trained, frozen or fine-tuned as the profile fine-tunes CLIP (yogalib.models.network).

    name : timm's, of another one than EfficientNet-Lite0. heads : one for each level, with cross-entropies that are added.
    """
    tuning, rows = study.profile.fine_tuning, (test[ROW], train[ROW])
    tuning = tuning.model_copy(update={"targets": "class-prompts"}) if heads else tuning
    given = {"tuning": tuning if tuned else None, "network": name, "heads": heads}
    settings = Network(resolution=resolution_of(tuning.encoder) or LARGE, **given)
    note = ", ".join([name or "ImageNet's", "three heads" if heads else "fine-tuned" if tuned else "frozen"])
    words = {"encoder": BARE, "prompt": tuning.prompt, "seed": tuning.seed} if tuned else {}
    source = study.tuned_source if tuned else study.source
    return Ask("network", source, *rows, settings=settings, note=note, **words, **changes)


def blend(parts: Sequence[Ask], tried: Sequence[Ask], **changes) -> Ask:
    """Ask for the mean of several runs' answers to the same test images (yogalib.models.blend), weighed by those `tried`, if any."""
    first = parts[0]
    given = {"parts": tuple(parts), "tried": tuple(tried), "note": f"{len(parts)} models"}
    return Ask("blend", first.source, first.test, first.train, **given, **changes)


def adjusted(of: Ask) -> Ask:
    """Ask for a run's stored answers, adjusted for the poses that were rare in its training (yogalib.models.adjust)."""
    return Ask("adjust", of.source, of.test, of.train, settings=Adjust(), parts=(of,), note="adjusted for rare poses")


def between(of: Ask, share: float, prompt: Prompt) -> Ask:
    """Ask the encoder whose weights are so large a share of a kept fine-tuning's, the rest its own before (yogalib.models.wise)."""
    given = {"encoder": of.encoder, "prompt": prompt, "seed": of.seed, "of": of, "note": f"{share:.0%} fine-tuned"}
    return Ask("wise", of.source, of.test, settings=Wise(share=share), **given)


def kept(of: Ask, source: Source, rows: pd.DataFrame, prompt: Prompt | None = None, mirrored: bool = False) -> Ask:
    """Ask the model that a run keeps about other images (section 5), or in other words. mirrored : a CLIP, about each picture and its mirror image."""
    return Ask(
        "kept",
        source,
        rows[ROW],
        encoder=of.encoder,
        prompt=prompt or of.prompt,
        seed=of.seed,
        of=of,
        mirrored=mirrored,
    )


def _split_name(study, seed: int | None) -> str:
    return f"split {1 if seed is None else 1 + seed - study.profile.split.seed}"
