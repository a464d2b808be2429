"""The paper's numbers hold together."""

import re

import pandas as pd
import pytest

from yogalib.dataset.subsets import POSES
from yogalib.errors import BadInput
from yogalib.facts.paper import claim, load_paper
from yogalib.facts.prompts import SYNTAXES
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.encoders import OPENAI

PAPER = load_paper()
CLAIMS = PAPER["claims"]


def test_class_counts_cover_the_taxonomy_and_sum_to_the_papers_total():
    counts = PAPER["class_counts"]
    assert set(counts) == set(load_taxonomy()["sanskrit"])
    assert sum(counts.values()) == CLAIMS["section_3_1.images"]["value"] == 15_301 + 3_826
    assert min(counts.values()) == CLAIMS["section_3_1.smallest_class"]["value"]
    assert max(counts.values()) == CLAIMS["section_3_1.largest_class"]["value"]
    assert round(sum(counts.values()) / len(counts)) == CLAIMS["section_3_1.mean_class"]["value"]


@pytest.mark.parametrize(("subset", "train", "test"), [("subset_i", 1301, 326), ("subset_ii", 434, 109)])
def test_subset_counts_sum_to_the_papers_totals(subset, train, test):
    parts = PAPER["subset_counts"][subset].values()
    assert [sum(part) for part in zip(*parts, strict=True)] == [train, test]
    assert CLAIMS[f"section_3_1.{subset}_images"]["value"] == train + test


def test_no_subset_has_more_of_a_pose_than_the_whole():
    for subset in PAPER["subset_counts"].values():
        for pose, part in subset.items():
            assert sum(part) <= PAPER["class_counts"][pose]


@pytest.mark.parametrize(
    ("table", "n"), [("table_04", 53), ("table_05", 109), ("table_06", 326), ("table_07", 109), ("table_11", 109)]
)
def test_every_accuracy_is_a_whole_number_of_its_test_pictures(table, n):
    claims = [entry for name, entry in CLAIMS.items() if name.startswith(table + ".")]
    assert len(claims) == {"table_04": 9, "table_05": 4, "table_06": 8, "table_07": 8, "table_11": 4}[table]
    for entry in claims:
        assert entry["n"] == n
        hits = round(entry["value"] * n / 100)
        assert abs(100 * hits / n - entry["value"]) <= 0.051


def test_table_4_was_not_measured_on_the_109_pictures():
    values = {entry["value"] for name, entry in CLAIMS.items() if name.startswith("table_04.")}
    # 35.8 is 39/109 as well as 19/53; the others fit 53 alone
    assert {value for value in values if abs(100 * round(value * 109 / 100) / 109 - value) <= 0.051} == {35.8}


def test_collapsed_runs_are_the_share_of_one_class():
    tests = {name: part[1] for name, part in PAPER["subset_counts"]["subset_i"].items()}
    assert CLAIMS["table_06.lr1e-04_wd1e-04"]["value"] == round(100 * tests["Utkatasana"] / 326, 1)
    assert CLAIMS["table_06.lr5e-04_wd1e-03"]["value"] == round(100 * tests["Balasana"] / 326, 1)


def test_low_figures_of_table_7_are_not_the_share_of_one_class():
    largest = 100 * max(part[1] for part in PAPER["subset_counts"]["subset_ii"].values()) / 109
    assert CLAIMS["table_07.lr1e-04_wd1e-04"]["value"] > largest + 0.1
    assert CLAIMS["table_07.lr5e-04_wd1e-03"]["value"] > largest + 0.1


def test_numbers_that_the_paper_says_twice_agree():
    assert CLAIMS["section_3_1.train_images"]["value"] + CLAIMS["section_3_1.test_images"]["value"] == 19_127
    assert round(CLAIMS["section_4_2.l3_top1"]["value"], 1) == CLAIMS["table_08.l3_top1"]["value"]
    assert CLAIMS["table_10.accuracy"]["value"] == CLAIMS["table_10.recall"]["value"]  # weighted recall is accuracy
    ratio = CLAIMS["section_4_3.inference_ms"]["value"] / CLAIMS["section_5.yolo_inference_ms"]["value"]
    assert ratio > CLAIMS["section_5.inference_ratio"]["value"]


def test_related_results_hold_the_papers_own_rows():
    rows = {row["method"]: row for row in PAPER["related_results"]}
    best, mean = rows["CLIP ViT-B/32, best of 78 (the paper)"], rows["CLIP ViT-B/32, mean of 78 (the paper)"]
    assert numbers(best["top1"]) == [CLAIMS[f"table_08.l{level}_top1"]["value"] for level in (1, 2, 3)]
    assert numbers(best["top5"]) == [CLAIMS[f"table_08.l{level}_top5"]["value"] for level in (1, 2, 3)]
    table_9 = [CLAIMS[f"table_09.l{level}_{part}"]["value"] for level in (1, 2, 3) for part in ("mean", "sd")]
    assert numbers(mean["top1"]) == table_9
    held_out = [method for method, row in rows.items() if row["chosen_on"] == "validation"]
    assert held_out == ["DenseNet-121 with three heads, 2026"], "the summary's prose says that there is one"
    keys = {"method", "split", "chosen_on", "top1", "top5", "source"}
    assert len(rows) == 16 and all(set(row) == keys for row in rows.values())


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[0-9.]+", text)]


def test_claim_is_found_by_its_id():
    assert claim("table_08.l3_top1")["value"] == 85.9
    assert "RN50x4" in claim("table_04.RN50x64")["note"]


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("table_8.l3_top1", "table_08.l3_top1"),
        ("fig_05.epoch1_top1", "figure_05.epoch1_top1"),
        ("", "section_3_1.images"),
    ],
)
def test_unknown_claim_is_answered_with_the_nearest_ids(wrong, near):
    with pytest.raises(BadInput, match=re.escape(near)):
        claim(wrong)


def test_ids_are_what_the_notebooks_ask_for():
    assert {f"table_04.{encoder}" for encoder in OPENAI} <= set(CLAIMS)
    assert {f"table_05.{syntax}" for syntax in SYNTAXES} <= set(CLAIMS)
    assert all({"what", "value", "unit", "n", "where"} <= set(entry) for entry in CLAIMS.values())
    assert [point["id"] for point in PAPER["open_points"]] == list(range(1, 14))


def test_caller_can_not_spoil_the_numbers():
    claim("table_08.l3_top1")["value"] = 0
    assert claim("table_08.l3_top1")["value"] == 85.9
    load_paper()["claims"].clear()
    assert load_paper()["claims"]


def test_tables_2_and_3_hold_the_papers_sums_beside_ours():
    from yogalib.results.tables import subset_counts, subset_examples

    six = load_taxonomy().query(f"sanskrit in {POSES}")["class"].tolist()
    rows = pd.DataFrame({"class": six * 5, "path": [f"{place}.jpg" for place in range(30)]})
    for name, (train, test) in {"subset_i": (1301, 326), "subset_ii": (434, 109)}.items():
        last = subset_counts(name, rows[6:], rows[:6]).iloc[-1]
        assert last.tolist() == ["all", 24, 6, train, test]
    shown = subset_examples(rows, rows[:12], "Dhanurasana")
    assert shown["title"].tolist() == ["Subset I"] * 3 + ["Subset II"] * 2
    assert not shown["path"].duplicated().any()
