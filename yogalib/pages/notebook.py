"""A notebook becomes a page: papermill runs it, nbconvert renders it.

Each page has a process of its own: what it need not have is not imported here, or each would wait for it.
"""

import json
import os
import re
import secrets
import sys
from pathlib import Path

from yogalib.pages.console import quiet_papermill
from yogalib.pages.inputs import NOTEBOOKS
from yogalib.paths import ROOT, write_whole
from yogalib.profile import read_profile

SUMMARY = "08_summary"
TEMPLATES = Path(__file__).with_name("templates")


class NotebookFailed(RuntimeError):
    """A notebook did not come to its end; the message holds its own error."""


def run_notebook(notebook: str, profile: str, build: Path) -> None:
    """Run a notebook and render its page into `build`.

    A kernel that dies leaves cells that all look finished, so the notebook's last cell must hand over its results, with
    the token of this very run, or the run counts as failed.

    Raises NotebookFailed with the notebook's own error; what it had printed is kept in <notebook>.failed.ipynb.
    """
    # else jsonschema, which can do without, compiles a grammar of web addresses: most of papermill's second
    sys.modules.setdefault("rfc3987_syntax", None)
    import papermill  # seconds, as are the others
    from nbclient.exceptions import DeadKernelError
    from nbconvert.filters import strip_ansi

    source = ROOT / "notebooks" / f"{notebook}.ipynb"
    quiet_papermill(notebook)
    failed, handed = build / f"{notebook}.failed.ipynb", build / f"{notebook}.json"
    handed.unlink(missing_ok=True)
    os.environ["YOGALIB_TOKEN"] = token = secrets.token_hex(8)
    begin = f"from yogalib import processes; processes.begin_for({os.getpid()}); del processes"
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


def notebook_title(name: str) -> str:
    """Return a notebook's name as people write it: `07_yolo_benchmark` is "YOLO benchmark"."""
    return name[3:].replace("_", " ").replace("yolo", "YOLO")
