"""YoPo, the data set of section 5 from elsewhere, as Kaggle unzips it."""

import shutil

import numpy as np
import pytest
from conftest import POSES, draw, write_photos

from yogalib.__main__ import main
from yogalib.dataset.yopo import describe_folders, load_folders
from yogalib.facts.taxonomy import class_of
from yogalib.study import Study

FOLDERS = {
    "vriksasana": "line",
    "baddha konasana": "ellipse",
    "virabhadrasana ii": "cross",
    "durvasasana": "line",
}


@pytest.fixture
def yopo(tmp_path):
    """Kaggle's folder in small: four of its 107 folders, one of which is none of the 82 poses; one picture is ours, too."""
    rng = np.random.default_rng(7)
    for pose, shape in FOLDERS.items():
        folder = tmp_path / "archive" / "dataset" / pose
        folder.mkdir(parents=True)
        for number in range(4):
            draw(shape, rng).save(folder / f"{number}-0.png")
    return tmp_path / "archive"


def test_the_107_folders_have_a_decision_that_the_taxonomy_shares():
    table = load_folders()
    assert len(table) == table["folder"].nunique() == 107
    for row in table.to_dict("records"):
        assert class_of(row["folder"]) == (None if row["class"] < 0 else row["class"]), row["folder"]
        assert (row["reason"] != "") == (row["class"] < 0), "a reason where there is no class, and there alone"
    mapped = table[table["class"] >= 0]
    assert (len(mapped), mapped["class"].nunique()) == (82, 78)


def test_unzipped_root_and_the_folder_in_it_are_the_same_set(yopo, folders, photos, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    shutil.copy(photos / next(iter(POSES)) / "0.jpg", yopo / "dataset" / "vriksasana" / "of-ours.jpg")
    seen = []
    for given in (yopo, yopo / "dataset"):
        monkeypatch.setenv("VALIDATION", str(given))
        other, rows, twins = Study.open("photos").elsewhere()
        assert twins >= 1
        assert "of-ours.jpg" not in set(rows["path"].str.rpartition("/")[2])
        seen.append(other.subset("all").groupby("class")["sha256"].agg(set).to_dict())
    assert seen[0] == seen[1]
    assert set(seen[0]) == {class_of(pose) for pose in POSES}


def test_prepare_says_which_folders_serve_and_a_new_set_outdates_the_pages(yopo, folders, photos, monkeypatch, capsys):
    monkeypatch.setenv("DATA", str(photos))
    assert main(["prepare", "photos"]) == 0
    assert "folders" not in capsys.readouterr().out
    stamp = folders / "reports" / ".build" / "photos" / "07_yolo_benchmark.inputs"
    before = stamp.read_text()
    monkeypatch.setenv("VALIDATION", str(yopo))
    assert main(["prepare", "photos"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert "3 of 4 folders are 3 of the 82 poses, 12 pictures; not used: durvasasana" in said
    assert said.endswith("(yogalib/dataset/yopo.csv says why)")
    assert stamp.read_text() != before


def test_validation_folder_that_is_missing_or_holds_no_pose_is_said_before_any_work(
    folders, photos, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DATA", str(photos))
    monkeypatch.setenv("VALIDATION", str(tmp_path / "nowhere"))
    assert main(["prepare", "photos"]) == 2
    assert "nowhere is not there" in capsys.readouterr().err
    write_photos(tmp_path / "strange", per_class=1)
    for number, folder in enumerate((tmp_path / "strange").iterdir()):
        folder.rename(folder.with_name(f"class {number}"))
    monkeypatch.setenv("VALIDATION", str(tmp_path / "strange"))
    assert main(["prepare", "photos"]) == 2
    assert "no usable image among the 3 files" in capsys.readouterr().err


def test_a_set_of_other_names_is_described_without_yopos_reasons(photos):
    from yogalib.dataset.index import build_index

    (photos / "handshake").mkdir()
    draw("line", np.random.default_rng(0)).save(photos / "handshake" / "1.jpg")
    (photos / "notes").mkdir()
    (photos / "notes" / "a.txt").write_text("no picture")
    line = describe_folders(build_index(photos, 64))
    assert line == "3 of 4 folders are 3 of the 82 poses, 36 pictures; not used: handshake"
