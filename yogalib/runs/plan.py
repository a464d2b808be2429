"""`make plan`: what a profile would run and what it would take, without weights, data or a GPU.

The plan asks for the same runs as the notebooks do, by the same methods of Experiments; but where those train, it writes down
what training would see. Costs follow from the networks' shapes.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import get_args

import pandas as pd

from yogalib.dataset.splits import draw_per_class
from yogalib.dataset.subsets import select_subset
from yogalib.errors import BadInput
from yogalib.facts.paper import load_paper
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.encoders import RANDOM, SHAPES, weights_file
from yogalib.models.published import weights_of
from yogalib.paths import from_environment
from yogalib.profile import FineTuning, Profile, Prompt, Targets
from yogalib.runs.experiments import classes_of
from yogalib.runs.progress import duration
from yogalib.runs.store import run_id
from yogalib.study import Study


@dataclass(frozen=True)
class Request:
    """A run as a notebook asks for it: of a study of `profile`, by a method of Experiments with these arguments.

    It holds the profile itself, not its name: drawn worlds have one of their own, and another machine need not have its file.
    """

    profile: Profile
    method: str
    arguments: dict


@dataclass(frozen=True)
class Plan(Study):
    """A study that only takes notes; `notes` has one row per run, the same run once."""

    notes: dict = field(default_factory=dict)

    @cached_property
    def index(self) -> pd.DataFrame:
        """The pictures as they are where they can be seen, else as many of each class as are to be expected."""
        from yogalib.synthetic.world import class_sizes

        taxonomy, synthetic = load_taxonomy(), self.profile.data.synthetic
        if synthetic is None and from_environment("DATA", self.profile.data.folder):
            return super().index
        if synthetic is None:
            counts = {
                taxonomy.index[taxonomy["sanskrit"] == name][0]: n for name, n in load_paper()["class_counts"].items()
            }
        else:
            chosen = taxonomy if synthetic.classes is None else taxonomy[taxonomy["folder"].isin(synthetic.classes)]
            counts = class_sizes(synthetic.images, chosen["class"].tolist())
        rows = [(f"{number:02d}/{place:04d}", number) for number, count in counts.items() for place in range(count)]
        index = pd.DataFrame(rows, columns=["path", "class"])
        return index.assign(sha256=index["path"], split="", status="kept")

    def subset(self, name: str) -> pd.DataFrame:
        """Return the rows of a subset; of Subset II as many of each class as the paper's Table 3 has, at most."""
        if "width" in self.index:  # the pictures are there, and so is their list
            return super().subset(name)
        rows = select_subset(self.index, "all" if name == "all" else "subset_i")
        if name != "subset_ii":
            return rows
        taxonomy = load_taxonomy()
        counts = {name: sum(parts) for name, parts in load_paper()["subset_counts"]["subset_ii"].items()}
        return rows[rows.groupby("class").cumcount() < rows["class"].map(taxonomy["sanskrit"]).map(counts)]

    def groups(self, rows: pd.DataFrame) -> None:
        """Twins are not looked for: to keep them together moves a picture or two from side to side."""

    def zero_shot(self, encoder: str, subset: str | None = None, prompt: Prompt | None = None) -> None:
        """Note a zero-shot run."""
        settings = self.profile.zero_shot
        rows, prompt = self.subset(subset or settings.subset), prompt or settings.prompt
        templates = 1 if isinstance(prompt.template, str) else len(prompt.template)
        request = Request(self.profile, "zero_shot", {"encoder": encoder, "subset": subset, "prompt": prompt})
        self._note(
            request, "zero-shot", encoder, None, rows,
            prompts=templates * len(classes_of(rows)), words=prompt.model_dump(),
        )  # fmt: skip

    def fine_tune(self, split_seed=None, keep_weights=False, draw=None, on_validation=False, **changes) -> None:
        """Note a fine-tuning run."""
        settings = FineTuning.model_validate({**dict(self.profile.fine_tuning), **changes})
        train, test = self.split(self.subset(settings.subset), split_seed)
        if on_validation:
            train, test = self.validation(train, split_seed)
        train = train if draw is None else draw_per_class(train, *draw)
        given = {"split_seed": split_seed, "keep_weights": keep_weights, "draw": draw, "on_validation": on_validation}
        self._note(
            Request(self.profile, "fine_tune", given | changes),
            "fine-tuning", settings.encoder, train, test, settings.epochs, settings.batch, len(classes_of(train)),
            settings=settings.model_dump(), kept=keep_weights,
        )  # fmt: skip

    def linear(self, split_seed=None) -> None:
        """Note a linear model."""
        request = Request(self.profile, "linear", {"split_seed": split_seed})
        self._note(request, "linear", "", *self.split(self.subset(self.profile.fine_tuning.subset), split_seed))

    def yolo(self, split_seed=None, keep_weights=False) -> None:
        """Note a run of YOLO."""
        settings = self.profile.yolo
        train, test = self.split(self.subset(self.profile.fine_tuning.subset), split_seed)
        request = Request(self.profile, "yolo", {"split_seed": split_seed, "keep_weights": keep_weights})
        self._note(request, "yolo", settings.model, train, test, settings.epochs, settings.batch, kept=keep_weights)

    def judge(self, model: str, prompts: int) -> None:
        """Note that a model answers for the validation set, twins counted in; it can't be requested before its model is there."""
        other, ours = self.validation_set() or self, self.subset(self.profile.fine_tuning.subset)
        rows = self.split(ours)[1] if other is self else other.subset("all")
        self._note(None, "judged", model, None, rows[rows["class"].isin(ours["class"])], prompts=prompts)

    def _note(
        self, request: Request | None, kind: str, model: str, train, test: pd.DataFrame,
        epochs=1, batch=1, prompts=0, **more,
    ) -> None:  # fmt: skip
        parts = [[] if part is None else part["path"].tolist() for part in (train, test)]
        note = {"kind": kind, "model": model, "train": len(parts[0]), "test": len(parts[1])}
        note |= {"epochs": epochs, "batch": batch, "prompts": prompts}
        decides = note | more | {"parts": parts, "data": self.profile.data.model_dump()}
        self.notes.setdefault(run_id(decides), note | {"request": request})


def planned_runs(plan: Plan) -> pd.DataFrame:
    """Ask for every run of every notebook, in their order; a run that an earlier notebook made is not planned again.

    Returns one row per run: notebook, kind, model, train, test (pictures), epochs, batch, prompts, request (None for a run
    that needs another one first).
    """
    rows = []
    for notebook, ask in NOTEBOOKS.items():
        before = len(plan.notes)
        ask(plan)
        rows += [{"notebook": notebook} | note for note in list(plan.notes.values())[before:]]
    return pd.DataFrame(rows)


def _zero_shot(plan: Plan) -> None:
    settings = plan.profile.zero_shot
    for encoder in settings.encoders:
        for prompt in [settings.prompt, *settings.other_prompts]:
            plan.zero_shot(encoder, prompt=prompt)
        for world in plan.worlds():
            for prompt in [settings.prompt, *(each for each in settings.other_prompts if each.names == "description")]:
                world.zero_shot(encoder, prompt=prompt)
            plan.notes.update(world.notes)


def _syntax(plan: Plan) -> None:
    for seed in plan.split_seeds(plan.profile.small_runs.repeats):
        for prompt in plan.profile.small_runs.syntaxes.values():
            plan.small_run(seed, prompt=prompt)


def _hyperparameters(plan: Plan) -> None:
    for seed in plan.split_seeds(plan.profile.small_runs.repeats):
        for pair in plan.profile.small_runs.pairs:
            for subset in plan.profile.small_runs.grid_subsets:
                plan.small_run(seed, pair, subset=subset)
            plan.small_run(seed, pair, on_validation=True)
        plan.small_run(seed)


def _fine_tuning(plan: Plan) -> None:
    profile = plan.profile
    plan.fine_tune_splits()
    for encoder in profile.other_encoders:
        plan.fine_tune_splits(encoder)
    for targets in get_args(Targets):
        if targets != profile.fine_tuning.targets:
            plan.fine_tune(targets=targets)
        for seed in plan.split_seeds(profile.small_runs.repeats):
            plan.small_run(seed, targets=targets)
    plan.zero_shot(profile.fine_tuning.encoder, profile.small_runs.subset, profile.fine_tuning.prompt)


def _frugality(plan: Plan) -> None:
    for seed in plan.split_seeds(plan.profile.small_runs.repeats):
        for size in plan.profile.small_runs.per_class:
            plan.small_run(seed, draw=(size, seed))
        plan.small_run(seed)


def _benchmark(plan: Plan) -> None:
    plan.fine_tune_splits()
    for seed in plan.split_seeds(plan.profile.yolo.repeats):
        plan.yolo(seed, keep_weights=seed == plan.profile.split.seed)
        plan.linear(seed)
    plan.judge(
        plan.profile.fine_tuning.encoder, prompts=plan.subset(plan.profile.fine_tuning.subset)["class"].nunique()
    )
    plan.judge(plan.profile.yolo.model, prompts=0)


NOTEBOOKS = {
    "02_zero_shot": _zero_shot,
    "03_syntax": _syntax,
    "04_hyperparameters": _hyperparameters,
    "05_fine_tuning": _fine_tuning,
    "06_frugality": _frugality,
    "07_yolo_benchmark": _benchmark,
}


def add_costs(runs: pd.DataFrame, resolution: int) -> pd.DataFrame:
    """Return the planned runs with what they take. resolution : YOLO's.

    Further columns: trained (pictures, each time that one is seen), answered (pictures, after each epoch), operations, memory
    (bytes of a training step in fp32). A linear model's costs are not counted.
    """
    from yogalib.models.costs import Costs, encoder_costs, training_memory, yolo_costs

    def costs_of(run) -> Costs:
        if run.kind == "linear":
            return Costs(0, 0.0)
        return yolo_costs(run.model, resolution) if run.model.startswith("yolo") else encoder_costs(run.model)

    columns = {"trained": [], "answered": [], "operations": [], "memory": []}
    for run in runs.itertuples():
        costs, prompts = costs_of(run), min(run.batch, run.prompts)  # in a step each distinct prompt is encoded once
        steps = -(-run.train // run.batch)
        columns["trained"].append(run.epochs * run.train)
        columns["answered"].append(run.epochs * run.test)
        pictures = 3 * run.train + run.test  # going back takes twice as long as going forth
        texts = 3 * steps * prompts + run.prompts
        columns["operations"].append(run.epochs * (pictures * costs.picture + texts * costs.prompt))
        columns["memory"].append(training_memory(costs, run.batch, prompts) if run.train else 0)
    return runs.assign(**columns)


def describe(plan: Plan) -> list[str]:
    """Return the plan in words: runs, pictures and time by notebook, then memory, disk and what is missing."""
    from yogalib.models.costs import pace, papers_pace
    from yogalib.models.device import pick_device

    profile = plan.profile
    runs = add_costs(planned_runs(plan), profile.yolo.resolution)
    device = pick_device("auto", profile.fine_tuning.precision, profile.machine.threads)
    paces = pace(profile.fine_tuning, device), papers_pace()
    largest = runs.loc[runs["memory"].idxmax()]
    asked = {name: "all" if name in profile.tuned else profile.zero_shot.subset for name in profile.encoders}
    caches = {(SHAPES[name.removesuffix(RANDOM)]["image_resolution"], subset) for name, subset in asked.items()}
    disk = sum(len(plan.subset(subset)) * 3 * side**2 for side, subset in caches)
    expected = "" if "width" in plan.index else ", as many as are to be expected: nothing was drawn or read"
    return [
        f"{profile.name}: {len(runs)} runs on {len(plan.subset('all')):,} images{expected}",
        "",
        f"{'notebook':<20}{'runs':>6}{'trained on':>14}{'answered':>12}{'here':>10}{'RTX A4000':>12}",
        *(_line(name, part, paces) for name, part in [*runs.groupby("notebook"), ("all", runs)]),
        "",
        f"time       operations by pace, without decoding, activation maps and linear models. Here: {paces[0] / 1e12:.3g} T/s in",
        f"           a training step of {profile.fine_tuning.encoder} ({device.torch.type}, {profile.machine.threads} thread(s)).",
        f"           RTX A4000: {paces[1] / 1e12:.3g} T/s, the paper's 13.8 minutes (section 4.3).",
        f"memory     a training step takes at most {largest['memory'] / 1e9:.1f} GB in fp32 ({largest['model']}, batch {largest['batch']})",
        f"disk       {disk / 1e9:.1f} GB of decoded pictures, {', '.join(map(str, sorted({side for side, _ in caches})))} pixels a side",
        f"weights    {_missing(plan)}",
    ]


def _line(name: str, runs: pd.DataFrame, paces: tuple[float, float]) -> str:
    here, there = (duration(runs["operations"].sum() / pace) for pace in paces)
    trained, answered = runs["trained"].sum(), runs["answered"].sum()
    return f"{name:<20}{len(runs):>6}{trained:>14,}{answered:>12,}{here:>10}{there:>12}"


def _missing(plan: Plan) -> str:
    missing = []
    for look, names in ((weights_file, plan.profile.encoders), (weights_of, [plan.profile.yolo])):
        for name in names:
            try:
                look(name, plan.paths.weights)
            except BadInput:
                missing.append(getattr(name, "model", name))
    return f"to be fetched: {', '.join(missing)}" if missing else "all here"
