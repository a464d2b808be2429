"""The finished pages become a report: only a whole good one is published."""

import json
import shutil
from datetime import date

from yogalib.dataset.index import data_hash
from yogalib.errors import BadInput
from yogalib.models.meter import machine
from yogalib.pages.inputs import NOTEBOOKS, report_inputs
from yogalib.pages.notebook import SUMMARY
from yogalib.pages.summary import claims, handed_over
from yogalib.paths import swap_folder
from yogalib.results.carry import paper_statements
from yogalib.study import Study


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
