"""What the paper's numbers can carry: against independent tests, and another number gives another verdict."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from yogalib.facts import paper
from yogalib.results import carry, readings
from yogalib.results.carry import Share, favourable_p, fisher_p, highest_of, newcombe, paper_statements


def row(statement: str) -> dict:
    table = paper_statements()
    (found,) = table[table["statement"].str.contains(statement, regex=False)].to_dict("records")
    return found


@pytest.fixture
def changed(monkeypatch):
    """Give a claim another value."""

    def change(name: str, value: float) -> None:
        read = paper.load_paper()
        read["claims"][name]["value"] = value
        monkeypatch.setattr(paper, "_read", lambda: read)

    return change


def test_highest_of_many_is_what_simulation_gives():
    drawn = np.random.default_rng(0).normal(84.1, 0.9, (20_000, 78)).max(axis=1)
    assert highest_of(84.1, 0.9, 78) == pytest.approx(np.quantile(drawn, [0.5, 0.025, 0.975]), abs=0.03)


def test_pair_is_judged_by_fisher_newcombe_and_the_best_pairing():
    better, worse = Share(100, 109), Share(96.3, 109)
    assert (better.hits, worse.hits) == (109, 105)
    assert fisher_p(better, worse) == pytest.approx(fisher_exact([[109, 0], [105, 4]]).pvalue)
    assert favourable_p(better, worse) == pytest.approx(2 * 0.5**4)
    # Newcombe 1998, Table II, method 10: 56 of 70 less 48 of 80
    assert newcombe(Share(80, 70), Share(60, 80)) == pytest.approx((5.24, 33.39), abs=0.01)


def test_every_statement_has_a_verdict_and_rests_on_claims():
    table = paper_statements()
    assert len(table) == len(paper.load_paper()["statements"])
    assert set(table["verdict"]) <= {carry.HOLDS, carry.NOT, carry.NOISE, carry.SELECTION, carry.OPEN}
    assert table["why"].str.len().min() > 20


def test_best_of_many_is_selection_until_it_is_higher_than_chance_gives(changed):
    assert row("The abstract's accuracy")["verdict"] == "selection"
    changed("table_08.l3_top1", 88.0)
    assert row("The abstract's accuracy")["verdict"] == "holds"


def test_difference_of_syntaxes_is_noise_until_it_is_larger(changed):
    assert row("best syntax is better")["verdict"] == "within noise"
    changed("table_05.category", 93.6)
    assert row("best syntax is better")["verdict"] == "can't tell"
    changed("table_05.category", 80.0)
    assert row("best syntax is better")["verdict"] == "holds"


def test_as_good_wants_a_small_interval_not_a_large_p(changed):
    assert row("20 training pictures a class are enough")["verdict"] == "can't tell"
    assert row("almost as accurate as YOLO")["verdict"] == "does not hold"
    changed("section_5.difference", 0.1)
    assert row("almost as accurate as YOLO")["verdict"] == "holds"


def test_order_of_encoders_is_open_until_all_can_be_told_apart(changed):
    assert row("RN50x16 is the best")["verdict"] == "can't tell"
    changed("table_04.RN50x16", 98.1)
    assert row("RN50x16 is the best")["verdict"] == "holds"


def test_reading_counts_the_verdicts():
    table = paper_statements()
    said = readings.summary.carried(table)
    assert f"Of {len(table)} conclusions" in said
    assert f"{(table['verdict'] == 'within noise').sum()} lie within noise" in said
    assert "best of 78" in said
    assert "best of 78" not in readings.summary.carried(table[table["verdict"] != "selection"])
