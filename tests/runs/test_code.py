"""Stored runs are trusted by their configuration: so a change to what makes them must rename them."""

from hashlib import sha256

from conftest import ROOT

from yogalib.pages.inputs import code_alone
from yogalib.runs.store import CODE

# what computes a run; these of models/ say where weights lie, what they cost and which machine it was, and change no answer
APART = ("published.py", "costs.py", "counting.py", "meter.py")
# whose bodies a network learns from while a run is made; drawn pictures, by their bytes, decide their runs themselves
BODIES = ("poses", "bodies", "skeleton")
SEEN = {5: "29c87fcc61d9475a"}


def digest() -> str:
    files = [*sorted((ROOT / "yogalib" / "models").rglob("*.py")), ROOT / "yogalib" / "runs" / "asks.py"]
    files += [ROOT / "yogalib" / "synthetic" / f"{name}.py" for name in BODIES]
    parts = [f"{file.name}\n{code_alone(file.read_text(encoding='utf-8'))}" for file in files if file.name not in APART]
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def test_change_to_what_makes_runs_raises_their_code():
    assert SEEN.get(CODE) == digest(), (
        f"the code that makes runs has changed (comments aside). Stored runs of CODE {CODE} would pass for runs of the new code: raise "
        f"CODE in yogalib/runs/store.py and write {{{CODE} or the new number: '{digest()}'}} into SEEN here. If no run's content can have "
        "changed (a rename, an error's words), the new digest beside the old CODE will do"
    )
