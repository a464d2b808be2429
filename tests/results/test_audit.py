"""Near-duplicates, and what else the audit of a data set looks for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from yogalib.dataset.images import text_share
from yogalib.dataset.splits import hold_out, split_rows
from yogalib.dataset.twins import ALIKE, MOST_BITS, SURE_BITS, find_twins, have_twin, twin_groups
from yogalib.results.audit import by_twins, conflicts, margin_counts, margins, recovered, twin_counts, with_text
from yogalib.study import Study
from yogalib.synthetic.world import planted_twins

hashes = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12)


def rows_of(phashes: list[int], classes: list[int] | None = None, prefix: str = "") -> pd.DataFrame:
    names = [f"{prefix}{place}.jpg" for place in range(len(phashes))]
    columns = {
        "path": names,
        "class": classes or [0] * len(phashes),
        "sha256": [f"{prefix}{place}" for place in range(len(phashes))],
    }
    return pd.DataFrame(columns | {"phash": [f"{value:016x}" for value in phashes]})


def alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.ones(len(a))


def flipped(value: int, bits: int) -> int:
    return value ^ ((1 << bits) - 1)


@given(hashes, hashes)
def test_pairs_are_those_that_comparing_bit_by_bit_finds(ours, theirs):
    theirs = theirs + [flipped(value, 3) for value in ours]
    found = find_twins(rows_of(ours, prefix="a"), rows_of(theirs, prefix="b"), alike)
    told = {(row.path_a, row.path_b): row.bits for row in found.itertuples()}
    by_hand = {
        (f"a{i}.jpg", f"b{j}.jpg"): (x ^ y).bit_count()
        for i, x in enumerate(ours)
        for j, y in enumerate(theirs)
        if (x ^ y).bit_count() <= MOST_BITS
    }
    assert told == by_hand


def test_encoder_is_asked_for_the_doubtful_alone_and_decides_them():
    rows, asked = rows_of([0, flipped(0, SURE_BITS), flipped(0, 6) << 20, flipped(0, MOST_BITS) << 40]), []

    def cosine(a, b):
        asked.extend(zip(a.tolist(), b.tolist(), strict=True))
        return np.where(b == 2, ALIKE, ALIKE - 0.01)

    found = find_twins(rows, None, cosine)
    assert asked == [(0, 2), (0, 3)]
    assert list(zip(found["path_b"], found["kind"], strict=True)) == [("1.jpg", "near"), ("2.jpg", "alike")]
    assert found["cosine"].isna().tolist() == [True, False]
    rows.loc[3, "sha256"] = rows.loc[0, "sha256"]
    assert "exact" in find_twins(rows, None, cosine)["kind"].tolist()


def test_twins_of_twins_are_one_group_and_strangers_are_none():
    chain = [0, flipped(0, 4), flipped(0, 4) ^ (0b1111 << 4), 2**64 - 1]
    rows = rows_of(chain)
    twins = find_twins(rows, None, lambda a, b: np.zeros(len(a)))  # the ends of the chain are 8 bits apart, and unlike
    assert len(twins) == 2
    groups = twin_groups(rows, twins)
    assert groups[0] == groups[1] == groups[2] != groups[3]
    assert len(set(twin_groups(rows.iloc[[0, 2, 3]], twins))) == 3  # the link between them is not in these rows


@given(st.integers(0, 50), st.lists(st.integers(0, 40), min_size=60, max_size=60))
def test_split_never_parts_a_group(seed, groups):
    groups = np.array(groups)
    groups[:12] = 100 + np.arange(12)  # a few loners of each class, or a class may have nothing to part
    rows = rows_of([0] * 60, classes=(np.arange(60) % 2).tolist())
    rows["split"] = ""
    train, test = split_rows(rows, "stratified", 0.3, seed, groups)
    assert len(train) + len(test) == 60
    assert not set(groups[train.index]) & set(groups[test.index])
    kept, held = hold_out(rows, 0.3, seed, groups)
    assert not set(groups[kept.index]) & set(groups[held.index])


def test_groups_of_one_leave_the_split_as_it_was():
    rows = rows_of([0] * 50, classes=[0] * 20 + [1] * 30)
    rows["split"] = ""
    plain, grouped = split_rows(rows, "stratified", 0.2, 7), split_rows(rows, "stratified", 0.2, 7, np.arange(50))
    assert all(one.equals(other) for one, other in zip(plain, grouped, strict=True))


@pytest.fixture
def labelled() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six pictures, places 0 to 5: 0 and 1 are twins of one class, 2 and 3 of two classes."""
    rows = rows_of([0, 1, 2**40 - 1, 2**40 - 2, 0xAAAAAAAAAAAAAAAA, 2**50 - 2**20], classes=[4, 4, 5, 7, 4, 5])
    return rows, find_twins(rows, None, lambda a, b: np.zeros(len(a)))


def test_audit_counts_conflicts_and_pairs_that_the_split_parts(labelled):
    rows, twins = labelled
    counts = twin_counts(twins, rows.iloc[[0, 2, 4]], rows.iloc[[1, 3, 5]]).set_index("kind")
    assert counts.loc["near"].tolist() == [2, 1, 2]
    assert counts.loc["all"].tolist() == [2, 1, 2]
    assert twin_counts(twins, rows.iloc[[0, 1]], rows.iloc[[2, 3]])["across_the_split"].sum() == 0
    (conflict,) = conflicts(twins).itertuples()
    assert {conflict.picture, conflict.twin} == {"2.jpg", "3.jpg"}
    assert conflict.labelled != conflict.labelled_as


def test_accuracy_with_and_without_twins_adds_up(labelled):
    rows, twins = labelled
    train, test = rows.iloc[[0, 2, 4]], rows.iloc[[1, 3, 5]]
    assert have_twin(test, train, twins).tolist() == [True, True, False]

    class Answers:
        hits = np.array([True, False, True])

    table = by_twins(Answers, train, test, twins).set_index("pictures")
    assert table["n"].tolist() == [3, 1, 2]
    assert table["accuracy"].tolist() == pytest.approx([2 / 3, 1, 1 / 2])
    assert by_twins(Answers, train.iloc[[2]], test, twins)["n"].tolist() == [3, 3, 0]


def test_audit_finds_the_planted_twins_of_a_drawn_world(folders):
    study = Study.open("smoke", {"data.synthetic.images": 500})
    planted = planted_twins(study.folder)
    (row,) = recovered(study.twins, planted).itertuples()
    assert row.planted >= 8
    assert row.precision >= 0.9
    assert row.recall >= 0.8
    split = study.profile.split.model_copy(update={"twins": "one_side"})
    together = Study(study.profile.model_copy(update={"split": split}), study.paths)
    rows = study.subset("all")
    leaks = [have_twin(*each.split(rows)[::-1], study.twins).sum() for each in (study, together)]
    assert leaks[0] > leaks[1] == 0


def test_known_pairs_are_scored_in_pairs():
    twins = pd.DataFrame({"path_a": ["a", "c"], "path_b": ["b", "d"]})
    (row,) = recovered(twins, {frozenset("ba"), frozenset("ef")}).itertuples(index=False)
    assert tuple(row) == (2, 2, 1, 0.5, 0.5)


def test_pictures_at_the_margin_are_listed_farthest_first():
    rows = pd.DataFrame(
        {"path": list("abcd"), "width": [50, 60, 900, 300], "height": [50, 70, 300, 300], "text": [0, 0, 0.1, 0.3]}
    )
    found = list(margins(rows, 64).values())
    assert [part["path"].tolist() for part in found] == [["a", "b"], ["c"], ["d", "c"]]
    assert margin_counts(margins(rows, 64), 4)["share"].tolist() == [0.5, 0.25, 0.5]


@pytest.mark.parametrize("size", [(640, 480), (90, 120), (3, 2000), (1, 1)])
def test_lines_of_text_are_seen_and_an_empty_wall_is_not(size, tmp_path):
    wall = Image.new("RGB", size, "white")
    assert text_share(wall) == 0
    wall.save(tmp_path / "wall.png")
    if size == (640, 480):
        pen, font = ImageDraw.Draw(wall), ImageFont.load_default(28)
        for line in range(6):
            pen.text((30, 40 + 60 * line), "ten benefits of the camel pose", "black", font)
        wall.save(tmp_path / "poster.png")
        rows = with_text(pd.DataFrame({"path": ["poster.png", "wall.png"]}), tmp_path)
        assert rows["text"][0] == text_share(wall) > 0.1
        assert rows["text"][1] == 0
