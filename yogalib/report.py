"""Notebooks become pages: papermill runs them, nbconvert renders them, and only a whole good report is published."""

import json
import logging
import os
import secrets
import shutil
import sys
from datetime import date
from hashlib import sha256
from pathlib import Path

from yogalib.dataset.lists import PICKED
from yogalib.errors import BadInput
from yogalib.paths import ROOT, swap_folder, write_whole
from yogalib.study import Study
from yogalib.summary import claims, handed_over

NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("0[1-9]_*.ipynb"))  # 00_* are tools, not pages
SUMMARY = "08_summary"
TEMPLATES = Path(__file__).with_name("templates")


class NotebookFailed(RuntimeError):
    """A notebook did not come to its end; the message holds its own error."""


def write_inputs(study: Study) -> None:
    """Write <notebook>.inputs, a hash of all that a notebook depends on, touched only when the hash changes; make looks at its time."""
    code = sorted(path for path in (ROOT / "yogalib").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    index = study.index[["path", "sha256", "class", "split", "status"]]
    shared = [path.read_bytes() for path in [*code, ROOT / "requirements.lock"]]
    shared += [study.profile.model_dump_json().encode(), index.to_csv().encode(), _weights_stamp(study).encode()]
    shared += [file.read_bytes() for file in [study.folder / PICKED] if file.is_file()]
    for notebook in NOTEBOOKS:
        digest = sha256(b"\0".join([*shared, (ROOT / "notebooks" / f"{notebook}.ipynb").read_bytes()])).hexdigest()
        file = study.paths.build / f"{notebook}.inputs"
        if not file.is_file() or file.read_text(encoding="utf-8") != digest:
            write_whole(file, lambda path, digest=digest: path.write_text(digest, encoding="utf-8"))


def _weights_stamp(study: Study) -> str:
    from yogalib.encoders import weights_file

    files = [weights_file(name, study.paths.weights) for name in study.profile.encoders]
    return repr([(file.stat().st_size, file.stat().st_mtime_ns) for file in files if file])


def run_notebook(notebook: str, profile: str, build: Path) -> None:
    """Run a notebook and render its page into `build`.

    A kernel that dies leaves cells that all look finished, so the notebook's last cell must hand over its results, with
    the token of this very run, or the run counts as failed.

    Raises NotebookFailed with the notebook's own error; what it had printed is kept in <notebook>.failed.ipynb.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from nbconvert.filters import strip_ansi

    source = ROOT / "notebooks" / f"{notebook}.ipynb"
    _quiet_papermill(notebook, len(json.loads(source.read_text(encoding="utf-8"))["cells"]) + 1)  # papermill adds one
    failed, handed = build / f"{notebook}.failed.ipynb", build / f"{notebook}.json"
    handed.unlink(missing_ok=True)
    os.environ["YOGALIB_TOKEN"] = token = secrets.token_hex(8)
    try:
        executed = papermill.execute_notebook(
            source,
            failed,
            {"profile": profile},
            kernel_name="python3",
            progress_bar=False,
            log_output=True,
            cwd=ROOT,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except papermill.PapermillExecutionError as error:
        print(strip_ansi("\n".join(error.traceback)), file=sys.stderr)
        raise NotebookFailed(
            f"{notebook}, cell {error.cell_index}: {error.ename}: {error.evalue}. Kept: {failed}"
        ) from None
    except DeadKernelError:
        raise NotebookFailed(f"{notebook}: its kernel died, most likely for want of memory. Kept: {failed}") from None
    if not handed.is_file() or json.loads(handed.read_text(encoding="utf-8"))["token"] != token:
        raise NotebookFailed(f"{notebook}: did not reach its last cell (study.finish()). Kept: {failed}")
    page = render(executed, notebook, profile)
    write_whole(build / f"{notebook}.html", lambda path: path.write_text(page, encoding="utf-8"))
    failed.unlink()


def _quiet_papermill(notebook: str, cells: int) -> None:
    """Let through, of all that papermill says, the progress bars and which cell is being run."""

    def wanted(record: logging.LogRecord) -> bool:
        text = record.getMessage().strip()
        if text.startswith("Executing Cell"):
            record.msg, record.args = f"cell {text.removeprefix('Executing Cell').strip(' -')} of {cells}", ()
            return True
        return record.levelno >= logging.WARNING and bool(text)

    handler = logging.StreamHandler()
    handler.terminator = ""
    handler.addFilter(wanted)
    handler.setFormatter(_Lines(f"[{notebook}] "))
    logger = logging.getLogger("papermill")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)


class _Lines(logging.Formatter):
    """One line of the terminal per message, also for progress bars, which redraw theirs."""

    def __init__(self, prefix: str):
        super().__init__()
        self.prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        return f"{self.prefix}{record.getMessage().strip()}\n"


def render(executed, notebook: str, profile: str) -> str:
    """Return the page of an executed notebook: self-contained, code folded, no script."""
    from nbconvert import HTMLExporter

    from yogalib.profile import read_profile

    for number, cell in enumerate(executed.cells):
        cell["id"] = f"cell-{number}"  # papermill gives its own cell a random one
    read = read_profile(profile)
    heading = next(cell.source for cell in executed.cells if cell.cell_type == "markdown").splitlines()[0]
    executed.metadata["title"] = f"{heading.lstrip('# ')}, profile {read.name}"
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    pages = [("index.html" if name == SUMMARY else f"{name}.html", name[3:].replace("_", " ")) for name in NOTEBOOKS]
    this = "index.html" if notebook == SUMMARY else f"{notebook}.html"
    page, _ = exporter.from_notebook_node(executed, {"stand_in": read.stand_in, "pages": pages, "this_page": this})
    return page


def publish(study: Study) -> None:
    """Put the finished build in the place of the published report, whole; whatever is missing, the old report stays.

    Raises BadInput when a page is missing.
    """
    build, report = study.paths.build, study.paths.report
    missing = [name for name in NOTEBOOKS if not (build / f"{name}.html").is_file()]
    if missing:
        raise BadInput(f"nothing published: {', '.join(missing)} not finished; run make reproduce")
    new = report.with_name(f".{report.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    for folder in ("tables", "figures"):
        (new / folder).mkdir(parents=True)
    for name in NOTEBOOKS:
        shutil.copy(build / f"{name}.html", new / ("index.html" if name == SUMMARY else f"{name}.html"))
    for made in handed_over(build):
        for kind, endings in (("tables", [".csv"]), ("figures", [".svg", ".png"])):
            for name in made[kind]:
                for ending in endings:
                    shutil.copy(build / kind / f"{name}{ending}", new / kind)
    (new / "summary.json").write_text(json.dumps(summary(study), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    swap_folder(new, report)


def summary(study: Study) -> dict:
    """Return what summary.json holds (DESIGN: "What a run leaves behind")."""
    from yogalib.dataset.index import data_hash
    from yogalib.runs import machine

    about = machine()
    return {
        "profile": study.profile.name,
        "stand_in": study.profile.stand_in,
        "data": {"hash": data_hash(study.subset("all")), "files": study.index["status"].value_counts().to_dict()},
        "versions": about.pop("versions"),
        "machine": about | {"threads": study.profile.machine.threads},
        "date": date.today().isoformat(),
        "seconds": {made["notebook"]: made["seconds"] for made in handed_over(study.paths.build)},
        "claims": claims(study.paths.build, study.profile),
    }
