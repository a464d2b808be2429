"""The smoke profile as a whole: its story, and its numbers against a recomputation that shares no code with it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recomputed import Recomputed, accuracy, over_splits, weighted, wilson
from test_reproduce import make


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    """A home in which the smoke profile was reproduced."""
    home = tmp_path_factory.mktemp("smoke")
    done = make("reproduce", "PROFILE=smoke", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.mark.slow
def test_smoke_profile_tells_the_story_without_any_data(smoke):
    report = smoke / "reports" / "smoke"
    words = pd.read_csv(report / "tables" / "table_words.csv").set_index(["encoder", "words"])["accuracy"]
    assert words["CLIP-mini-RN", "description"] > words["CLIP-mini-RN", "sanskrit"] + 0.1
    levels = pd.read_csv(report / "tables" / "table_08.csv").query("k == 1").set_index("level")["accuracy"]
    assert levels["L3"] > 0.3
    assert "Stand-in." in (report / "index.html").read_text()


@pytest.mark.slow
def test_tables_4_to_11_follow_from_the_stored_answers(smoke):
    again, tables = Recomputed(smoke), smoke / "reports" / "smoke" / "tables"
    table = {number: pd.read_csv(tables / f"table_{number:02d}.csv") for number in range(4, 12)}
    tuning, small = again.profile["fine_tuning"], again.profile["small_runs"]
    share, scale = again.profile["split"]["test_share"], small["rate_scale"]

    zero = again.profile["zero_shot"]["prompt"]
    for row in table[4].itertuples():
        (run,) = [
            run for run in again.asked(kind="zero_shot", encoder=row.encoder) if again.prompts(run, *zero.values())
        ]
        assert (row.accuracy, row.n) == (pytest.approx(accuracy(run)), len(run["answers"]))
        assert (row.low, row.high) == pytest.approx(wilson(row.accuracy, row.n))

    of_all = again.asked(
        kind="finetune", encoder=tuning["encoder"], poses=len(again.profile["data"]["synthetic"]["classes"])
    )
    (kept,) = [run for run in of_all if run.get("keep_weights") and run["settings"]["targets"] == tuning["targets"]]
    for row in table[8].itertuples():
        top = accuracy(kept, again.poses[row.level.lower()] if row.level != "L3" else None, row.k)
        assert row.accuracy == pytest.approx(top)
        assert (row.low, row.high) == pytest.approx(wilson(top, row.n))
    told = table[10].set_index("metric")
    for metric, value in weighted(kept).items():
        assert told.loc[metric, "value"] == pytest.approx(value)
        assert told.loc[metric, "low"] < value < told.loc[metric, "high"]

    splits = [run for run in of_all if run["settings"] == kept["settings"] and run["prompts"] == kept["prompts"]]
    assert len({run["test"] for run in splits}) == again.profile["split"]["repeats"]
    splits = list({run["test"]: run for run in splits}.values())
    for row in table[9][table[9]["model"] == tuning["encoder"]].itertuples():
        values = [accuracy(run, again.poses[row.level.lower()] if row.level != "L3" else None) for run in splits]
        assert (row.mean, row.sd, row.low, row.high) == pytest.approx(over_splits(values, share))

    of_six = again.asked(kind="finetune", poses=6, encoder=tuning["encoder"], settings__targets=tuning["targets"])
    usual = [
        run
        for run in of_six
        if run["settings"]["optimiser"]["learning_rate"] == pytest.approx(scale * small["pair"][0])
    ]
    usual = [run for run in usual if run["settings"]["optimiser"]["weight_decay"] == small["pair"][1]]
    parts = {}  # training and test part of the one split of Subset II, from the syntaxes that nothing else asks for
    for row in table[5].itertuples():
        template, _, names = row.prompt.rpartition(" (")
        runs = [run for run in usual if again.prompts(run, template, names.rstrip(")")) and parts in ({}, part_of(run))]
        if row.syntax == "image_of_a_person":
            continue  # asked for by Table 11 too; below
        (run,) = runs
        parts = part_of(run)
        assert row.mean == pytest.approx(accuracy(run))
    default = [run for run in usual if again.prompts(run, *tuning["prompt"].values()) and run["test"] == parts["test"]]
    (whole,) = [run for run in default if part_of(run) == parts]
    assert table[5].set_index("syntax").loc["image_of_a_person", "mean"] == pytest.approx(accuracy(whole))

    for number, mine in ((6, False), (7, True)):
        for row in table[number].itertuples():
            grid = [
                run
                for run in of_six
                if run["settings"]["epochs"] == small["epochs"] and run["prompts"] == whole["prompts"]
            ]
            grid = [run for run in grid if (part_of(run) == parts) == mine and len(run["answers"]) == row.n]
            rates = [run["settings"]["optimiser"] for run in grid]
            (run,) = [
                run
                for run, rate in zip(grid, rates, strict=True)
                if rate["learning_rate"] == pytest.approx(scale * row.paper_rate)
                and rate["weight_decay"] == row.weight_decay
            ]
            assert row.mean == pytest.approx(accuracy(run))

    few = [run for run in default if part_of(run) != parts and run["settings"]["epochs"] == small["epochs"]]
    printed = table[11].set_index("per_class")["mean"]
    assert printed["all"] == pytest.approx(accuracy(whole))
    assert sorted(printed.drop("all")) == pytest.approx(sorted(accuracy(run) for run in few))


def part_of(run: dict) -> dict:
    """The training and the test part of a run, by their hashes."""
    return {"train": run["train"], "test": run["test"]}


def test_intervals_of_the_recomputation_are_those_of_the_books():
    assert wilson(0.2, 10) == pytest.approx((0.0567, 0.5098), abs=1e-4)  # Agresti and Coull 1998
    mean, sd, low, high = over_splits([0.4, 0.5, 0.6], 0.2)
    assert (mean, sd) == pytest.approx((0.5, 0.1)) and high - mean == pytest.approx(
        4.3027 * 0.1 * np.sqrt(1 / 3 + 1 / 4), rel=1e-3
    )
    assert low == pytest.approx(1 - high)
