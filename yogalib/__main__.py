"""The command line: `python -m yogalib <command>`; what a person asks for, and the steps that the Makefile runs.

Each command imports what it needs by itself, so that a light one does not wait for torch.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from yogalib.errors import BadInput


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns 0, 1 when a notebook or a run failed, 2 for bad input, 130 when stopped by Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments) or 0
    except BadInput as error:
        print(f"yogalib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("yogalib: stopped; what is finished stays, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe left: nothing to complain of
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m yogalib", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function, help_text: str) -> argparse.ArgumentParser:
        name = function.__name__.lstrip("_").replace("_", "-")
        added = commands.add_parser(name, help=help_text, description=function.__doc__)
        added.set_defaults(command=function)
        return added

    predict = command(_predict, "name the pose on pictures")
    predict.add_argument("paths", nargs="+", type=Path, metavar="IMAGE_OR_FOLDER")
    predict.add_argument("--top", type=_positive, default=5, help="how many poses per picture (5)")
    evaluate = command(_evaluate, "judge a run on a folder with one sub-folder per pose")
    evaluate.add_argument("folder", type=Path)
    for added in (predict, evaluate):
        added.add_argument(
            "--run", default="last", help="a run's folder or its name under runs/: last (default), written"
        )
        added.add_argument("--json", action="store_true", help="print JSON")
        added.add_argument(
            "--mirrored",
            action="store_true",
            help="ask CLIP about each mirror image too: twice the work, a little better",
        )
    written = command(_written, "learn the poses as they are written, from no photograph")
    written.add_argument(
        "--poses", type=Path, metavar="FILE", help="poses of your own, beside the 82 or in their places"
    )
    synthesize = command(_synthesize, "draw a folder that looks like a downloaded Yoga-82")
    synthesize.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    synthesize.add_argument("--images", type=_positive, default=3000, help="about how many pictures (3000)")
    synthesize.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes (0)")
    synthesize.add_argument("--size", type=_positive, default=96, help="about how many pixels a side (96)")
    download = command(_download, "download Yoga-82 from its authors' link lists")
    download.add_argument(
        "--lists", type=Path, required=True, help="the authors' folder, with yoga_dataset_links/ in it"
    )
    download.add_argument("--out", type=Path, required=True, help="where the pictures go; there already: goes on")
    download.add_argument("--workers", type=_positive, default=64, help="files at a time (64), 4 of one host")
    download.add_argument("--again", action="store_true", help="try once more all that failed")
    download.add_argument("--seconds", type=float, default=60.0, help="the most that one file may take (60)")
    download.add_argument("--ignore-noai", action="store_true", help="take pictures whose server says noai, too")
    download.add_argument(
        "--allow-private-addresses", action="store_true", help="for tests: this machine's network, too"
    )
    command(_pretrain, "pre-train CLIP-mini anew")
    command(_pretrain_lite, "pre-train CLIP-lite anew")
    command(_pretrain_yolo, "pre-train a small YOLOv8-cls on drawn bodies anew")
    command(_doctor, "say which profiles can run here, and what mends the others")
    command(_plan, "say what a profile would run and take, without weights or data").add_argument("profile")
    rehearse = command(_rehearse, "make a small world for a rehearsal of a whole profile (make rehearse)")
    rehearse.add_argument("profile")
    bench = command(_bench, "compare our speed with the naive loop's")
    bench.add_argument("--save", type=Path, metavar="FOLDER", help="keep the table there as JSON and CSV")
    weights = command(_weights, "fetch published weights")
    weights.add_argument("names", nargs="+", metavar="NAME", help="such as ViT-B/32, RN50, yolov8x-cls.pt or blazepose")
    weights.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="take the files there, no internet")
    command(_prepare, "check a profile and index its data, before any notebook").add_argument("profile")
    command(_runs, "make every run that the notebooks will ask for, by EXECUTOR").add_argument("profile")
    notebook = command(_notebook, "run one notebook and render its page")
    notebook.add_argument("notebook")
    notebook.add_argument("profile")
    command(_publish, "put the finished pages in place of the published report").add_argument("profile")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _predict(arguments) -> int:
    """Print the most probable poses of each picture. Exit code 2 when one could not be read or shows nobody."""
    from yogalib.paths import Paths, files_of
    from yogalib.runs.progress import patience

    files = files_of(arguments.paths)  # before seconds are spent on torch
    with patience(f"loading torch and run {arguments.run}"):
        from yogalib.runs.store import find_run

        run = find_run(arguments.run, Paths.of("").runs)
        from yogalib.results.card import Card
        from yogalib.tools.predict import predict

        card, (answers, bad) = Card(run), predict(run, files, arguments.top, arguments.mirrored)
    print(*card.lines, "", sep="\n", file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(answers, indent=2, ensure_ascii=False))
    else:
        for answer in answers:
            print(f"{answer['path']}{'' if answer['sure'] else ': unsure'}")
            perhaps = "" if answer["sure"] else "perhaps "
            for pose in answer["poses"]:
                print(f"  {100 * pose['probability']:5.1f} %  {perhaps}{pose['sanskrit']} ({pose['english']})")
    for line in bad:
        print(f"yogalib: {line}", file=sys.stderr)
    return 2 if bad else 0


def _evaluate(arguments) -> None:
    """Print accuracy, its interval and the accuracy per class."""
    from yogalib.paths import Paths, files_of
    from yogalib.runs.progress import patience

    files_of([arguments.folder])  # is something there? before seconds are spent on torch
    with patience(f"loading torch and run {arguments.run}"):
        from yogalib.runs.store import find_run

        run = find_run(arguments.run, Paths.of("").runs)
        from yogalib.results.card import Card
        from yogalib.tools.predict import evaluate

        result, notes = evaluate(run, arguments.folder, arguments.mirrored)
    print(*Card(run).lines, "", sep="\n", file=sys.stderr if arguments.json else sys.stdout)
    for note in notes:
        print(f"yogalib: {note}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    sure, interval = result["sure"], "(95 % interval {low:.1%} to {high:.1%})"
    print(f"top-1 {result['top1']:.1%} {interval.format(**result)}, top-5 {result['top5']:.1%}")
    print(f"n = {result['n']}")
    print(f"sure of {sure['n']} of them", end="\n" if not sure["n"] else "")
    if sure["n"]:
        print(f": top-1 {sure['top1']:.1%} {interval.format(**sure)}")
    for name, row in sorted(result["per_class"].items(), key=lambda item: item[1]["top1"]):
        print(f"  {row['top1']:6.1%} of {row['n']:4}  {name}")


def _written(arguments) -> None:
    """Learn the poses as yogalib/synthetic/poses.yaml writes them, and yours, in about a minute; runs/written then names the run."""
    from yogalib.paths import Paths
    from yogalib.runs.asks import written

    paths = Paths.of("")
    ask = written(paths, arguments.poses)  # before seconds are spent on torch
    from yogalib.profile import Machine
    from yogalib.results.metrics import wilson
    from yogalib.runs.progress import Progress
    from yogalib.runs.store import Workshop

    workshop = Workshop(paths, Machine(device="cpu", threads=1), "fp32", Progress([ask.work]))
    run = workshop.run(ask)
    low, high = wilson(run.hits.sum(), len(run.hits))
    judged = f"{run.hits.mean():.1%} (95 %: {low:.1%} to {high:.1%}) of {len(run.hits)} other drawn bodies named right"
    print(f"{run.folder}: {len(run.classes)} poses learnt, {judged}; now: predict PICTURE --run written")


def _synthesize(arguments) -> None:
    """Draw the 82 poses into a folder with Yoga-82's names, class sizes and split lists."""
    from yogalib.synthetic.world import write_world

    write_world(arguments.out, arguments.images, arguments.seed, size=arguments.size)
    print(arguments.out)


def _download(arguments) -> None:
    """Download Yoga-82; goes on where it stopped. Every row of the lists ends with a status in OUT/download.csv."""
    from yogalib.dataset.download import JOURNAL, download, summarise
    from yogalib.dataset.fetch import Limits

    limits = Limits(
        seconds=arguments.seconds,
        idle=min(15.0, arguments.seconds),
        allow_private=arguments.allow_private_addresses,
        honour_noai=not arguments.ignore_noai,
    )
    rows = download(arguments.lists, arguments.out, limits, arguments.workers, arguments.again)
    statuses, classes = summarise(rows)
    print(f"{statuses.get('ok', 0):,} of {len(rows):,} files in {arguments.out}; the paper had 19,127 in spring 2023")
    for status, count in statuses.items():
        print(f"  {count:6,}  {status}")
    risk = classes[classes["at_risk"]]
    print(
        f"{len(risk)} of {len(classes)} classes have less than half of what the paper had" + (":" if len(risk) else "")
    )
    for row in risk.itertuples():
        print(f"  {row.ok:4} of {row.listed:4}, paper {row.paper:4}  {row.folder}")
    print(f"each file's fate: {arguments.out / JOURNAL}")
    astray = rows.loc[rows["status"] == "bad_path", "path"]
    if len(astray):
        told = f"{len(astray)} of the lists' rows, such as {astray.iloc[0]}, name no file in a pose's folder and were left out"
        print(f"yogalib: {told}", file=sys.stderr)


def _pretrain(arguments) -> None:
    """Pre-train CLIP-mini on random bodies and captions of their geometry; a killed run goes on where it stopped."""
    from yogalib.tools.pretrain import main as pretrain

    pretrain()


def _pretrain_lite(arguments) -> None:
    """Pre-train CLIP-lite from ImageNet's weights on the same kind of bodies; a killed run goes on where it stopped."""
    from yogalib.tools.pretrain_lite import main as pretrain_lite

    pretrain_lite()


def _pretrain_yolo(arguments) -> None:
    """Pre-train YOLOv8n-cls on CLIP-mini's drawn bodies, to tell classes apart that follow from their facts; a killed run goes on."""
    from yogalib.tools.pretrain_yolo import main as pretrain_yolo

    pretrain_yolo()


def _plan(arguments) -> None:
    """Print the runs of each notebook with pictures, time, memory and disk; nothing is trained."""
    from yogalib.runs.progress import patience

    with patience(f"planning the runs of profile {arguments.profile}"):
        from yogalib.runs.plan import describe
        from yogalib.study import Study

        lines = describe(Study.open(arguments.profile, planned=True))
    print("\n".join(lines))


def _doctor(arguments) -> None:
    """Say what machine this is and, for each profile, whether it can run here; if not, what is missing and what mends it."""
    from yogalib.runs.progress import patience

    with patience("looking at this machine and at each profile"):
        from yogalib.tools.doctor import examine

        lines = examine()
    print("\n".join(lines))


def _rehearse(arguments) -> None:
    """Write a small world and small networks in place of the real ones, and print the words by which make reproduces the profile on them."""
    from yogalib.paths import Paths
    from yogalib.tools.rehearse import rehearse

    folder = Paths.of("").data / "rehearsal" / Path(arguments.profile).stem
    print(*rehearse(arguments.profile, folder))


def _bench(arguments) -> None:
    """Print how much faster our path is than the naive loop, measured side by side on this machine."""
    from yogalib.tools.bench.main import main as bench

    bench(arguments.save)


def _weights(arguments) -> None:
    """Fetch published encoders, YOLO's and BlazePose's weights into WEIGHTS_DIR, sha256 checked; a download that stopped goes on."""
    from yogalib.models.published import bring_weights, published
    from yogalib.paths import Paths

    for name in arguments.names:
        published(name)  # a name that is wrong is said before the first gigabyte
    for name in arguments.names:
        print(bring_weights(name, Paths.of("").weights, arguments.source))


def _prepare(arguments) -> None:
    """Check profile, encoders, prompts, data and splits, and write the index: whatever is wrong is said before any work."""
    from yogalib.dataset.index import unknown_folders
    from yogalib.dataset.yopo import describe_folders
    from yogalib.pages.due import write_works
    from yogalib.pages.inputs import write_inputs
    from yogalib.tools.doctor import check
    from yogalib.tools.executor import chosen_executor

    chosen_executor()
    study = check(arguments.profile)
    write_inputs(study)
    write_works(study)
    counts = study.index["status"].value_counts()
    dropped = f"; dropped: {', '.join(f'{count} {status}' for status, count in counts.items() if status != 'kept')}"
    where = f" ({study.dropped_list})"
    print(f"{study.folder}: {counts['kept']} images of {study.subset('all')['class'].nunique()} classes", end="")
    print(dropped + where if len(counts) > 1 else "")
    if lost := unknown_folders(study.index):
        print(lost)
    other = study.validation_set()
    if other is not None and other.images is not None:
        print(f"{other.folder}: {describe_folders(other.index)}")


def _runs(arguments) -> int:
    """Make the runs that are not in the store yet, in this process (EXECUTOR=local) or on a cluster (EXECUTOR=ray)."""
    from yogalib.study import Study
    from yogalib.tools.executor import asked_runs, chosen_executor, make_runs

    executor, study = chosen_executor(), Study.open(arguments.profile)
    outcomes = make_runs(study, asked_runs(study), executor)
    return 1 if any(outcome.error for outcome in outcomes) else 0


def _notebook(arguments) -> int:
    """Run one notebook on a profile and render its page."""
    from yogalib.processes import collect_seldom

    collect_seldom()
    from yogalib.pages.due import pages_left, time_left
    from yogalib.pages.inputs import NOTEBOOKS
    from yogalib.pages.notebook import NotebookFailed, run_notebook
    from yogalib.runs.progress import PLAN, duration
    from yogalib.runs.questions import asked_by
    from yogalib.study import Study

    notebook, start = arguments.notebook, time.monotonic()
    study = Study.open(arguments.profile, planned=True)
    build, planned = study.paths.build, [ask.work for ask in asked_by(study, notebook)]
    os.environ[PLAN] = json.dumps(planned)
    print(f"[{notebook}] running, {len(planned)} runs planned", flush=True)
    try:
        run_notebook(notebook, arguments.profile, build)
    except NotebookFailed as error:
        print(f"yogalib: {error}", file=sys.stderr)
        return 1
    left = f"{pages_left(build)} of {len(NOTEBOOKS)} notebooks left{time_left(build)}"
    print(f"[{notebook}] done in {duration(time.monotonic() - start)}; {left}", flush=True)
    return 0


def _publish(arguments) -> None:
    """Put the finished pages in the place of the published report."""
    from yogalib.pages.report import publish
    from yogalib.study import Study

    study = Study.open(arguments.profile)
    publish(study)
    print(f"report: {study.paths.report / 'index.html'}")


if __name__ == "__main__":
    if maker := os.environ.get("YOGALIB_ENDS_WITH"):  # set by the Makefile
        from yogalib.processes import end_with

        end_with(int(maker))
    sys.exit(main())
