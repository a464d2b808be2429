"""Notebooks become pages: papermill runs them, nbconvert renders them, and only a whole good report is published."""

import json
import os
import re
import secrets
import shutil
import sys
from datetime import date
from pathlib import Path

from yogalib.dataset.index import data_hash
from yogalib.errors import BadInput
from yogalib.models.meter import machine
from yogalib.pages.console import quiet_papermill
from yogalib.pages.inputs import NOTEBOOKS, report_inputs
from yogalib.pages.summary import claims, handed_over, notebook_title
from yogalib.paths import ROOT, swap_folder, write_whole
from yogalib.profile import read_profile
from yogalib.results.carry import paper_statements
from yogalib.runs.progress import duration, whole_left
from yogalib.runs.questions import asked_by
from yogalib.study import Study

SUMMARY = "08_summary"
WORKS = "works.json"
TEMPLATES = Path(__file__).with_name("templates")


class NotebookFailed(RuntimeError):
    """A notebook did not come to its end; the message holds its own error."""


def run_notebook(notebook: str, profile: str, build: Path) -> None:
    """Run a notebook and render its page into `build`.

    A kernel that dies leaves cells that all look finished, so the notebook's last cell must hand over its results, with
    the token of this very run, or the run counts as failed.

    Raises NotebookFailed with the notebook's own error; what it had printed is kept in <notebook>.failed.ipynb.
    """
    import papermill  # a second, as are the others
    from nbclient.exceptions import DeadKernelError
    from nbconvert.filters import strip_ansi

    source = ROOT / "notebooks" / f"{notebook}.ipynb"
    quiet_papermill(notebook)
    failed, handed = build / f"{notebook}.failed.ipynb", build / f"{notebook}.json"
    handed.unlink(missing_ok=True)
    os.environ["YOGALIB_TOKEN"] = token = secrets.token_hex(8)
    begin = (
        f"from yogalib import processes; processes.collect_seldom(); processes.end_with({os.getpid()}); del processes"
    )
    try:
        executed = papermill.execute_notebook(
            source,
            failed,
            {"profile": profile},
            kernel_name="python3",
            progress_bar=False,
            log_output=True,
            cwd=ROOT,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL", f"--IPKernelApp.exec_lines={begin}"],
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


def pages_left(build: Path) -> int:
    """Return how many pages are still due, as make sees it: not there, or older than what they depend on."""
    return sum(_due(build / f"{name}.html") for name in NOTEBOOKS)


def _due(page: Path) -> bool:
    inputs = page.with_suffix(".inputs")
    return not page.is_file() or (inputs.is_file() and page.stat().st_mtime_ns < inputs.stat().st_mtime_ns)


def write_works(study) -> None:
    """Write what work each notebook is (Ask.work), for time_left, where pages are due; the file's time is when this make began."""
    if not pages_left(study.paths.build):
        return
    works = {name: sum(ask.work for ask in asked_by(study, name)) for name in NOTEBOOKS}
    write_whole(study.paths.build / WORKS, lambda path: path.write_text(json.dumps(works), encoding="utf-8"))


def time_left(build: Path) -> str:
    """Return about how long all notebooks that are not done will take yet, in words; nothing where that can't be known.

    It follows from the notebooks that were made since write_works, as long as one of them is.
    """
    file = build / WORKS
    pages = {name: build / f"{name}.html" for name in NOTEBOOKS}
    if not file.is_file() or not pages_left(build):
        return ""
    made = [name for name, page in pages.items() if page.is_file() and page.stat().st_mtime > file.stat().st_mtime]
    seconds = {name: json.loads((build / f"{name}.json").read_text(encoding="utf-8"))["seconds"] for name in made}
    works = json.loads(file.read_text(encoding="utf-8"))
    due = {name: work for name, work in works.items() if name in made or _due(pages[name])}
    jobs = re.search(r"(?:-j|--jobs=) ?(\d+)", os.environ.get("MAKEFLAGS", ""))
    return f", about {duration(whole_left(due, seconds, int(jobs[1]) if jobs else 1))} at most" if made else ""


def render(executed, notebook: str, profile: str) -> str:
    """Return the page of an executed notebook: self-contained, code folded, with one script, which asks for nothing."""
    from nbconvert import HTMLExporter  # a second
    from traitlets.config import Config

    for number, cell in enumerate(executed.cells):
        cell["id"] = f"cell-{number}"  # papermill gives its own cell a random one
    read = read_profile(profile)
    heading = next(cell.source for cell in executed.cells if cell.cell_type == "markdown").splitlines()[0]
    executed.metadata["title"] = f"{heading.lstrip('# ')}, profile {read.name}"
    exporter = HTMLExporter(
        config=Config({"CSSHTMLHeaderPreprocessor": {"style": "xcode"}}),
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        filters={"headings": headings},
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    pages = [
        ("index.html", "summary"),
        *((f"{name}.html", notebook_title(name)) for name in NOTEBOOKS if name != SUMMARY),
    ]
    this = "index.html" if notebook == SUMMARY else f"{notebook}.html"
    page, _ = exporter.from_notebook_node(executed, {"stand_in": read.stand_in, "pages": pages, "this_page": this})
    return page


def headings(body: str) -> list[tuple[str, str, str]]:
    """Return level, anchor and text of the headings below a page's title: its list of contents."""
    found = re.findall(r'<h([23]) id="([^"]+)">(.*?)(?:<a class="anchor-link".*?</a>)?</h\1>', body, re.DOTALL)
    return [(level, anchor, re.sub("<[^>]+>", "", text)) for level, anchor, text in found]


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
    about = machine()
    return {
        "profile": study.profile.name,
        "inputs": report_inputs(study.profile),
        "stand_in": study.profile.stand_in,
        "data": {"hash": data_hash(study.subset("all")), "files": study.index["status"].value_counts().to_dict()},
        "versions": about.pop("versions"),
        "machine": about | {"threads": study.profile.machine.threads},
        "date": date.today().isoformat(),
        "seconds": {made["notebook"]: made["seconds"] for made in handed_over(study.paths.build)},
        "claims": claims(study.paths.build, study.profile),
        "statements": json.loads(paper_statements().to_json(orient="records")),
    }
