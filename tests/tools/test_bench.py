"""The benchmark's rows on a tiny scale: they run, and their arithmetic is right; no test looks at a speed."""

import json
from functools import partial

import pandas as pd
import pytest
import torch

from yogalib.__main__ import main
from yogalib.models.device import Device
from yogalib.models.finetune import batch_loss
from yogalib.processes import process_pool
from yogalib.tools.bench import commands, training
from yogalib.tools.bench import main as benchmark
from yogalib.tools.bench.setting import PEER, Bench, Sizes
from yogalib.tools.bench.training import open_clip_step, tuning_rows
from yogalib.tools.bench.turns import Row, peak, table, take_turns

CPU = Device(torch.device("cpu"), bf16=False)
TINY = Sizes((("CLIP-mini-RN", 6),), ("CLIP-mini-RN",), flow=4, train=8, epochs=1, repeats=1, runs=1, matrix=64)


def test_paths_take_turns_and_the_first_of_each_does_not_count():
    seen = []
    taken = take_turns({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, 2)
    assert seen == ["a", "b"] * 3
    assert [len(seconds) for seconds in taken.values()] == [2, 2]


def test_ratio_is_of_medians_and_above_one_where_ours_is_better():
    row = Row("step", "some", {"naive": [4.0, 6.0, 100.0], "ours": [2.0, 3.0, 2.0]}, pictures=6)
    assert row.ratio("naive") == 3
    assert row.ratio("open_clip") is None
    assert Row("share", "some", {"naive": [10.0], "ours": [30.0]}, unit="%").ratio("naive") == 3
    line = table([row])[1]
    assert "6 (4-100) s" in line
    assert line.split()[-3:] == ["3", "3.0x", "-"]


def test_peak_is_what_memory_grows_by():
    with process_pool(1) as pool:  # what an earlier test has freed would hide it
        grown = pool.submit(peak, partial(torch.ones, 60_000_000)).result()
    assert grown == pytest.approx(0.24, abs=0.05)


def test_scaled_rows_say_so_and_count_one_decoding_for_all_splits(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "take_turns", lambda paths, *_, **__: {path: [1.0] for path in paths})
    one, all_splits = tuning_rows(Bench.open(CPU, TINY, tmp_path))
    whole = 15_301 / 8 * 5
    assert one.values["naive"] == pytest.approx([whole])
    assert one.values["ours"] == pytest.approx([15_301 / 8 + whole])
    assert all_splits.values["ours"] == pytest.approx([15_301 / 8 + 78 * whole])
    assert one.note == "scaled from 1 x 8 pictures, 1 steps"


@pytest.mark.slow  # two steps of 151 million weights
def test_open_clips_step_does_the_same_work_as_the_others(tmp_path, monkeypatch):
    """The same weights, pictures and captions: were the losses not the same, the row would compare nothing."""
    open_clip = pytest.importorskip("open_clip")
    bench = Bench.open(CPU, TINY, tmp_path)
    encoder, make, labels = bench.encoder(PEER), open_clip.create_model, bench.labels(3)

    def with_the_same_weights(*given, **more):
        model = make(*given, **more)
        model.load_state_dict(encoder.model.state_dict())
        return model

    monkeypatch.setattr(open_clip, "create_model", with_the_same_weights)
    images = torch.randn(3, 3, 224, 224)
    theirs = open_clip_step(bench, images, labels)()
    tokens = encoder.tokenise(bench.prompts)
    ours = batch_loss(encoder.model, images, torch.from_numpy(labels), tokens, "diagonal", CPU)
    assert float(theirs) == pytest.approx(float(ours.detach()), abs=1e-4)


def test_make_bench_prints_every_row_and_keeps_it_when_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(benchmark.SIZES, torch.empty(0).device.type, TINY)
    monkeypatch.setattr(benchmark, "pick_device", lambda *_: CPU)
    monkeypatch.setattr(commands, "COMMANDS", {"help": ["--help"]})
    assert main(["bench", "--save", str(tmp_path / "kept")]) == 0
    told = capsys.readouterr().out
    for what in (
        *("decoded", "later epochs", "index and cache", "step, batch 6", "78 splits", "paper's definition"),
        *("prompts cached", "image tower", "help, processor's time"),
    ):
        assert what in told
    (file,) = (tmp_path / "kept").glob("*.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert {"processor", "cores", "threads", "date", "versions"} <= kept.keys()
    rows = pd.read_csv(file.with_suffix(".csv"))
    assert len(rows) == len(kept["rows"]) == len(told.splitlines()) - 3
    assert (rows.loc[rows["unit"] == "s", ["naive", "ours"]] > 0).all(axis=None)
