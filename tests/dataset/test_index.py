"""Every file ends in the index with a status, and none stops a run."""

import shutil
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from conftest import POSES, draw, write_photos
from PIL import Image

from yogalib.dataset.images import open_image
from yogalib.dataset.index import build_index, data_hash, refresh_index, unknown_folders
from yogalib.dataset.lists import SPLIT_FILES, read_link_lists, read_split_lists
from yogalib.dataset.pixels import decoded_file, to_pixels
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import class_of

TREE, BOUND_ANGLE, WARRIOR = POSES


def status_of(index, path: str) -> str:
    return index.set_index("path")["status"][path]


def test_clean_folder_is_kept_whole_and_labelled_by_folder(photos):
    index = build_index(photos, minimum_side=64)
    assert (index["status"] == "kept").all()
    assert len(index) == 36
    assert index.groupby("class").size().tolist() == [12, 12, 12]
    assert set(zip(index["width"], index["height"], strict=True)) == {(90, 80)}


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that promises a size, and does not keep it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data)


def test_each_kind_of_bad_file_gets_its_status(photos):
    folder = photos / TREE
    whole = (folder / "0.jpg").read_bytes()
    (folder / "svg.jpg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (folder / "page.jpg").write_text("<!DOCTYPE html><p>404")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "bomb.png").write_bytes(png(40_000, 40_000))
    (folder / "damaged.png").write_bytes(png(100, 100, b"nonsense" * 20))
    (folder / "dangling.jpg").symlink_to(folder / "nowhere.jpg")
    Image.new("RGB", (16, 16)).save(folder / "icon.jpg")
    (photos / "वृक्षासन").mkdir()
    shutil.copy(folder / "1.jpg", photos / "वृक्षासन" / "1.jpg")
    shutil.copy(folder / "1.jpg", photos / "stray.jpg")
    (photos / "README.md").write_text("about")  # words on the data are no image that failed
    index = build_index(photos, minimum_side=64)
    found = {path: status_of(index, path) for path in index.loc[index["status"] != "kept", "path"]}
    assert found == {
        f"{TREE}/svg.jpg": "not_an_image",
        f"{TREE}/page.jpg": "not_an_image",
        f"{TREE}/empty.png": "not_an_image",
        f"{TREE}/cut.jpg": "truncated",
        f"{TREE}/bomb.png": "too_large",
        f"{TREE}/damaged.png": found[f"{TREE}/damaged.png"],
        f"{TREE}/dangling.jpg": "missing",
        f"{TREE}/icon.jpg": "too_small",
        "वृक्षासन/1.jpg": "unknown_class",
        "stray.jpg": "unknown_class",
    }
    assert found[f"{TREE}/damaged.png"] in ("damaged", "truncated")
    assert len(index) == 36 + 10
    assert (index.loc[index["status"] != "kept", "detail"] != "").all()


def test_folder_that_names_no_pose_gets_the_nearest_names_and_the_file_that_translates(photos):
    (photos / TREE).rename(photos / "half_moom")
    shutil.copytree(photos / BOUND_ANGLE, photos / "xyzzy")
    (photos / "xyzzy" / "0.jpg").unlink()
    index = build_index(photos, minimum_side=64)
    (detail,) = index.loc[index["path"].str.startswith("half_moom"), "detail"].unique()
    assert detail.startswith("no class is named 'half_moom' (nearest: Half Moon")
    assert detail.endswith("names.csv beside the folders can say which pose it is")
    assert unknown_folders(index).startswith(
        "23 images lie in folders that name none of the 82 poses: 12 in 'half_moom' (nearest: Half Moon"
    )
    assert "11 in 'xyzzy'; a file names.csv beside the folders" in unknown_folders(index)
    assert unknown_folders(index, most=1).count(" and 1 more;") == 1
    assert unknown_folders(index[index["status"] == "kept"]) == ""


def test_second_index_reads_only_what_changed(photos, tmp_path, monkeypatch):
    file = tmp_path / "index.parquet"
    first = refresh_index(photos, 64, None, file)
    read = []
    from yogalib.dataset import index as module

    real = module.inspect_image
    monkeypatch.setattr(module, "inspect_image", lambda path, *more: read.append(path.name) or real(path, *more))
    assert refresh_index(photos, 64, None, file).equals(first)
    assert read == []
    draw("line", np.random.default_rng(9), size=(70, 70)).save(photos / TREE / "3.jpg")
    changed = refresh_index(photos, 64, None, file)
    assert read == ["3.jpg"]
    assert data_hash(changed) != data_hash(first)
    assert (refresh_index(photos, 75, None, file)["status"] == "too_small").sum() == 1
    assert refresh_index(photos, 64, None, file).equals(changed)


def test_picture_that_is_to_be_left_out_is_dropped_by_its_hash_and_taken_back(photos, tmp_path):
    file = tmp_path / "index.parquet"
    first = refresh_index(photos, 64, None, file)
    digest = first.set_index("path")["sha256"][f"{TREE}/3.jpg"]
    (photos / "removed.csv").write_text(f"sha256,why\n{digest.upper()},asked by its owner\n")
    shutil.copy(photos / TREE / "3.jpg", photos / TREE / "copy.jpg")  # under whatever name it comes back
    index = refresh_index(photos, 64, None, file)
    assert index.loc[index["status"] == "removed", "path"].tolist() == [f"{TREE}/3.jpg", f"{TREE}/copy.jpg"]
    assert len(index) == 37
    (photos / "removed.csv").write_text("digest\n")
    with pytest.raises(BadInput, match=r"removed\.csv has no column sha256"):
        refresh_index(photos, 64, None, file)
    (photos / "removed.csv").unlink()
    assert (refresh_index(photos, 64, None, file)["status"] == "kept").all()


def test_official_lists_decide_label_and_split_in_either_spelling(tmp_path):
    folder = tmp_path / "yoga82"
    (folder / "Split_pose").mkdir(parents=True)
    (folder / "Sitting pose 1 (normal)").mkdir()
    rng = np.random.default_rng(0)
    for path in ("Split_pose/1.jpg", "Split_pose/2.jpg", "Sitting pose 1 (normal)/7.jpg"):
        draw("line", rng).save(folder / path)
    split, sitting = class_of("Split_pose"), class_of("Sitting_pose_1_normal")
    twice = f" Split pose/1.jpg,1,9,{split}\n"
    (folder / "yoga_train.txt").write_text(f"{twice}Sitting pose 1 (normal)/7.jpg,1,12,{sitting}\n{twice}")
    (folder / "yoga_test.txt").write_text(f"Split pose/99.jpg,1,9,{split}\n")
    index = build_index(folder, minimum_side=64)
    kept = index[index["status"] == "kept"].set_index("path")
    assert kept["split"].to_dict() == {
        "Split_pose/1.jpg": "train",
        "Split_pose/2.jpg": "",
        "Sitting pose 1 (normal)/7.jpg": "train",
    }
    assert kept["class"].to_dict() == {
        "Split_pose/1.jpg": split,
        "Split_pose/2.jpg": split,
        "Sitting pose 1 (normal)/7.jpg": sitting,
    }
    assert sorted(index["status"]) == ["duplicate_path", "kept", "kept", "kept", "missing"]


@pytest.mark.parametrize(
    "line", ["Split pose/1.jpg", "a,b,c,d", "Split pose/1.jpg,1,9,500", "Tree_Pose_or_Vrksasana_/1.jpg,1,9,0"]
)
def test_bad_list_line_is_named_with_its_place(tmp_path, line):
    (tmp_path / "yoga_train.txt").write_text(line + "\n")
    (tmp_path / "yoga_test.txt").write_text("")
    with pytest.raises(BadInput, match=r"yoga_train\.txt, line 1: "):
        read_split_lists(tmp_path)


def test_official_lists_read_whole_and_join(shared):
    split, links = read_split_lists(shared / "yoga82"), read_link_lists(shared / "yoga82")
    assert split["split"].value_counts().to_dict() == {"train": 20_994, "test": 7_456}
    assert len(links) == 28_450
    assert links["url"].nunique() == 28_403
    # joined as they stand, 1,378 images of two classes are lost
    assert len(split.merge(links, on=["path", "class"])) == 28_450


def test_missing_data_folder_is_named(tmp_path):
    with pytest.raises(BadInput, match="nowhere is not there"):
        build_index(tmp_path / "nowhere", 64)


def test_real_scrape_is_accounted_for_file_by_file(shared):
    folder = shared / "scraped-raw"
    index = build_index(folder, minimum_side=64)
    assert len(index) == sum(path.is_file() for path in folder.rglob("*")) - 1  # README.md
    assert not (index["status"] == "kept").any()
    assert {"not_an_image", "too_small", "unknown_class"} <= set(index["status"])


def test_real_photographs_are_all_kept(shared):
    folder = shared / "yoga-photos"
    index = build_index(folder, minimum_side=64)
    assert len(index) == sum(path.is_file() for path in folder.rglob("*")) - 1  # README.md
    assert (index["status"] == "kept").all()
    assert index["class"].nunique() == 7


def test_padded_pixels_keep_the_whole_picture():
    image = Image.new("RGB", (200, 50), "black")
    pixels = to_pixels(image, 64, "pad")
    assert pixels.shape == (64, 64, 3)
    assert (pixels[32] == 0).all()
    assert (pixels[0] == 255).all()


def test_cache_holds_the_pictures_in_their_order_and_is_made_once(photos, tmp_path):
    index = build_index(photos, 64)
    first = np.load(decoded_file(index, photos, 32, "crop", tmp_path / "cache"))
    for place in (0, 20, 35):
        assert np.array_equal(first[place], to_pixels(open_image(photos / index["path"][place]), 32, "crop"))
    (file,) = (tmp_path / "cache").glob("*.npy")
    made = file.stat().st_mtime_ns
    shutil.rmtree(photos)  # not needed any more
    assert np.array_equal(np.load(decoded_file(index, photos, 32, "crop", tmp_path / "cache")), first)
    assert file.stat().st_mtime_ns == made


def test_transparent_picture_is_laid_on_white_and_turned_upright(tmp_path):
    Image.new("RGBA", (80, 80), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert open_image(tmp_path / "clear.png").getpixel((5, 5)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    Image.new("RGB", (90, 60)).save(tmp_path / "side.jpg", exif=exif)
    assert open_image(tmp_path / "side.jpg").size == (60, 90)


def test_two_worlds_of_one_seed_have_one_hash(tmp_path):
    hashes = {data_hash(build_index(write_photos(tmp_path / name), 64)) for name in ("a", "b")}
    assert len(hashes) == 1


def test_names_csv_translates_folders_and_leaves_the_others_alone(photos):
    (photos / "Tree_Pose_or_Vrksasana_").rename(photos / "वृक्षासन")
    assert (build_index(photos, 64)["status"] == "unknown_class").sum() == 12
    (photos / "names.csv").write_text("folder,pose\nवृक्षासन,Tree Pose\nno such folder,Bakasana\n", encoding="utf-8")
    index = build_index(photos, 64)
    assert (index["status"] == "kept").all()
    assert len(index) == 36
    assert index["class"].nunique() == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folder,pose\na,Sitting on a chair\n", "'Sitting on a chair' is none of the 82 poses"),
        ("name\na\n", "is not a CSV file with the columns folder and pose"),
        ("", "is not a CSV file with the columns folder and pose"),
    ],
)
def test_unusable_names_csv_is_refused_in_one_line(photos, text, message):
    (photos / "names.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        build_index(photos, 64)


def test_images_that_the_lists_name_and_nobody_has_are_counted_by_class_and_split(photos, tmp_path):
    (photos / "README.md").write_text("whose images these are")
    for split, numbers in (("train", range(9)), ("test", range(9, 14))):  # two more than there are
        lines = [f"{TREE}/{number}.jpg,0,0,{class_of(TREE)}" for number in numbers]
        (photos / SPLIT_FILES[split]).write_text("\n".join(lines))
    index = refresh_index(photos, 64, None, tmp_path / "index.parquet")
    assert index["status"].value_counts().to_dict() == {"kept": 36, "missing": 2}
    assert pd.read_csv(tmp_path / "dropped.csv").empty
    assert pd.read_csv(tmp_path / "missing.csv").to_dict("records") == [
        {"folder": TREE, "split": "test", "listed": 5, "missing": 2}
    ]
