"""The files at the top: that tools can read them, and that what they name is there."""

import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import ROOT

HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]


def test_citation_names_the_software_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "version", "date-released", "license"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert isinstance(citation["date-released"], date)
    assert all("name" in author or "family-names" in author for author in citation["authors"])
    paper = citation["preferred-citation"]
    assert {"type", "title", "authors", "journal", "year", "doi"} <= set(paper)
    assert len(paper["authors"]) == 5
    assert paper["doi"] in (ROOT / "README.md").read_text()


def test_hooks_are_the_locked_tools_and_fetch_nothing():
    assert [repo["repo"] for repo in HOOKS] == ["local"]
    for hook in HOOKS[0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].split()[0].startswith(".venv/bin/")


def test_hooks_mend_a_commit_without_a_network(tmp_path):
    """The real pre-commit, in a repository of its own with our configuration and tools."""
    tools = Path(sys.executable).parent
    if not (tools / "pre-commit").exists():
        pytest.skip("pre-commit is not beside this Python")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(tools)
    (tmp_path / ".pre-commit-config.yaml").write_text((ROOT / ".pre-commit-config.yaml").read_text())
    (tmp_path / "code.py").write_text("x = {  'a':1 }\n")
    output = nbformat.v4.new_output("stream", text="noise")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1", outputs=[output], id="kept")])
    nbformat.write(book, tmp_path / "book.ipynb")
    for command in (["git", "init", "-q"], ["git", "add", "code.py", "book.ipynb", ".pre-commit-config.yaml"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(
        [tools / "pre-commit", "run", "--all-files"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PRE_COMMIT_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr  # files were mended
    assert (tmp_path / "code.py").read_text() == 'x = {"a": 1}\n'
    (cell,) = nbformat.read(tmp_path / "book.ipynb", as_version=4).cells
    assert (cell["outputs"], cell["id"]) == ([], "kept")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_what_the_documents_link_to_is_there(name):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text()):
        assert "://" in target or (ROOT / target).exists(), target


def test_kernel_of_the_notebooks_is_the_one_of_this_environment():
    """`make lab` and papermill ask for python3: it must be this environment's, not another one of the user's."""
    from jupyter_client import KernelManager

    names = {
        nbformat.read(file, as_version=4).metadata.kernelspec.name for file in (ROOT / "notebooks").glob("*.ipynb")
    }
    assert names == {"python3"}
    assert KernelManager(kernel_name="python3").format_kernel_cmd()[0] == sys.executable


def test_no_two_notebooks_make_a_table_or_figure_of_one_name():
    made = {}
    for file in sorted((ROOT / "notebooks").glob("0[1-9]_*.ipynb")) + sorted((ROOT / "notebooks").glob("1*.ipynb")):
        code = "".join("".join(cell.source) for cell in nbformat.read(file, 4).cells if cell.cell_type == "code")
        for name in set(re.findall(r'save_(?:table|figure)\(\s*"(\w+)"', code)):
            made.setdefault(name, []).append(file.stem)
    assert len(made) > 40
    assert not {
        name: places for name, places in made.items() if len(places) > 1
    }  # one would overwrite the other's file
