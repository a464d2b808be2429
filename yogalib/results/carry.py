"""What the paper's numbers can carry: each of its conclusions against the interval that its own number of pictures allows.

No run of ours comes in: all is computed from what the paper prints (yogalib/facts/paper.yaml). That two shares are of the same pictures
the paper says; which pictures each model got right it does not. So of a pair two tests are made: Fisher's, as if the pictures were
others, and McNemar's for the pairing that speaks most for a difference, all that the worse model got right also right in the better.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, fisher_exact, norm, t
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from yogalib.facts.paper import claim, load_paper

HOLDS, NOT, NOISE, SELECTION, OPEN = "holds", "does not hold", "within noise", "selection", "can't tell"
LEVEL = 0.05
MARGIN = 2.0  # points that "as good as" may hide: no difference that a reader would act on
PAIRED = ("same_images", "as_good")  # kinds of statements that compare two shares of the same pictures
COLUMNS = ["statement", "where", "paper", "n", "low", "high", "interval", "p", "verdict", "why"]


@dataclass(frozen=True)
class Share:
    """A share that the paper prints, in percent, of n pictures."""

    percent: float
    n: int

    @classmethod
    def of(cls, name: str) -> "Share":
        """Return the share of a claim."""
        known = claim(name)
        return cls(known["value"], known["n"])

    @property
    def hits(self) -> int:
        """Pictures named right, as the printed share gives them."""
        return round(self.percent / 100 * self.n)

    @property
    def counts(self) -> list[int]:
        """Right and wrong."""
        return [self.hits, self.n - self.hits]


def newcombe(better: Share, worse: Share) -> tuple[float, float]:
    """Return Newcombe's 95 % interval of the difference of two shares of different pictures, in points."""
    low, high = confint_proportions_2indep(better.hits, better.n, worse.hits, worse.n, method="newcomb")
    return 100 * low, 100 * high


def fisher_p(better: Share, worse: Share) -> float:
    """Return the p-value of Fisher's exact test of two shares."""
    return float(fisher_exact([better.counts, worse.counts]).pvalue)


def favourable_p(better: Share, worse: Share) -> float:
    """Return the least p-value that McNemar's exact test can give: of the pictures that only one model gets right, all are the better's."""
    differing = better.hits - worse.hits
    return float(binomtest(0, differing).pvalue) if differing else 1.0


def highest_of(mean: float, sd: float, count: int, level: float = 0.95) -> tuple[float, float, float]:
    """Return what the highest of `count` normal values is: its median, and the bounds that it lies in with probability `level`."""
    tail = (1 - level) / 2
    return tuple(float(norm.ppf(q ** (1 / count), mean, sd)) for q in (0.5, tail, 1 - tail))


def paper_statements() -> pd.DataFrame:
    """Return the paper's conclusions, each with what its numbers can carry.

    Columns: statement, where, paper (the numbers), n (pictures), low, high (95 %, percent or points), interval (its kind), p (Holm's
    correction over all pairs), verdict (`holds`, `does not hold`, `within noise`, `selection`, `can't tell`), why.
    """
    judges = {
        "best_of": _best_of,
        "mean": _mean,
        "other_images": _other_images,
        "order": _order,
        "definition": _definition,
    }
    statements, rows = load_paper()["statements"], []
    corrected = iter(_holm(statements))
    for each in statements:
        row = _pair(each, next(corrected)) if each["kind"] in PAIRED else judges[each["kind"]](each)
        rows.append({"statement": each["said"], "where": each["where"]} | row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _shares(statement: dict) -> tuple[Share, Share]:
    better, worse = (Share.of(name) for name in statement["of"])
    if claim(statement["of"][1])["unit"] == "points":  # the paper prints the difference alone
        worse = Share(better.percent - worse.percent, better.n)
    return better, worse


def _holm(statements: list[dict]) -> np.ndarray:
    """Return Fisher's p-values of all pairs, corrected for their number."""
    p = [fisher_p(*_shares(each)) for each in statements if each["kind"] in PAIRED]
    return multipletests(p, method="holm")[1]


def _pair(statement: dict, p: float) -> dict:
    """Judge two shares of the same pictures; `as_good` claims that there is no difference to speak of."""
    better, worse = _shares(statement)
    (low, high), least = newcombe(better, worse), favourable_p(better, worse)
    of = f"{better.hits} and {worse.hits} of {better.n:,}"
    if p < LEVEL:
        said, why = HOLDS, f"{of}: told apart even as if the pictures were others (Fisher, Holm's p = {p:.2g})"
    elif least >= LEVEL:
        said, why = NOISE, f"{of}: not told apart however the pictures are paired (McNemar's p is {least:.2g} at least)"
    else:
        said, why = (
            OPEN,
            f"{of}: p from {least:.2g} (McNemar, the best pairing) to {p:.2g} (Fisher, Holm); pairs are not published",
        )
    if statement["kind"] == "as_good":
        said, why = _as_good(said, why, low, high)
    return _row(
        f"{better.percent:g} and {worse.percent:g} %", better.n, low, high, "Newcombe, of the difference", p, said, why
    )


def _as_good(said: str, why: str, low: float, high: float) -> tuple[str, str]:
    """Turn the verdict on a difference into one on there being none: that none is seen does not yet say so."""
    if said == HOLDS:
        return NOT, f"{why}: a difference of {low:.1f} to {high:.1f} points"
    if high <= MARGIN:
        return HOLDS, f"the difference is {high:.1f} points at most"
    return OPEN, f"{why}; it may be {high:.1f} points"


def _best_of(statement: dict) -> dict:
    best, mean, sd, count = (claim(name) for name in statement["of"])
    middle, low, high = highest_of(mean["value"], sd["value"], count["value"])
    chosen = best["value"] <= high
    why = f"the highest of {count['value']} values with mean {mean['value']:g} and sd {sd['value']:g} is {middle:.1f} by chance alone"
    words = f"{best['value']:g} %, best of {count['value']}"
    return _row(words, best["n"], low, high, "of the highest by chance", np.nan, SELECTION if chosen else HOLDS, why)


def _mean(statement: dict) -> dict:
    mean, sd, count = (claim(name) for name in statement["of"])
    splits = count["value"]
    test, train = (claim(f"section_3_1.{part}_images")["value"] for part in ("test", "train"))
    half = t.ppf(0.975, splits - 1) * sd["value"] * np.sqrt(1 / splits + test / train)
    plain = t.ppf(0.975, splits - 1) * sd["value"] / np.sqrt(splits)
    why = f"{splits} splits share their pictures: ±{half:.1f} points with Nadeau and Bengio's correction, ±{plain:.1f} without"
    words = f"{mean['value']:g} % (sd {sd['value']:g})"
    return _row(words, mean["n"], mean["value"] - half, mean["value"] + half, "corrected t", np.nan, HOLDS, why)


def _other_images(statement: dict) -> dict:
    better, worse = (Share.of(name) for name in statement["of"])
    low, high = newcombe(better, worse)
    why = (
        f"{better.percent - worse.percent:.2f} points on the mean, which sampling alone ({better.n:,} and {worse.n:,} pictures) does not "
        "explain; but the splits and the pictures are others, and how hard each is nobody measured"
    )
    words = f"{better.percent:g} and {worse.percent:g} %"
    return _row(words, better.n, low, high, "Newcombe, of the difference", fisher_p(better, worse), OPEN, why)


def _order(statement: dict) -> dict:
    shares = [Share.of(name) for name in statement["of"]]
    best, others = shares[0], shares[1:]
    p = multipletests([fisher_p(best, other) for other in others], method="holm")[1]
    apart = int((p < LEVEL).sum())
    low, high = (100 * bound for bound in proportion_confint(best.hits, best.n, method="wilson"))
    said = HOLDS if apart == len(others) else OPEN if apart else NOISE
    why = f"of {len(others)} other encoders {apart} can be told from it on {best.n} pictures (Fisher, Holm)"
    return _row(f"{best.percent:g} %", best.n, low, high, "Wilson", float(p.min()), said, why)


def _definition(statement: dict) -> dict:
    values = [claim(name) for name in statement["of"]]
    words = " and ".join(f"{each['value']:g} {each['unit']}" for each in values)
    return _row(words, values[0]["n"], np.nan, np.nan, "", np.nan, OPEN, statement["why"])


def _row(paper: str, n: int, low: float, high: float, interval: str, p: float, verdict: str, why: str) -> dict:
    return dict(zip(COLUMNS[2:], (paper, n, low, high, interval, p, verdict, why), strict=True))
