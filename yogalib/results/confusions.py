"""Which poses are taken for which: a row per pose, the matrices of Appendix B, the most frequent mistakes, and what their cells open."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yogalib.facts.paper import load_paper
from yogalib.facts.prompts import class_names
from yogalib.facts.taxonomy import load_taxonomy, parents, superclass_names
from yogalib.results.metrics import wilson
from yogalib.results.openers import Answers, Opener, by_column
from yogalib.results.tables import APPENDIX_A, PRINTED_B
from yogalib.runs.store import Run

OTHER, ALL = -1, -2  # in a matrix, beside its poses: any pose of another superclass, any at all
RIGHT, WRONG = (86, 180, 233), (230, 159, 0)  # of COLOURS (style.py), light enough for black letters at full strength


def papers_order(classes: np.ndarray) -> np.ndarray:
    """Return the places that put official class numbers, (C,), into the order of Appendix A; poses of a user's own come last."""
    names = list(load_paper()["class_counts"])
    known = load_taxonomy()["sanskrit"].map({name: place for place, name in enumerate(names)})
    return np.argsort(known.reindex(classes).fillna(len(names)).to_numpy(), kind="stable")


@dataclass(frozen=True)
class Matrix:
    """One matrix of Appendix B. name : of its figure. members : its poses as places in the run's classes, (G,), in the paper's order."""

    name: str
    superclass: str
    run: Run
    members: np.ndarray

    @property
    def names(self) -> list[str]:
        """Sanskrit name of each pose, (G,)."""
        return self.run.poses["sanskrit"].iloc[self.members].tolist()

    def taken(self, true: int, said: int) -> np.ndarray:
        """Return the pictures of one pose that were taken for another, bool (N,); poses by their place in the matrix, OTHER or ALL."""
        return self._are(self.run.labels, true) & self._are(self.run.predicted, said)

    def _are(self, values: np.ndarray, pose: int) -> np.ndarray:
        if pose == ALL:
            return np.ones(len(values), bool)
        return ~np.isin(values, self.members) if pose == OTHER else values == self.members[pose]

    def words(self, true: int, said: int) -> str:
        """Say which pictures those are."""
        names = dict(enumerate(self.names)) | {OTHER: "a pose of another superclass"}
        if said == ALL:
            return f"{names[true]}: all test pictures"
        if true == ALL:
            return f"All that is taken for {names[said]}"
        return f"{names[true]}, " + ("named right" if true == said else f"taken for {names[said]}")

    @property
    def counts(self) -> np.ndarray:
        """Pictures by true (rows) and predicted pose, (G, G)."""
        every = range(len(self.members))
        return np.array([[self.taken(true, said).sum() for said in every] for true in every])

    @property
    def caption(self) -> str:
        """What table and figure show."""
        n = int(np.isin(self.run.labels, self.members).sum())
        return (
            f"“{self.superclass}”: {n} test images by true pose (rows) and predicted pose (columns). {self.counts.sum()} of them stayed within "
            f"the superclass. Colour: share of the column. Grey: no image of the pose, or none of these taken for it."
        )


def confusion_matrices(run: Run) -> Iterator[Matrix]:
    """Yield one confusion matrix per superclass present (Figs. A1, A2).

    The paper prints Reclining as Fig. A1 and Sitting as Fig. A2; the other four follow in the order of Tables A1 to A6.
    """
    names, places = superclass_names(1), papers_order(run.classes)
    top = parents(1)[run.classes[places]]
    order = sorted(APPENDIX_A, key=lambda superclass: (superclass not in PRINTED_B, APPENDIX_A.index(superclass)))
    for number, superclass in enumerate(order, start=1):
        members = places[top == names.index(superclass)]
        if len(members):
            yield Matrix(f"figure_a{number}", superclass, run, members)


def confusion_keys(run: Run) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield Tables A7 and A8, as far as there are Figs. A1 and A2: the table's name, the superclass, the poses in the figure's order."""
    for matrix in confusion_matrices(run):
        if matrix.superclass in PRINTED_B:
            poses = pd.DataFrame({"label": range(len(matrix.members)), "pose": matrix.names})
            yield f"table_a{6 + int(matrix.name[-1])}", matrix.superclass, poses


def matrix_table(matrix: Matrix, answers: Answers) -> str:
    """Return a matrix as an HTML table whose counts open their pictures; rows and columns bear the paper's labels.

    Behind the poses stand what was taken for a pose of another superclass, or came from there, and n, the sum.
    """
    poses = matrix.run.poses.iloc[matrix.members]
    labels = [
        html.escape(
            f"{place} {row.sanskrit}" + (f" ({row.english})" if row.english.lower() != row.sanskrit.lower() else "")
        )
        for place, row in enumerate(poses.itertuples())
    ]
    heads = "".join(f'<th scope="col" title="{label}">{place}</th>' for place, label in enumerate(labels))
    counts, every = matrix.counts, [*range(len(labels)), OTHER, ALL]
    body = [
        f'<tr><th scope="row">{label}</th>{"".join(_cell(matrix, answers, true, said, counts) for said in every)}</tr>'
        for true, label in zip(every, [*labels, "another superclass", "n"], strict=True)
    ]
    head = f'<tr><th scope="col">true pose</th>{heads}<th scope="col">other</th><th scope="col">n</th></tr>'
    return f'<table class="matrix"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>'


def _cell(matrix: Matrix, answers: Answers, true: int, said: int, counts: np.ndarray) -> str:
    if true < 0 and said < 0:  # of other superclasses
        return "<td></td>"
    which = matrix.taken(true, said)
    text = answers.opens(which, matrix.words(true, said)).around(str(which.sum())) if which.any() else ""
    if true < 0 or said < 0:
        return f'<td class="beside">{text}</td>'
    if not (matrix.taken(true, ALL).any() and counts[:, said].any()):
        return f'<td class="nothing">{text}</td>'
    share, full = counts[true, said] / counts[:, said].sum(), RIGHT if true == said else WRONG
    colour = "".join(f"{round(255 - share * (255 - part)):02x}" for part in full)
    return f'<td style="background:#{colour}">{text}</td>'


def pose_table(run: Run) -> pd.DataFrame:
    """Return the accuracy of each pose, in the paper's order.

    Columns: sanskrit, english, n, right, accuracy, low, high (Wilson), taken_for (what it is most often mistaken for), times, named_wrongly
    (pictures of other poses that were taken for it); poses without a test picture are left out.
    """
    rows, names = [], run.poses["sanskrit"].to_numpy()
    for place in papers_order(run.classes):
        of, named = run.labels == place, run.predicted == place
        if not of.any():
            continue
        n, right = int(of.sum()), int((of & named).sum())
        other, times = _rival(run, place)
        told = (n, right, right / n, *wilson(right, n), "" if other is None else names[other], times)
        rows.append((names[place], run.poses["english"].iloc[place], *told, int((named & ~of).sum())))
    columns = "sanskrit english n right accuracy low high taken_for times named_wrongly"
    return pd.DataFrame(rows, columns=columns.split())


def _rival(run: Run, place: int) -> tuple[int | None, int]:
    """Return the pose that another is most often taken for, and how often; None where it never is. No answer is no pose."""
    said = run.predicted[(run.labels == place) & ~run.hits & (run.predicted >= 0)]
    if not len(said):
        return None, 0
    counts = np.bincount(said)
    return int(counts.argmax()), int(counts.max())


def pose_openers(answers: Answers, table: pd.DataFrame) -> dict[str, list[Opener]]:
    """Return what the counts of pose_table open."""
    run, rows = answers.run, []
    names = run.poses["sanskrit"].tolist()
    for row in table.to_dict("records"):
        place, pose = names.index(row["sanskrit"]), row["sanskrit"]
        of, named = run.labels == place, run.predicted == place
        rival = run.predicted == names.index(row["taken_for"] or pose)
        rows.append(
            {
                "n": answers.opens(of, f"{pose}: all test pictures"),
                "right": answers.opens(of & named, f"{pose}, named right"),
                "times": answers.opens(of & rival & ~run.hits, f"{pose}, taken for {row['taken_for']}"),
                "named_wrongly": answers.opens(named & ~of, f"Other poses, taken for {pose}"),
            }
        )
    return by_column(rows)


def beside_each_other(ours: Answers, theirs: Answers) -> tuple[pd.DataFrame, dict[str, list[Opener]]]:
    """Return how often two models name each pose right, in the paper's order, and what the counts open.

    Columns: sanskrit, english, n, right by one model, by the other, only by one, only by the other; answers to the same pictures.
    """
    run, rows, openers = ours.run, [], []
    for place in papers_order(run.classes):
        of, one, other = run.labels == place, ours.run.hits, theirs.run.hits
        if not of.any():
            continue
        pose = run.poses.iloc[place]
        sets = {
            "n": (ours, of, "all test pictures"),
            ours.model: (ours, of & one, f"right by {ours.model}"),
            theirs.model: (theirs, of & other, f"right by {theirs.model}"),
            f"{ours.model} alone": (
                theirs,
                of & one & ~other,
                f"right by {ours.model} alone; what {theirs.model} says",
            ),
            f"{theirs.model} alone": (
                ours,
                of & other & ~one,
                f"right by {theirs.model} alone; what {ours.model} says",
            ),
        }
        counts = {name: int(which.sum()) for name, (_, which, _) in sets.items()}
        rows.append({"sanskrit": pose["sanskrit"], "english": pose["english"]} | counts)
        openers.append(
            {name: by.opens(which, f"{pose['sanskrit']}: {told}") for name, (by, which, told) in sets.items()}
        )
    return pd.DataFrame(rows), by_column(openers)


def most_confused(run: Run, rows: int = 10) -> pd.DataFrame:
    """Return the most frequent mistakes. Columns: true, predicted, mistakes, of (test pictures of the true pose)."""
    wrong = ~run.hits
    names = np.array(class_names(run.classes))
    pairs = pd.DataFrame({"true": names[run.labels[wrong]], "predicted": names[run.predicted[wrong]]})
    table = pairs.value_counts().rename("mistakes").reset_index()
    table = table.sort_values(["mistakes", "true", "predicted"], ascending=[False, True, True]).head(rows)
    return table.assign(of=table["true"].map(pd.Series(names[run.labels]).value_counts()))


def mistake_openers(answers: Answers, table: pd.DataFrame) -> dict[str, list[Opener]]:
    """Return what the counts of most_confused open."""
    run, names = answers.run, class_names(answers.run.classes)
    pairs = [(names.index(row.true), names.index(row.predicted), row) for row in table.itertuples()]
    return {
        "mistakes": [
            answers.opens((run.labels == true) & (run.predicted == said), f"{row.true}, taken for {row.predicted}")
            for true, said, row in pairs
        ],
        "of": [answers.opens(run.labels == true, f"{row.true}: all test pictures") for true, _, row in pairs],
    }


def confused_examples(run: Run, confused: pd.DataFrame) -> pd.DataFrame:
    """Return for each mistake (rows of most_confused) a picture that was mistaken and one of the pose it was taken for (Fig. 7).

    Columns: path, title; two rows per pair.
    """
    names, rows = class_names(run.classes), []
    for pair in confused.itertuples():
        true, other = names.index(pair.true), names.index(pair.predicted)
        mistaken = run.predictions["path"][(run.labels == true) & (run.predicted == other)].iloc[0]
        example = run.predictions["path"][run.labels == other].iloc[0]
        rows += [(mistaken, f"{pair.true}, taken for"), (example, pair.predicted)]
    return pd.DataFrame(rows, columns=["path", "title"])
