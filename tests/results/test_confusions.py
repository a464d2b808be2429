"""Which poses are taken for which, and that each count opens as many pictures as it says."""

from pathlib import Path

import numpy as np
import pytest
from opened import check_openings
from runs_by_hand import answered
from sklearn.metrics import confusion_matrix

from yogalib.facts.paper import load_paper
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.results.confusions import (
    ALL,
    OTHER,
    beside_each_other,
    confusion_keys,
    confusion_matrices,
    matrix_table,
    mistake_openers,
    most_confused,
    papers_order,
    pose_openers,
    pose_table,
)
from yogalib.results.metrics import accuracy_by_level
from yogalib.results.openers import by_column, embedded, level_openers, only
from yogalib.results.show import printed, table_figure

WORLD = np.flatnonzero(load_taxonomy()["l1_name"].isin(["Reclining", "Sitting"]))[::3]


@pytest.fixture
def said(tmp_path):
    """Answers of a model that is right in about half."""
    return answered(tmp_path, WORLD, seed=1)


def test_matrices_bear_the_papers_order_and_numbers(said):
    printed_order = list(load_paper()["class_counts"])
    keys = list(confusion_keys(said.run))
    assert [name for name, _, _ in keys] == ["table_a7", "table_a8"]
    for _, superclass, key in keys:
        here = load_taxonomy().loc[WORLD]
        expected = set(here.loc[here["l1_name"] == superclass, "sanskrit"])
        assert key["pose"].tolist() == [name for name in printed_order if name in expected]
    everything = load_taxonomy()["sanskrit"].to_numpy()[papers_order(np.arange(82))]
    reclining = [name for name in everything if load_taxonomy().set_index("sanskrit")["l1_name"][name] == "Reclining"]
    assert reclining[0] == "Savasana" and reclining[-1] == "Mayurasana"  # Table A7: labels 0 and 18


def test_counts_are_those_of_an_independent_matrix_and_every_picture_has_its_place(said):
    run = said.run
    whole = confusion_matrix(run.labels, run.predicted, labels=range(len(WORLD)))
    for matrix in confusion_matrices(run):
        assert matrix.counts.tolist() == whole[np.ix_(matrix.members, matrix.members)].tolist()
        for place, member in enumerate(matrix.members):
            assert matrix.taken(place, ALL).sum() == whole[member].sum()
            assert matrix.taken(ALL, place).sum() == whole[:, member].sum()
            assert matrix.taken(place, OTHER).sum() == whole[member].sum() - matrix.counts[place].sum()


def test_every_count_opens_as_many_pictures_as_it_says_and_right_ones(said, tmp_path):
    poses, confused, levels = (
        pose_table(said.run),
        most_confused(said.run),
        accuracy_by_level(said.run.probabilities, said.run.labels, said.run.classes),
    )
    parts = [matrix_table(matrix, said) for matrix in confusion_matrices(said.run)]
    for table, opens in ((poses, pose_openers(said, poses)), (confused, mistake_openers(said, confused))):
        parts.append(
            table_figure(
                "table_x", printed(table), "", opens={name.replace("_", " "): of for name, of in opens.items()}
            )
        )
    opens = level_openers(said)
    parts.append(
        table_figure("table_08", printed(levels), "", opens={"accuracy, %": opens["accuracy"], "n": opens["n"]})
    )
    page = "".join(parts) + embedded([said])
    assert check_openings(page, tmp_path) > 50


def test_answers_that_change_are_seen(said, tmp_path):
    page = embedded([said])
    file = said.run.folder / "predictions.parquet"
    changed = said.run.predictions.copy()
    changed.loc[3, [column for column in changed if column.startswith("p_")]] = 1 / len(WORLD)
    changed.to_parquet(file)
    with pytest.raises(AssertionError):
        check_openings(page, tmp_path)


def test_rows_of_poses_add_up(said):
    table, run = pose_table(said.run), said.run
    assert table["n"].sum() == len(run.labels) and table["right"].sum() == run.hits.sum()
    assert table["named_wrongly"].sum() == (~run.hits).sum()
    assert (table["right"] + table["times"] <= table["n"]).all()
    assert table.loc[table["times"] == 0, "taken_for"].eq("").all()


def test_two_models_beside_each_other_count_who_is_right_alone(said, tmp_path):
    other = answered(tmp_path, WORLD, seed=2, model="other")
    table, opens = beside_each_other(said, other)
    ours, theirs = said.run.hits, other.run.hits
    sums = table.drop(columns=["sanskrit", "english"]).sum()
    assert sums.tolist() == [len(ours), ours.sum(), theirs.sum(), (ours & ~theirs).sum(), (theirs & ~ours).sum()]
    page = table_figure("table_x", printed(table), "", opens=opens) + embedded([said, other])
    assert check_openings(page, tmp_path) > 20


def test_one_row_alone_opens_anything(said):
    opens = only(1, 3, said.accuracy())
    assert [opener is not None for opener in opens["accuracy"]] == [False, True, False]
    assert len(opens["n"][1].places) == len(said.run.labels)
    assert by_column([]) == {}


def test_path_and_digest_stand_where_a_page_may_not_hold_pictures(tmp_path):
    shown, hidden = (embedded([answered(tmp_path, WORLD, seed=3, pictures=pictures)]) for pictures in (True, False))
    assert "data:image/webp" in shown and "data:image" not in hidden
    assert Path("Pose_0/0.png").as_posix() in hidden


def test_nobody_found_is_no_answer(tmp_path):
    said = answered(tmp_path, WORLD, seed=4, nobody=[0])
    assert check_openings(embedded([said]), tmp_path) == 0
    assert not said.run.hits[0] and pose_table(said.run)["n"].sum() == len(said.run.labels)


def test_names_from_a_users_folder_are_data_not_html(tmp_path):
    said = answered(tmp_path, WORLD, seed=5, pictures=False, folder="</script><b>")
    assert "</script><b>" not in embedded([said])
    assert check_openings(embedded([said]), tmp_path) == 0
