"""The 82 poses against the official lists, and the names that users give their folders."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yogalib.dataset.subsets import POSES
from yogalib.facts.taxonomy import (
    OTHER_NAMES,
    class_of,
    load_taxonomy,
    nearest_names,
    parents,
    superclass_names,
    unknown_pose,
)

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


@pytest.mark.parametrize(
    ("function", "level"), [(superclass_names, 0), (superclass_names, 3), (parents, 0), (parents, 4)]
)
def test_a_level_that_does_not_exist_is_refused(function, level):
    with pytest.raises(ValueError, match=f"level {level} is unknown"):
        function(level)


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
    files = sorted((shared / "yoga82" / "yoga_dataset_links").glob("*.txt"))
    inside = [{line.split("/")[0] for line in file.read_text().splitlines() if line.strip()} for file in files]
    assert all(len(folders) == 1 for folders in inside)
    assert sorted(set.union(*inside)) == sorted(FOLDERS)
    # two of the files are themselves named in the split lists' spelling
    assert [class_of(file.stem) for file in files] == [class_of(*folders) for folders in inside]


PAIRS = [(name, row["class"]) for _, row in TAXONOMY.iterrows() for name in row[["folder", "sanskrit", "english"]]]


@given(st.data(), st.sampled_from(PAIRS))
def test_name_is_known_in_any_case_and_punctuation(data, pair):
    name, number = pair
    gaps = st.text(" _-.()[]'’", min_size=1, max_size=3)
    words = [data.draw(st.sampled_from([word, word.upper(), word.lower()])) for word in re.findall(r"[^\W_]+", name)]
    ends = data.draw(st.sampled_from(["", " ", "_", "_pose", " Pose "]))
    assert class_of("".join(word + data.draw(gaps) for word in words[:-1]) + words[-1] + ends) == number


@given(st.text())
def test_any_text_is_a_pose_or_nothing(text):
    assert class_of(text) in {None, *range(82)}


@given(st.text(st.characters(min_codepoint=0x0900, max_codepoint=0x097F)), st.sampled_from(["", *FOLDERS]))
def test_nothing_with_devanagari_letters_is_mapped(text, folder):
    if any(letter.isalpha() for letter in text):
        assert class_of(text) is None
        assert class_of(f"{text} {folder}") is None


@pytest.mark.parametrize("column", ["folder", "sanskrit", "english"])
def test_every_name_means_its_own_pose(column):
    assert [class_of(name) for name in TAXONOMY[column]] == list(range(82))


def test_both_halves_of_a_folder_mean_its_pose():
    for number, folder in enumerate(FOLDERS):
        assert {class_of(half) for half in folder.split("_or_")} == {number}


def test_other_names_mean_the_pose_they_stand_for():
    assert set(OTHER_NAMES) <= set(TAXONOMY["sanskrit"])
    for pose, names in OTHER_NAMES.items():
        assert {class_of(name) for name in names} == {class_of(pose)}


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
        ("Hero", "Vajrasana"),
        ("Thunderbolt Pose", "Vajrasana"),
        ("supta virasana", "Supta Virasana Vajrasana"),
        ("Sitting pose 1 (normal)", "Sitting"),
        ("Sarvangasana", "Salamba Sarvangasana"),
        ("Parivrta Janu Sirsasana", "Parivrtta Janu Sirsasana"),
        ("adho mukha vriksasana", "Adho Mukha Vrksasana"),
        ("utthita hasta padangustasana", "Utthita Padangusthasana"),
        ("eka pada koundinyanasana ii", "Eka Pada Koundinyanasana I and II"),
        ("downdog", "Adho Mukha Svanasana"),
        ("warrior2", "Virabhadrasana II"),
        ("VirabhadrasanaIII", "Virabhadrasana III"),
        ("Virabhadrasana Ⅰ", "Virabhadrasana I"),
        ("ＢＡＬＡＳＡＮＡ", "Balasana"),
        ("TreePose", "Vrksasana"),
        ("Bharadvaja’s Twist", "Bharadvajasana I"),
        ("Triangle Pose", "Utthita Trikonasana"),
        ("Warrior Two", "Virabhadrasana II"),
        ("warrior_one_pose", "Virabhadrasana I"),
        ("Wheel Pose", "Urdhva Dhanurasana"),
        ("Dancer's Pose", "Natarajasana"),
        ("Standing Forward Fold", "Uttanasana"),
        ("butterfly", "Baddha Konasana"),
    ],
)
def test_names_that_people_use(name, sanskrit):
    assert TAXONOMY["sanskrit"][class_of(name)] == sanskrit


NOTHING = ["", "___", "pose", "train", "images", "warrior", "yoga", "..", "asana", "Standing", "Reclining", "Wheel"]
OF_ANOTHER_SCRIPT = ["उष्ट्रासन", "अर्ध Virasana", "Жbalasana"]
TWO_POSES = ["Warrior I, II", "Warrior_1_2", "Tree or Eagle", "Balasana Savasana"]
POSES_NOT_AMONG_THE_82 = ["Tadasana", "Ardha Bhekasana", "Supta Matsyendrasana", "Parivrtta Trikonasana", "Warrior IV"]


@pytest.mark.parametrize("name", [*NOTHING, *OF_ANOTHER_SCRIPT, *TWO_POSES, *POSES_NOT_AMONG_THE_82])
def test_nothing_is_guessed(name):
    assert class_of(name) is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("triangel", "Triangle"),
        ("half_moom_pose", "Half Moon"),
        ("Revolved Triangle", "Extended Revolved Triangle"),
        ("Wheel", "Wheel Pose"),
    ],
)
def test_name_that_means_nothing_gets_the_nearest_ones(name, near):
    assert class_of(name) is None
    assert nearest_names(name)[0] == near
    assert unknown_pose(name).startswith(f" (nearest: {near}")


def test_nearest_names_are_known_names_of_different_poses_or_none():
    assert nearest_names("वृक्षासन") == nearest_names("xyzzy") == []
    assert unknown_pose("xyzzy") == ""
    for name in ("warrior", "Tadasana", "upward dog"):
        numbers = [class_of(near) for near in nearest_names(name)]
        assert None not in numbers
        assert len(numbers) == len(set(numbers)) > 1


def test_caller_can_not_spoil_the_taxonomy():
    mine = load_taxonomy()
    mine.loc[0, "folder"] = "spoilt"
    assert load_taxonomy()["folder"][0] == FOLDERS[0]
    for level in (1, 2, 3):
        before = parents(level)
        parents(level)[:] = 99
        assert (parents(level) == before).all()


def test_subset_poses_are_poses():
    assert set(POSES) <= set(TAXONOMY["sanskrit"])
