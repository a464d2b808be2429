"""The atlas: what a card says follows the data and the run, and of a photograph it holds the file's name alone."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from yogalib.dataset.pixels import Source
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.profile import read_profile
from yogalib.results import atlas, readings
from yogalib.results.metrics import wilson
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.sheets import portrait

ARCHER, BOAT = 0, 2


def data(tree: int = 6, boat: int = 4, archer: int = 1) -> pd.DataFrame:
    """Return so many images of each pose."""
    counts = {number("Vrksasana"): tree, BOAT: boat, ARCHER: archer}
    rows = [(f"folder<{pose}>/{place}.jpg", pose) for pose, count in counts.items() for place in range(count)]
    return pd.DataFrame(rows, columns=["path", "class"])


def number(pose: str) -> int:
    return int(load_taxonomy().set_index("sanskrit")["class"][pose])


def answered(rows: pd.DataFrame, said: dict[str, str]) -> SimpleNamespace:
    """Return a run that was asked about some images. said : path to the pose that it named."""
    classes = np.unique(rows["class"])
    tested = rows[rows["path"].isin(said)].reset_index(drop=True)
    labels = np.searchsorted(classes, tested["class"])
    predicted = np.searchsorted(classes, [number(said[path]) for path in tested["path"]])
    poses = load_taxonomy().set_index("class").loc[classes]
    answers = {"predictions": tested, "predicted": predicted, "labels": labels, "hits": predicted == labels}
    return SimpleNamespace(classes=classes, poses=poses, **answers)


def said_of_trees(*names: str) -> dict[str, str]:
    tree = number("Vrksasana")
    return {f"folder<{tree}>/{place}.jpg": name for place, name in enumerate(names)}


def cards_of(rows: pd.DataFrame, run, source=None) -> dict[str, str]:
    """Return each card's HTML by its anchor."""
    page = atlas.atlas_cards(atlas.pose_table(run, rows), atlas.pose_examples(run, rows), source)
    return {re.search('<h3 id="([^"]+)"', card)[1]: card for card in page.split("<article")[1:]}


def test_table_counts_each_pose_and_its_mistakes():
    rows = data()
    run = answered(rows, said_of_trees("Vrksasana", "Paripurna Navasana", "Akarna Dhanurasana", "Paripurna Navasana"))
    table = atlas.pose_table(run, rows)
    assert table.index.tolist() == sorted(rows["class"].unique())
    tree = table.loc[number("Vrksasana")]
    assert (tree["ours"], tree["n"], tree["recall"], tree["paper"]) == (6, 4, 0.25, 256)
    assert (tree["low"], tree["high"]) == pytest.approx(wilson(1, 4))
    assert (tree["taken_for"], tree["mistakes"]) == ("Paripurna Navasana", 2)
    boat = table.loc[BOAT]
    assert (boat["n"], boat["taken_for"], boat["mistakes"]) == (0, "", 0)
    assert np.isnan(boat["recall"])


def test_changed_prediction_changes_the_card():
    rows = data()
    before = cards_of(rows, answered(rows, said_of_trees("Vrksasana", "Paripurna Navasana", "Vrksasana")))
    after = cards_of(rows, answered(rows, said_of_trees("Vrksasana", "Akarna Dhanurasana", "Vrksasana")))
    assert '<a href="#paripurna-navasana">Paripurna Navasana</a>, 1 of 3' in before["vrksasana"]
    assert '<a href="#akarna-dhanurasana">Akarna Dhanurasana</a>, 1 of 3' in after["vrksasana"]
    assert before["paripurna-navasana"] == after["paripurna-navasana"]
    right = cards_of(rows, answered(rows, said_of_trees("Vrksasana", "Vrksasana", "Vrksasana")))["vrksasana"]
    assert "100.0 % of 3 (43.9 to 100.0)" in right
    assert "taken for" not in right


def test_card_of_a_photograph_holds_its_name_and_not_the_image():
    rows = data()
    cards = cards_of(rows, answered(rows, said_of_trees("Vrksasana", "Paripurna Navasana")))
    tree = number("Vrksasana")
    assert f"<code>folder&lt;{tree}&gt;/1.jpg</code> taken for Paripurna Navasana" in cards["vrksasana"]
    assert f"<code>folder&lt;{tree}&gt;/2.jpg</code> for training" in cards["vrksasana"]
    assert all(card.count("data:image") == 1 for card in cards.values())  # our own drawing
    assert "no test image" in cards["akarna-dhanurasana"]


def test_card_of_drawn_data_holds_up_to_three_images_whole(tmp_path):
    rows = data()
    for path in rows["path"]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (300, 150), "red").save(tmp_path / path)
    source = Source(tmp_path, tmp_path / "index.parquet", tmp_path, "crop")
    cards = cards_of(rows, answered(rows, said_of_trees("Vrksasana", "Paripurna Navasana")), source)
    assert {name: card.count("<figure>") for name, card in cards.items()} == {
        "vrksasana": 3,
        "paripurna-navasana": 3,
        "akarna-dhanurasana": 1,
    }
    assert 'width="120" height="60" alt="An image of Vrksasana, taken for Paripurna Navasana"' in cards["vrksasana"]
    assert "<code>" not in cards["vrksasana"]


def test_only_pictures_that_we_drew_may_stand_in_a_page():
    assert {name: read_profile(name).report.pictures for name in ("smoke", "mini", "photos", "yoga82", "paper")} == {
        "smoke": True,
        "mini": True,
        "photos": False,
        "yoga82": False,
        "paper": False,
    }


def test_each_of_the_82_poses_has_an_address_of_its_own_and_a_light_drawing():
    names = load_taxonomy()["sanskrit"]
    anchors = names.map(atlas.anchor)
    assert anchors.is_unique
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", each) for each in anchors)
    poses = list(load_poses().values())[::9]
    pixels = [portrait(pose, atlas.DRAWN) for pose in poses]
    assert len({drawn.tobytes() for drawn in pixels}) == len(poses)
    weight = sum(len(atlas._image(Image.fromarray(drawn), "")) for drawn in pixels) / len(pixels)
    assert 82 * weight < 1e6  # bytes, of a page that shall stay below three million


def test_readings_say_what_the_table_holds():
    rows = data(tree=4, boat=4)
    said = said_of_trees("Vrksasana", "Akarna Dhanurasana") | {f"folder<{BOAT}>/0.jpg": "Akarna Dhanurasana"}
    table = atlas.pose_table(answered(rows, said), rows)
    told = readings.atlas.recalls(table)
    assert told.startswith(
        "Named right on all their test images: 0 of 2 poses; on none: 1. A pose has 1 to 2 test images"
    )
    assert "1 pose of 3 can't be judged" in told
    assert readings.atlas.mistakes(table) == (
        "2 poses of 3 have an image that was taken for another pose. Akarna Dhanurasana draws the most: "
        "2 poses are taken for it more than for any other."
    )
    right = atlas.pose_table(answered(rows, said_of_trees("Vrksasana", "Vrksasana")), rows)
    assert readings.atlas.recalls(right).startswith("Named right on all their test images: 1 of 1 pose; on none: 0.")
    assert readings.atlas.mistakes(right) == "No image was taken for another pose."
