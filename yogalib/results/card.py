"""A kept run's card: who answers, what it learnt from, and from which probability on its answer can be called sure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from sklearn.isotonic import IsotonicRegression

from yogalib.runs.store import Run, names_of
from yogalib.synthetic.world import BODIES

CLIP_ON_DRAWINGS = (
    "for photographs: --run written, after 'python -m yogalib written'; or learn from photographs of your own: "
    "make reproduce PROFILE=photos DATA=folder"
)


@dataclass(frozen=True)
class Card:
    """What to know of a kept run before believing it."""

    run: Run

    @cached_property
    def names(self) -> list[str]:
        """What runs/ calls it, such as `last` and `last-mini`."""
        return names_of(self.run)

    @property
    def profile(self) -> str | None:
        """The profile that made it, by its name; None where no name of the run's tells."""
        return next((name.partition("-")[2] for name in self.names if "-" in name), None)

    @property
    def made(self) -> date:
        """The day on which it was made."""
        return date.fromtimestamp((self.run.folder / "config.json").stat().st_mtime)

    @property
    def model(self) -> str:
        """What kind of model it is, in words."""
        config = self.run.config
        words = {"finetune": f"{config.get('encoder')} fine-tuned", "written": "written poses"}
        words |= {"joints": "a network of joints", "blend": f"the mean of {len(config.get('parts', []))} models"}
        return words.get(config["kind"], config["kind"])

    @property
    def drawn(self) -> bool | None:
        """Whether it learnt from drawings alone; None where nobody noted it."""
        return self.run.origin.get("drawn")

    @property
    def learnt(self) -> str:
        """What it learnt the poses from, in words."""
        if self.run.config["kind"] == "written":
            return "learnt from bodies bent by the written poses: it has seen no photograph"
        if self.drawn is None:
            return "what it learnt from is not noted: an earlier version of yogalib made it"
        count = f"{self.run.origin['pictures']:,}"
        if self.drawn:
            return f"learnt from {count} drawn pictures: it has seen no photograph of a pose"
        return f"learnt from {count} photographs"

    @cached_property
    def sure_from(self) -> float:
        """The least probability of its first answer that counts as sure (`sure_from`)."""
        return sure_from(self.run.probabilities, self.run.hits)

    def sure(self, probabilities: np.ndarray, pictures: Sequence[Path | bytes]) -> np.ndarray:
        """Return of which answers, probabilities (N, C), to which pictures (files or their contents) it is sure, bool (N,).

        Of none where it found nobody; and who has learnt drawings by their pixels is sure of no picture that yogalib did not draw: what
        the limit was set on says nothing of photographs.
        """
        limits = [self.limit(picture) for picture in pictures]
        return np.nan_to_num(probabilities).max(axis=1, initial=0) >= limits

    def limit(self, picture: Path | bytes) -> float:
        """Return the least probability of a first answer to a picture that counts as sure; infinite where none does (`sure`)."""
        return self.sure_from if not self.drawings_alone or is_drawn(picture) else np.inf

    @property
    def drawings_alone(self) -> bool:
        """Whether it knows nothing but the look of drawings; who sees joints alone is taught the errors of their finder."""
        return bool(self.drawn) and self.run.config["kind"] not in ("written", "joints")

    @property
    def lines(self) -> list[str]:
        """The card in words, a line each: who answers; what it learnt from; when it is unsure."""
        called = f" ({', '.join(self.names)})" if self.names else ""
        profile = f", profile {self.profile}" if self.profile else ""
        day = f"{self.made.day} {self.made:%B %Y}"
        lines = [f"run {self.run.folder.name}{called}: {self.model}, {len(self.run.classes)} poses{profile}, {day}"]
        lines.append(f"{self.learnt}; {self._judged}")
        if self.drawn and self.run.config["kind"] == "finetune":
            lines.append(CLIP_ON_DRAWINGS)
        return lines

    @property
    def _judged(self) -> str:
        asked = f"its own {len(self.run.hits):,} test pictures"
        if not np.isfinite(self.sure_from):
            return f"always unsure: of {asked} it named fewer than half right, however sure it seemed"
        others = "of all that yogalib did not draw, and " if self.drawings_alone else ""
        return f"unsure {others}below {self.sure_from:.0%}, as {asked} teach"

    @property
    def data(self) -> dict:
        """The card for programs. photographs : whether it learnt from any; sure_from : None where it never is."""
        return {
            "id": self.run.folder.name,
            "names": self.names,
            "profile": self.profile,
            "made": self.made.isoformat(),
            "model": self.model,
            "poses": len(self.run.classes),
            "learnt_from": self.learnt,
            "photographs": None if self.drawn is None else not self.drawn,
            "sure_from": self.sure_from if np.isfinite(self.sure_from) else None,
        }


def is_drawn(picture: Path | bytes) -> bool:
    """Return whether a picture lies in a world that yogalib drew; one that is given by its content is taken for somebody's own."""
    return isinstance(picture, Path) and any((folder / BODIES).is_file() for folder in picture.resolve().parents)


def sure_from(probabilities: np.ndarray, hits: np.ndarray) -> float:
    """Return the least probability of a first answer that counts as sure; infinite where none does.

    probabilities : (N, C), a run's answers to its own test images, which it has not learnt from; NaN for no answer. hits : bool (N,).

    Isotonic regression of right and wrong on the first answer's probability (Zadrozny and Elkan 2002) says how often an answer of that
    probability is right; sure is one that is right at least half the time. Nor is sure what is less probable than every right answer
    was. No figure of the report depends on it. On pictures of another kind than the test images it promises nothing.
    """
    answered = np.isfinite(probabilities).all(axis=1)
    first, right = probabilities[answered].max(axis=1, initial=0), hits[answered]
    if not right.any():
        return np.inf
    chance = IsotonicRegression().fit_transform(first, right)
    return float(max(first[chance >= 0.5].min(initial=np.inf), first[right].min()))
