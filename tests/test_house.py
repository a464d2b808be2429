"""The tree is the data flow: README's Layout draws it, import-linter holds it, and an import hidden in a function says why."""

import ast
import re
import subprocess
import sys

from conftest import ROOT

import yogalib

FOLDERS = ["facts", "dataset", "synthetic", "models", "runs", "results", "pages", "tools"]


def test_a_folder_imports_only_what_stands_above_it():
    lint = "from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_readme_and_the_package_tell_of_every_module():
    layout = re.search(r"## Layout.*?^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)[1]
    assert [name for name in FOLDERS if f" {name}/" in layout] == FOLDERS
    for told in (layout, yogalib.__doc__):
        for folder in set(FOLDERS) - {"synthetic"}:
            for file in (ROOT / "yogalib" / folder).glob("[a-z]*.py"):
                assert re.search(rf"\b{file.stem}\b", told), f"{folder}/{file.name} is not told of"


def hidden_imports(source: str):
    """Yield the lines of imports in functions whose block of imports gives no reason behind a #."""
    lines = source.splitlines()
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        found = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
        reasons = any("#" in lines[number - 1] for node in found for number in (node.lineno, node.lineno - 1))
        if found and not reasons:
            yield f"line {found[0].lineno}: {lines[found[0].lineno - 1].strip()}"


def test_imports_in_functions_give_their_reason():
    for file in sorted((ROOT / "yogalib").rglob("*.py")):
        if file.name != "__main__.py":  # gives it once, for all its commands
            missing = list(hidden_imports(file.read_text(encoding="utf-8")))
            assert not missing, f"{file.relative_to(ROOT)}: {missing}"
