"""Runs made ahead of the notebooks: in this process, or on a Ray cluster that loses a node."""

import contextlib
import json
import os
import pickle
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yaml
from conftest import ROOT, write_photos

from yogalib.__main__ import main
from yogalib.errors import BadInput
from yogalib.profile import FOLDER
from yogalib.study import Study
from yogalib.tools import executor
from yogalib.tools.executor import asked_runs, chosen_executor, gpu_share, make_runs

CARD = 80e9


@pytest.fixture
def tiny(folders, monkeypatch) -> Path:
    """A profile of few short runs on drawn pictures, every kind among them."""
    values = yaml.safe_load((FOLDER / "photos.yaml").read_text())
    values["zero_shot"] |= {"encoders": ["CLIP-mini-RN"], "other_prompts": []}
    values["fine_tuning"] |= {"encoder": "CLIP-mini-RN", "epochs": 2, "batch": 16}
    values["split"]["repeats"] = 3
    values["small_runs"] |= {"epochs": 1, "repeats": 1, "pairs": [], "per_class": [2]}
    values["yolo"] |= {"epochs": 1, "repeats": 1, "resolution": 32}
    values["other_encoders"] = []
    monkeypatch.setenv("DATA", str(write_photos(folders / "photos", per_class=12)))
    file = folders / "tiny.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def store(runs: Path) -> dict[str, bytes]:
    """Each finished run's name and predictions."""
    return {
        path.parent.name: (path.parent / "predictions.parquet").read_bytes()
        for path in runs.glob("[0-9a-f]*/config.json")
    }


def test_executor_is_local_unless_said_and_must_be_one_that_can_be_had(monkeypatch):
    monkeypatch.delenv("EXECUTOR", raising=False)
    assert chosen_executor() == "local"
    monkeypatch.setenv("EXECUTOR", "")
    assert chosen_executor() == "local"
    monkeypatch.setenv("EXECUTOR", "slurm")
    with pytest.raises(BadInput, match="EXECUTOR=slurm is unknown: choose local or ray"):
        chosen_executor()
    monkeypatch.setenv("EXECUTOR", "ray")
    monkeypatch.setattr(executor.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'yogalib\[distributed\]'"):
        chosen_executor()


def test_wrong_executor_is_said_before_any_work(tiny, monkeypatch, capsys):
    monkeypatch.setenv("EXECUTOR", "slurm")
    assert main(["prepare", str(tiny)]) == 2
    assert "EXECUTOR=slurm is unknown" in capsys.readouterr().err
    assert not (tiny.parent / "data").exists()


def test_nobody_at_ray_address_is_said_at_once():
    with pytest.raises(BadInput, match="no cluster at RAY_ADDRESS=127.0.0.1:9 "):
        executor._knock("127.0.0.1:9")
    executor._knock("local")
    executor._knock("auto")


def test_failing_run_is_named_in_one_line_and_the_others_are_made(tiny, monkeypatch, capsys):
    def fail(ask, at, folder):
        raise ValueError("no\npixels")

    monkeypatch.setattr("yogalib.models.linear.answer", fail)
    study = Study.open(str(tiny))
    runs = asked_runs(study).query("kind in ('linear', 'zero_shot')").reset_index(drop=True)
    outcomes = make_runs(study, runs, "local")
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if "FAILED" in line]
    assert "linear" in line
    assert "ValueError: no pixels (test_executor.py, line" in line
    assert [bool(outcome.error) for outcome in outcomes] == runs["kind"].eq("linear").tolist()
    assert store(tiny.parent / "runs").keys() == {outcome.run for outcome in outcomes if outcome.run}
    assert f"{len(runs) - 1} made, 0 in the store already, 1 failed" in said
    make_runs(study, runs, "local")  # goes on: nothing is made twice
    assert f"0 made, {len(runs) - 1} in the store already, 1 failed" in capsys.readouterr().out
    monkeypatch.setattr("yogalib.tools.executor.asked_runs", lambda study: runs)
    assert main(["runs", str(tiny)]) == 1


def test_longest_runs_come_first_and_judged_ones_stay_with_the_notebooks():
    runs = asked_runs(Study.open("smoke", planned=True))
    assert runs["seen"].is_monotonic_decreasing
    assert set(runs["kind"]) == {"yolo", "finetune", "linear", "zero_shot", "written", "joints", "probe", "network"}


def test_asks_and_their_workshop_travel_to_another_process_as_they_are():
    study = Study.open("smoke", planned=True)
    for ask in asked_runs(study)["ask"]:
        there = pickle.loads(pickle.dumps(ask))
        assert there.name == ask.name
        assert there.source == ask.source
    assert pickle.loads(pickle.dumps(study.workshop)) == study.workshop


def test_small_runs_share_a_gpu_and_runs_whose_cost_is_shown_do_not():
    def planned(kind="finetune", model="CLIP-mini-RN", batch=6, kept=False) -> SimpleNamespace:
        return SimpleNamespace(kind=kind, model=model, batch=batch, prompts=82, ask=SimpleNamespace(kept=kept))

    assert gpu_share(planned(), CARD) == 1 / executor.PER_GPU
    assert gpu_share(planned(kept=True), CARD) == 1
    assert gpu_share(planned("yolo", "yolov8x-cls.pt"), CARD) == 1
    assert gpu_share(planned(model="mine.safetensors"), CARD) == 1
    assert gpu_share(planned("linear", ""), CARD) == gpu_share(planned(), 0) == 0
    # the paper's own fine-tuning fills a card of 16 GB, not one of 80
    assert gpu_share(planned(model="ViT-B/32", batch=82), 16e9) == 1
    assert gpu_share(planned(model="ViT-B/32", batch=82), CARD) < 1


def start_ray(*words: str, environment: dict) -> bool:
    """Start a node, and say whether it came up: Ray gives its helpers fifteen seconds, too few on a busy machine."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", "--object-store-memory=100000000"]
    words = (*words, "--include-log-monitor=false")
    done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "timed out during startup" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode == 0


def end_ray(folder: Path) -> None:
    """End all processes of the cluster that keeps its files in `folder`."""
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in " ".join(process.info["cmdline"] or []):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def raylets(folder: Path) -> list[psutil.Process]:
    """The nodes of the cluster that keeps its files in `folder`, the oldest first."""
    found = [
        process
        for process in psutil.process_iter(["name", "cmdline", "create_time"])
        if process.info["name"] == "raylet" and str(folder) in " ".join(process.info["cmdline"])
    ]
    return sorted(found, key=lambda process: process.info["create_time"])


@pytest.fixture
def two_nodes():
    """A cluster of two nodes on this machine, one core each: its folder and the environment that finds it."""
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    secret["RAY_worker_niceness"] = "0"  # else workers stand behind all else, and on a busy machine get no turn
    alone = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"} | secret
    for _ in range(4):
        # short: a socket's path has 107 characters at most
        folder, port = Path("/tmp") / f"ray-{secrets.token_hex(3)}", 20000 + secrets.randbelow(9000)
        head = ("--head", f"--port={port}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}")
        try:
            if start_ray(*head, "--include-dashboard=false", "--no-monitor", environment=alone) and start_ray(
                f"--address=127.0.0.1:{port}", environment=alone
            ):
                yield folder, alone | {"RAY_ADDRESS": f"127.0.0.1:{port}", "EXECUTOR": "ray"}
                return
        finally:
            end_ray(folder)
    pytest.skip("Ray did not come up within the fifteen seconds that it gives itself: this machine is too busy")


@pytest.mark.slow
def test_cluster_that_loses_a_node_makes_the_same_runs_to_the_byte(tiny, two_nodes, monkeypatch, tmp_path):
    pytest.importorskip("ray")
    assert main(["runs", str(tiny)]) == 0
    here = store(tmp_path / "runs")
    folder, environment = two_nodes
    environment |= {"RUNS_DIR": str(tmp_path / "cluster")}
    command = [sys.executable, "-m", "yogalib", "runs", str(tiny)]
    started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    while len(store(tmp_path / "cluster")) < 3 or not list((tmp_path / "cluster").glob(".*.partial")):
        assert started.poll() is None
        time.sleep(0.05)
    _, lost = raylets(folder)
    before = store(tmp_path / "cluster")
    lost.kill()
    said, _ = started.communicate(timeout=400)
    assert started.returncode == 0, said
    assert f"{len(here)} made, 0 in the store already, 0 failed" in said
    after = store(tmp_path / "cluster")
    assert before.items() <= after.items()
    assert after == here
    assert len({json.loads(path.read_text())["threads"] for path in tmp_path.glob("*/*/cost.json")}) == 1
    assert not list((tmp_path / "cluster").glob(".*.partial"))
