"""`make plan`: what a profile would run and what it would take, without weights, images or a GPU.

The plan holds the very asks of the notebooks (yogalib.runs.questions), of a study whose images need not be here. Costs follow from
the networks' shapes.
"""

import json
import os
from importlib.metadata import version

import pandas as pd

from yogalib.dataset.subsets import select_subset
from yogalib.errors import BadInput
from yogalib.facts.paper import load_paper
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.costs import Costs, encoder_costs, papers_pace, training_memory, yolo_costs
from yogalib.models.encoders import RANDOM, SHAPES, weights_file
from yogalib.models.meter import gpu_name, processor_name
from yogalib.models.published import weights_of
from yogalib.paths import Paths, write_whole
from yogalib.profile import Profile
from yogalib.runs.progress import duration, patience
from yogalib.runs.questions import QUESTIONS, asked_by


def expected_index(profile: Profile) -> pd.DataFrame:
    """Return an index of as many images of each class as are to be expected: as the drawn world would have, or the paper's."""
    taxonomy, synthetic = load_taxonomy(), profile.data.synthetic
    if synthetic is None:
        numbers = taxonomy.set_index("sanskrit")["class"]
        counts = {numbers[name]: count for name, count in load_paper()["class_counts"].items()}
    else:
        from yogalib.synthetic.world import class_sizes  # OpenCV

        chosen = taxonomy if synthetic.classes is None else taxonomy[taxonomy["folder"].isin(synthetic.classes)]
        counts = class_sizes(synthetic.images, chosen["class"].tolist())
    rows = [(f"{number:02d}/{place:04d}", number) for number, count in counts.items() for place in range(count)]
    index = pd.DataFrame(rows, columns=["path", "class"])
    # a name of its own for each world: what is planned in one is not planned in another
    world = "" if synthetic is None else f"{synthetic.seed} {synthetic.shifted} "
    return index.assign(sha256=world + index["path"], split="", status="kept")


def expected_subset(profile: Profile, index: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a subset's rows of an expected index; of Subset II as many of each class as are drawn clean, or as Table 3 has."""
    rows = select_subset(index, "all" if name == "all" else "subset_i")
    if name != "subset_ii":
        return rows
    if profile.data.synthetic is None:
        counts = {pose: sum(parts) for pose, parts in load_paper()["subset_counts"]["subset_ii"].items()}
        most = rows["class"].map(load_taxonomy()["sanskrit"]).map(counts)
    else:
        from yogalib.synthetic.world import CLEAN_STYLES, STYLE_SHARES  # OpenCV

        most = rows.groupby("class")["path"].transform("size") * sum(STYLE_SHARES[style] for style in CLEAN_STYLES)
    return rows[rows.groupby("class").cumcount() < most.round()]


def planned_runs(study) -> pd.DataFrame:
    """Return every run of every notebook, in their order; a run that an earlier notebook makes is not planned again.

    Returns one row per run: notebook, kind, model, train, test (images), epochs, batch, prompts, ask.
    """
    rows, seen = [], set()
    for notebook in QUESTIONS:
        for ask in asked_by(study, notebook):
            if ask.name not in seen:
                seen.add(ask.name)
                rows.append(_row(notebook, ask))
    return pd.DataFrame(rows)


def _row(notebook: str, ask) -> dict:
    templates = 1 if ask.prompt is None or isinstance(ask.prompt.template, str) else len(ask.prompt.template)
    return {
        "notebook": notebook,
        "kind": ask.kind,
        "model": ask.model,
        "train": 0 if ask.train is None else len(ask.train),
        "test": len(ask.test),
        "epochs": ask.epochs,
        "batch": getattr(ask.settings, "batch", 1),
        "prompts": 0 if ask.prompt is None else templates * len(ask.classes),
        "ask": ask,
    }


def add_costs(runs: pd.DataFrame, resolution: int) -> pd.DataFrame:
    """Return the planned runs with what they take. resolution : YOLO's.

    Further columns: trained (pictures, each time that one is seen), answered (pictures, after each epoch), operations, memory
    (bytes of a training step in fp32). A linear model's costs are not counted.
    """

    def costs_of(run) -> Costs:
        if not run.model:  # a linear model
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


def describe(study) -> list[str]:
    """Return the plan in words: runs, pictures and time by notebook, then memory, disk and what is missing."""
    profile = study.profile
    runs = add_costs(planned_runs(study), profile.yolo.resolution)
    pace, device = pace_here(profile, study.paths)
    paces = pace, papers_pace()
    largest = runs.loc[runs["memory"].idxmax()]
    asked = {name: "all" if name in profile.tuned else profile.zero_shot.subset for name in profile.encoders}
    caches = {(SHAPES[name.removesuffix(RANDOM)]["image_resolution"], subset) for name, subset in asked.items()}
    disk = sum(len(study.subset(subset)) * 3 * side**2 for side, subset in caches)
    expected = "" if not study.expected else ", as many as are to be expected: nothing was drawn or read"
    return [
        f"{profile.name}: {len(runs)} runs on {len(study.subset('all')):,} images{expected}",
        "",
        f"{'notebook':<20}{'runs':>6}{'trained on':>14}{'answered':>12}{'here':>10}{'RTX A4000':>12}",
        *(_line(name, part, paces) for name, part in [*runs.groupby("notebook"), ("all", runs)]),
        "",
        f"time       operations by pace, without decoding, activation maps, linear models, and what timm and open_clip name. Here: {paces[0] / 1e12:.3g} T/s in",
        f"           a training step of {profile.fine_tuning.encoder} ({device}, {profile.machine.threads} thread(s)).",
        f"           RTX A4000: {paces[1] / 1e12:.3g} T/s, the paper's 13.8 minutes (section 4.3).",
        f"memory     a training step takes at most {largest['memory'] / 1e9:.1f} GB in fp32 ({largest['model']}, batch {largest['batch']})",
        f"disk       {disk / 1e9:.1f} GB of decoded pictures, {', '.join(map(str, sorted({side for side, _ in caches})))} pixels a side",
        f"weights    {_missing(study)}",
    ]


def pace_here(profile: Profile, paths: Paths) -> tuple[float, str]:
    """Return this machine's operations a second in a training step of the profile, and on what, cpu or cuda.

    Measured once, which takes seconds and torch, and kept in the data folder for as long as machine, setting and torch stay.
    """
    tuning, threads = profile.fine_tuning, profile.machine.threads
    here = [gpu_name() or processor_name(), tuning.encoder, tuning.batch, tuning.precision, threads, version("torch")]
    file, key = paths.data / "pace.json", ", ".join(map(str, here))
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if key not in known:
        with patience(f"measuring this machine's pace in training steps of {tuning.encoder}, once", 0):
            from yogalib.models.counting import pace  # torch: seconds
            from yogalib.models.device import pick_device

            device = pick_device("auto", tuning.precision, min(threads, os.cpu_count()))
            known[key] = [pace(tuning, device), device.torch.type]
        paths.data.mkdir(parents=True, exist_ok=True)
        write_whole(file, lambda path: path.write_text(json.dumps(known, indent=1), encoding="utf-8"))
    return tuple(known[key])


def _line(name: str, runs: pd.DataFrame, paces: tuple[float, float]) -> str:
    here, there = (duration(runs["operations"].sum() / pace) for pace in paces)
    trained, answered = runs["trained"].sum(), runs["answered"].sum()
    return f"{name:<20}{len(runs):>6}{trained:>14,}{answered:>12,}{here:>10}{there:>12}"


def _missing(study) -> str:
    missing = []
    for look, names in ((weights_file, study.profile.encoders), (weights_of, [study.profile.yolo])):
        for name in names:
            try:
                look(name, study.paths.weights)
            except BadInput:
                missing.append(getattr(name, "model", name))
    return f"to be fetched: {', '.join(missing)}" if missing else "all here"
