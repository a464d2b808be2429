"""Splits and subsets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yogalib.dataset.lists import PICKED
from yogalib.dataset.splits import draw_per_class, hold_out, split_rows
from yogalib.dataset.subsets import POSES, select_subset
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy


def rows_of(counts: dict[int, int]) -> pd.DataFrame:
    classes = np.repeat(list(counts), list(counts.values()))
    paths = [f"{number}/{place}.jpg" for place, number in enumerate(classes)]
    shas = [f"{place:064x}" for place in range(len(classes))]
    return pd.DataFrame({"path": paths, "class": classes, "split": "", "sha256": shas, "status": "kept"})


@given(st.dictionaries(st.integers(0, 81), st.integers(10, 60), min_size=2, max_size=8), st.integers(0, 99))
@example({0: 11, 1: 11, 2: 29}, 0)
def test_stratified_split_parts_everything_once_and_keeps_shares(counts, seed):
    rows = rows_of(counts)
    train, test = split_rows(rows, "stratified", 0.2, seed)
    assert sorted([*train["path"], *test["path"]]) == sorted(rows["path"])
    assert len(test) == np.ceil(0.2 * len(rows))
    for number, count in counts.items():
        assert abs((test["class"] == number).sum() - 0.2 * count) <= 1
    again = split_rows(rows, "stratified", 0.2, seed)[1]
    assert again.equals(test)


def test_another_seed_draws_another_split():
    rows = rows_of({1: 50, 2: 50})
    drawn = {tuple(split_rows(rows, "stratified", 0.2, seed)[1]["path"]) for seed in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize("counts", [{1: 50, 2: 1}, {1: 100, 2: 2}, dict.fromkeys(range(20), 2)])
def test_split_that_leaves_a_class_without_test_images_is_refused(counts):
    with pytest.raises(BadInput, match=r"leaves a class without test images: .+ \(\d+ images in all\)"):
        split_rows(rows_of(counts), "stratified", 0.05, 0)


def test_official_split_is_the_lists_own_or_refused():
    rows = rows_of({1: 4, 2: 4})
    with pytest.raises(BadInput, match="needs the official lists"):
        split_rows(rows, "official", 0.2, 0)
    rows["split"] = ["train", "test", "train", ""] * 2
    train, test = split_rows(rows, "official", 0.2, 0)
    assert (len(train), len(test)) == (4, 2)
    rows.loc[rows["class"] == 2, "split"] = "train"
    with pytest.raises(BadInput, match="without test images"):
        split_rows(rows, "official", 0.2, 0)


def test_subset_i_is_the_papers_six_poses():
    taxonomy = load_taxonomy().set_index("sanskrit")
    six = {int(taxonomy.loc[pose, "class"]): 5 for pose in POSES}
    rows = rows_of(six | {int(taxonomy.loc["Vrksasana", "class"]): 5})
    assert select_subset(rows, "subset_i")["class"].nunique() == 6
    assert select_subset(rows, "all")["class"].nunique() == 7
    with pytest.raises(BadInput, match="no image of Dhanurasana"):
        select_subset(rows[rows["class"] != int(taxonomy.loc["Dhanurasana", "class"])], "subset_i")


def test_subset_ii_needs_a_list_and_takes_just_what_it_names(tmp_path):
    taxonomy = load_taxonomy().set_index("sanskrit")
    rows = rows_of({int(taxonomy.loc[pose, "class"]): 5 for pose in POSES})
    with pytest.raises(BadInput, match="never published"):
        select_subset(rows, "subset_ii", tmp_path)
    rows.iloc[::2][["sha256"]].to_csv(tmp_path / PICKED, index=False)
    assert len(select_subset(rows, "subset_ii", tmp_path)) == 15


def test_dropped_rows_and_single_classes_make_no_subset():
    rows = rows_of({1: 5, 2: 5})
    rows.loc[rows["class"] == 2, "status"] = "too_small"
    with pytest.raises(BadInput, match="one class only"):
        select_subset(rows, "all")


def test_held_out_part_is_a_share_of_the_training_part_and_disjoint():
    rows = rows_of({1: 40, 2: 40, 3: 4})
    train, held = hold_out(rows, 0.1, seed=3)
    assert len(held) == 9  # of 84
    assert not set(train["path"]) & set(held["path"])
    assert len(train) + len(held) == len(rows)
    assert set(train["class"]) == {1, 2, 3}


def test_validation_part_may_be_smaller_than_there_are_classes():
    rows = rows_of(dict.fromkeys(range(40), 3) | {40: 1})
    train, held = hold_out(rows, 0.1, seed=0)
    assert (len(train), len(held)) == (108, 13)
    assert held["class"].value_counts().max() == 1
    assert set(train["class"]) == set(range(41))


def test_draw_per_class_is_even_nested_and_takes_all_of_a_small_class():
    rows = rows_of({1: 30, 2: 30, 3: 5})
    few, more = draw_per_class(rows, 4, seed=1), draw_per_class(rows, 8, seed=1)
    assert few["class"].value_counts().to_dict() == {1: 4, 2: 4, 3: 4}
    assert more["class"].value_counts().to_dict() == {1: 8, 2: 8, 3: 5}
    assert set(few["path"]) < set(more["path"])
    assert set(few["path"]) != set(draw_per_class(rows, 4, seed=2)["path"])
