"""The run store: whole or not at all, once, and by configuration."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yogalib import paths
from yogalib.errors import BadInput
from yogalib.runs.store import Run, find_run, mark, run_id, save_predictions, stored_run


def make(folder: Path) -> None:
    rows = pd.DataFrame({"path": ["a", "b"], "sha256": ["0", "1"], "class": [5, 9]})
    save_predictions(
        folder, rows, np.array([5, 9]), np.array([[0.7, 0.3], [0.6, 0.4]]), np.array([[0.2, 0.1], [0.2, 0.1]])
    )
    pd.DataFrame({"epoch": [1], "loss": [0.5]}).to_csv(folder / "history.csv", index=False)


CONFIG = {"kind": "fine_tuning", "classes": [5, 9], "settings": {"epochs": 3}}


def test_run_is_made_once_and_read_back(tmp_path):
    calls = []
    for _ in range(2):
        run = stored_run(tmp_path, CONFIG, lambda folder: calls.append(folder) or make(folder))
    assert len(calls) == 1
    assert run.config == CONFIG
    assert run.labels.tolist() == [0, 1]
    assert run.predicted.tolist() == [0, 0]
    assert run.probabilities.shape == run.cosine.shape == (2, 2)
    assert {"seconds", "threads", "versions"} <= set(run.cost)


def test_id_follows_the_configuration_and_not_its_order():
    assert run_id(CONFIG) == run_id(dict(reversed(CONFIG.items())))
    assert run_id(CONFIG) != run_id(CONFIG | {"settings": {"epochs": 4}})


def test_failed_run_leaves_no_folder_and_is_made_anew(tmp_path):
    def fail(folder: Path) -> None:
        make(folder)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        stored_run(tmp_path, CONFIG, fail)
    assert not (tmp_path / run_id(CONFIG)).exists()
    assert stored_run(tmp_path, CONFIG, make).labels.tolist() == [0, 1]


def _slow(root: Path, log: Path) -> None:
    def slowly(folder: Path) -> None:
        make(folder)
        with log.open("a") as file:
            file.write("made\n")
        time.sleep(1.5)

    stored_run(root, CONFIG, slowly)


def test_run_killed_halfway_leaves_no_folder(tmp_path):
    log = tmp_path / "log"
    process = multiprocessing.get_context("fork").Process(target=_slow, args=(tmp_path, log))
    process.start()
    while not log.exists():
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not (tmp_path / run_id(CONFIG)).exists()
    assert stored_run(tmp_path, CONFIG, make).labels.tolist() == [0, 1]


def test_two_processes_train_a_run_once(tmp_path):
    log = tmp_path / "log"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_slow, args=(tmp_path, log)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert log.read_text() == "made\n"


def test_run_that_another_host_finished_meanwhile_is_taken_as_it_is(tmp_path):
    """Where locks do not reach other hosts, the same run may be made twice at a time: the first to finish stays."""

    def make_late(folder: Path) -> None:
        make(folder)
        if not (tmp_path / run_id(CONFIG)).exists():
            shutil.copytree(folder, tmp_path / run_id(CONFIG))
            (tmp_path / run_id(CONFIG) / "config.json").write_text(json.dumps(CONFIG))

    assert stored_run(tmp_path, CONFIG, make_late).config == CONFIG
    assert not list(tmp_path.glob(".*.partial"))


def test_two_hosts_with_the_same_process_number_write_to_different_names(tmp_path, monkeypatch):
    names = set()
    for host in ("a", "b"):
        monkeypatch.setattr(paths.platform, "node", lambda host=host: host)
        names.add(paths.partial_folder(tmp_path / host / "run").name)
        paths.write_whole(tmp_path / "file", lambda path: names.add(path.name) or path.touch())
    assert len(names) == 4


def test_last_names_the_newest_and_find_run_says_what_is_wrong(tmp_path):
    with pytest.raises(BadInput, match="run 'last' not found"):
        find_run("last", tmp_path)
    first = stored_run(tmp_path, CONFIG, make)
    second = stored_run(tmp_path, CONFIG | {"seed": 1}, make)
    mark(first, "last")
    mark(second, "last")
    with pytest.raises(BadInput, match="kept no weights"):
        find_run("last", tmp_path)
    (second.folder / "model.safetensors").touch()
    assert find_run("last", tmp_path) == Run(second.folder)
    assert find_run(str(second.folder), Path("elsewhere")) == Run(second.folder)
    assert find_run(second.folder.name, tmp_path) == Run(second.folder)
