"""The 82 poses against the official lists, and the names that users give their folders."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yogalib.dataset.subsets import POSES
from yogalib.taxonomy import class_of, load_taxonomy, parents, superclass_names

TAXONOMY = load_taxonomy()
FOLDERS = TAXONOMY["folder"].tolist()


def test_levels_have_6_20_and_82_members():
    assert TAXONOMY["class"].tolist() == list(range(82))
    assert len(set(superclass_names(1))) == 6
    assert len(set(superclass_names(2))) == 20
    for column in ("folder", "sanskrit", "english"):
        assert TAXONOMY[column].is_unique
    assert (TAXONOMY.groupby("l2")["l1"].nunique() == 1).all()
    assert [len(parents(level)) for level in (1, 2, 3)] == [82, 82, 82]
    assert superclass_names(1)[parents(1)[class_of("Vrksasana")]] == "Standing"


def test_numbers_are_the_official_lists_own(shared):
    seen = set()
    for name in ("yoga_train.txt", "yoga_test.txt"):
        for line in (shared / "yoga82" / name).read_text().splitlines():
            path, *levels = line.strip().rsplit(",", 3)
            seen.add((path.split("/")[0], *map(int, levels)))
    assert len(seen) == 82
    for folder, l1, l2, number in seen:
        assert class_of(folder) == number
        assert TAXONOMY.loc[number, ["l1", "l2"]].tolist() == [l1, l2]


def test_folders_are_the_link_lists_own(shared):
    files = (shared / "yoga82" / "yoga_dataset_links").glob("*.txt")
    assert {file.read_text().split("/")[0].strip() for file in files} == set(FOLDERS)


@given(
    st.sampled_from(FOLDERS),
    st.sampled_from([" ", "_", "-", "  "]),
    st.sampled_from([str.upper, str.lower, str.title, str]),
)
def test_folder_is_known_in_any_case_and_punctuation(folder, gap, case):
    assert class_of(case(re.sub(r"[_ ]+", gap, folder))) == class_of(folder) is not None


@pytest.mark.parametrize("column", ["folder", "sanskrit", "english"])
def test_every_name_means_its_own_pose(column):
    assert [class_of(name) for name in TAXONOMY[column]] == list(range(82))


@pytest.mark.parametrize(
    ("name", "sanskrit"),
    [
        ("Vajrasana", "Vajrasana"),
        ("Virasana", "Vajrasana"),
        ("Balāsana", "Balasana"),
        ("downward-facing dog", "Adho Mukha Svanasana"),
        ("Split pose", "Split"),
        ("Upward Bow", "Urdhva Dhanurasana"),
        ("Crane (Crow)", "Bakasana"),
    ],
)
def test_names_that_people_use(name, sanskrit):
    assert TAXONOMY["sanskrit"][class_of(name)] == sanskrit


@pytest.mark.parametrize("name", ["", "___", "pose", "उष्ट्रासन", "train", "images", "warrior", "yoga", "..", "asana"])
def test_nothing_is_guessed(name):
    assert class_of(name) is None


def test_caller_can_not_spoil_the_taxonomy():
    mine = load_taxonomy()
    mine.loc[0, "folder"] = "spoilt"
    assert load_taxonomy()["folder"][0] == FOLDERS[0]


def test_subset_poses_are_poses():
    assert set(POSES) <= set(TAXONOMY["sanskrit"])
