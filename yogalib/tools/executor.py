"""The runs of a study made ahead of its notebooks, here or on a Ray cluster; the run store is where both meet.

They are the asks of the notebooks' own questions (yogalib.runs.questions); whatever is in the store already is not made again.
"""

import importlib.util
import os
import socket
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from yogalib.errors import BadInput
from yogalib.processes import end_with
from yogalib.runs.asks import Ask
from yogalib.runs.plan import planned_runs
from yogalib.runs.progress import duration
from yogalib.runs.store import Workshop
from yogalib.study import Study

PER_GPU = 4  # runs at a time, at most: a few keep a GPU at work, more only wait for each other
BESIDE = 4e9  # bytes that a run takes beside its training step: CUDA's own, and the decoded pictures, 2.3 GB of Yoga-82
ANSWERED = 16  # pictures: answering 256 of them without gradients takes less than a training step of so many
RETRIES = 3  # of a run whose worker was lost; a run that kills its worker each time is given up then


@dataclass(frozen=True)
class Outcome:
    """What became of an ask: its run's name in the store, or else one line that says why there is none."""

    run: str = ""
    error: str = ""


def chosen_executor() -> str:
    """Return the executor that EXECUTOR names, `local` when it names none. Raises BadInput when it can't be had."""
    name = os.environ.get("EXECUTOR") or "local"
    if name not in EXECUTORS:
        raise BadInput(f"EXECUTOR={name} is unknown: choose {' or '.join(EXECUTORS)}")
    if name == "ray" and not importlib.util.find_spec("ray"):
        raise BadInput("EXECUTOR=ray needs the extra 'distributed': pip install 'yogalib[distributed]'")
    return name


def asked_runs(study: Study) -> pd.DataFrame:
    """Return the planned runs that need no other run first, those that see most pictures first.

    Columns: those of planned_runs, and `seen`, pictures over all epochs. A long run started last would be waited for alone.
    """
    runs = planned_runs(study)
    runs = runs.assign(seen=runs["epochs"] * runs["train"] + runs["test"])
    runs = runs[[not ask.needs for ask in runs["ask"]]]
    return runs.sort_values("seen", ascending=False, kind="stable", ignore_index=True)


def make_runs(study: Study, runs: pd.DataFrame, executor: str) -> list[Outcome]:
    """Make the runs that are not in the store yet, and tell of each; one that fails does not keep the others from being made.

    runs : of the study, as asked_runs returns them. executor : a key of EXECUTORS.

    Returns an outcome per run, in their order.
    """
    stored = {path.name for path in study.paths.runs.glob("*")}
    outcomes, start, made, left = [Outcome()] * len(runs), time.monotonic(), 0, int(runs["seen"].sum())
    for number, (place, outcome) in enumerate(EXECUTORS[executor](study, runs), start=1):
        outcomes[place], run = outcome, runs.iloc[place]
        left -= run["seen"]
        if outcome.run in stored:
            continue
        made += run["seen"]
        ahead = duration((time.monotonic() - start) * left / made)
        what = f"{run['kind']} {run['model']}, {run['train']:,} + {run['test']:,} images".replace(" ,", ",")
        told = outcome.run or f"FAILED: {outcome.error}"
        print(f"run {number} of {len(runs)}, about {ahead} left: {what}: {told}", flush=True)
    failed, found = (
        sum(bool(each.error) for each in outcomes),
        sum(each.run in stored for each in outcomes),
    )
    taken = duration(time.monotonic() - start)
    print(f"runs: {len(runs) - failed - found} made, {found} in the store already, {failed} failed; {taken}")
    return outcomes


def attempt(workshop: Workshop, ask: Ask, maker: int | None = None) -> Outcome:
    """Make a run, or find it in the store; whatever goes wrong is the outcome. maker : the process that this one shall end with."""
    if maker is not None:
        end_with(maker)
    try:
        return Outcome(run=workshop.run(ask).folder.name)
    except BadInput as error:
        return Outcome(error=str(error))
    except Exception as error:  # noqa: BLE001 - one run's failure, whatever it is, is not the other runs'
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
        return Outcome(error=" ".join(said.split()))


def _locally(study: Study, runs: pd.DataFrame) -> Iterator[tuple[int, Outcome]]:
    """Make the runs in this process, one after the other; yield each one's place and outcome."""
    for place, ask in enumerate(runs["ask"]):
        yield place, attempt(study.workshop, ask)


def _on_ray(study: Study, runs: pd.DataFrame) -> Iterator[tuple[int, Outcome]]:
    """Hand the runs to Ray, one task each; yield each one's place and outcome as they come in."""
    ray = _connect()
    try:
        # Ray's own workers on this machine would train on for seconds after a killed make; another machine's don't know this process
        maker = None if os.environ.get("RAY_ADDRESS") else os.getpid()
        task, waiting = ray.remote(attempt), {}
        for place, needs in enumerate(_needs(study, runs, ray.nodes())):
            workshop = _settled(study, "cuda" if needs["num_gpus"] else "cpu")
            waiting[task.options(max_retries=RETRIES, **needs).remote(workshop, runs["ask"].iloc[place], maker)] = place
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            try:
                outcome = ray.get(done)
            except ray.exceptions.RayError as error:
                outcome = Outcome(error=f"{type(error).__name__}: {str(error).splitlines()[0]}")
            yield waiting.pop(done), outcome
    finally:
        ray.shutdown()


def _connect():
    """Return ray, connected: to the cluster at RAY_ADDRESS, or else to a Ray of this machine's own, started for the while.

    Workers get this process's number of threads for linear algebra, on which the last bits depend.
    Raises BadInput when Ray can't be reached or started.
    """
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # else a run too large for its node is tried for ever
    address = (
        os.environ.get("RAY_ADDRESS") or "local"
    )  # left to itself, Ray would look for a cluster that may be long gone
    _knock(address)
    import ray  # an optional extra

    variables = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
    try:
        ray.init(address, runtime_env={"env_vars": variables}, **quiet)
    except Exception as error:  # noqa: BLE001 - Ray raises its own, ConnectionError, RuntimeError or plain Exception
        said = str(error).splitlines()[0]
        raise BadInput(f"EXECUTOR=ray: {said} Try again when this machine is less busy, or see /tmp/ray") from None
    return ray


def _knock(address: str) -> None:
    """Raise BadInput when nobody listens at host:port; Ray itself would go on trying for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():  # one of Ray's own words
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise BadInput(
            f"EXECUTOR=ray: no cluster at RAY_ADDRESS={address} ({error}): ray start --head, or unset it"
        ) from None


def _needs(study: Study, runs: pd.DataFrame, nodes: list[dict]) -> list[dict]:
    """Return what each run's task takes of its node: cores, and a part of a GPU where this very machine would use one.

    The notebooks run here and look for runs of this machine's precision, so a GPU elsewhere is no use without one here.
    """
    threads, card = study.profile.machine.threads, 0.0
    if study.profile.machine.device != "cpu" and study.device.torch.type == "cuda":
        import torch  # seconds

        card = torch.cuda.get_device_properties(study.device.torch).total_memory
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    if card and not any(each.get("GPU") for each in resources):
        raise BadInput(
            "EXECUTOR=ray: this machine has a GPU, but no node of the Ray cluster: start one with --num-gpus=1"
        )
    # a task that wants more cores than any node has would wait for ever
    cores = min(threads, max((each.get("CPU", 0) for each in resources), default=0) or threads)
    shares = [gpu_share(run, card) for run in runs.itertuples()]
    return [{"num_gpus": share, "num_cpus": 1 if share else cores} for share in shares]


def gpu_share(run, card: float) -> float:
    """Return the part of a GPU that a planned run gets: 1, 1/2 ... 1/PER_GPU by its memory; 0 for one that uses none.

    card : the GPU's bytes, 0 without one. A run whose cost the report shows has a GPU alone, and so has one whose memory is not known.
    """
    from yogalib.models.costs import encoder_costs, training_memory  # torch: seconds

    if not card or run.kind == "linear":
        return 0.0
    if run.kind == "yolo" or run.ask.kept:
        return 1.0
    try:
        memory = training_memory(encoder_costs(run.model), max(run.batch, ANSWERED), min(run.batch, run.prompts))
    except BadInput:  # a checkpoint of one's own
        return 1.0
    return 1 / min(max(int(card // (memory + BESIDE)), 1), PER_GPU)


def _settled(study: Study, device: str) -> Workshop:
    """Return the workshop with `auto` decided: a run of another device would have another name, and be made for nothing."""
    return replace(study.workshop, machine=study.profile.machine.model_copy(update={"device": device}))


EXECUTORS = {"local": _locally, "ray": _on_ray}
