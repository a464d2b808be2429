"""What a report depends on, as a hash: make asks it whether a page is due, a test whether the committed report is stale."""

import ast
import io
import json
import tokenize
from hashlib import sha256
from pathlib import Path

from yogalib.dataset.lists import PICKED
from yogalib.models.encoders import weights_file
from yogalib.paths import ROOT, write_whole
from yogalib.profile import Profile

# 00_* are tools, not pages
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("[01][0-9]_*.ipynb") if path.stem[:2] != "00")
PACKAGE = Path(__file__).parents[1]
KINDS = (".py", ".yaml", ".csv", ".json", ".safetensors", ".j2", ".css", ".js")
# no page changes with them, nor with the commands of tools/
APART = ("__main__.py", "plan.py", "progress.py", "published.py", "download.py", "fetch.py", "console.py", "due.py")


def code_alone(source: str) -> str:
    """Return Python source without docstrings, comments and empty lines: what is left decides what it does."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node) is not None:
            first, last = node.body[0].lineno, node.body[0].end_lineno
            lines[first - 1 : last] = [""] * (last - first + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def report_inputs(profile: Profile) -> str:
    """Return the hash of what decides a report of pictures that the profile draws itself: code, notebooks, profile, versions.

    The same on every machine and Python: a comment, a docstring or another profile does not count.
    """
    return _digest([*_code(), *map(_notebook, NOTEBOOKS), profile.model_dump_json().encode()])


def write_inputs(study) -> None:
    """Write <notebook>.inputs, a hash of all that a notebook depends on, touched only when the hash changes; make looks at its time."""
    other = study.validation_set()
    given = [study, *([other] if other is not None and other.images is not None else [])]
    shared = [*_code(), study.profile.model_dump_json().encode(), _weights_stamp(study).encode()]
    shared += [each.index[["path", "sha256", "class", "split", "status"]].to_csv().encode() for each in given]
    shared += [file.read_bytes() for file in [study.folder / PICKED] if file.is_file()]
    for notebook in NOTEBOOKS:
        digest = _digest([*shared, _notebook(notebook)])
        file = study.paths.build / f"{notebook}.inputs"
        if not file.is_file() or file.read_text(encoding="utf-8") != digest:
            write_whole(file, lambda path, digest=digest: path.write_text(digest, encoding="utf-8"))


def _code() -> list[bytes]:
    """Return all that the package holds and a page can depend on, and the lock; the profiles come by themselves."""
    parts = [(ROOT / "requirements.lock").read_bytes()]
    for path in sorted(PACKAGE.rglob("*")):
        place = path.relative_to(PACKAGE)
        if path.suffix in KINDS and path.name not in APART and place.parts[0] not in ("profiles", "tools"):
            parts.append(place.as_posix().encode())
            text = path.suffix == ".py"
            parts.append(code_alone(path.read_text(encoding="utf-8")).encode() if text else path.read_bytes())
    return parts


def _notebook(name: str) -> bytes:
    """Return what a notebook says, whatever the program that saved it put around that."""
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return json.dumps([(cell["cell_type"], "".join(cell["source"])) for cell in cells]).encode()


def _digest(parts: list[bytes]) -> str:
    return sha256(b"\0".join(parts)).hexdigest()


def _weights_stamp(study) -> str:
    files = [weights_file(name, study.paths.weights) for name in study.profile.encoders]
    return repr([(file.stat().st_size, file.stat().st_mtime_ns) for file in files if file])
