"""Small worlds for the tests: drawn pictures in folders that look like a download of Yoga-82."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from hypothesis import settings
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
POSES = {
    "Tree_Pose_or_Vrksasana_": "line",
    "Bound_Angle_Pose_or_Baddha_Konasana_": "ellipse",
    "Warrior_II_Pose_or_Virabhadrasana_II_": "cross",
}

# a busy machine takes its time
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# one thread, as in the profiles: the same sums in the same order
os.environ.setdefault("OMP_NUM_THREADS", "1")
# what a test starts shall not compile torch anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def draw(shape: str, rng: np.random.Generator, size: tuple[int, int] = (90, 80)) -> Image.Image:
    """A picture that a small network can tell from the other shapes."""
    image = Image.new("RGB", size, tuple(int(value) for value in rng.integers(150, 256, 3)))
    pen = ImageDraw.Draw(image)
    x, y = (int(value) for value in rng.integers(30, 50, 2))
    ink = tuple(int(value) for value in rng.integers(0, 100, 3))
    if shape in ("line", "cross"):
        pen.line([(x, y - 25), (x, y + 25)], fill=ink, width=7)
    if shape == "cross":
        pen.line([(x - 25, y), (x + 25, y)], fill=ink, width=7)
    if shape == "ellipse":
        pen.ellipse([x - 25, y - 12, x + 25, y + 12], fill=ink)
    return image


def write_photos(folder: Path, per_class: int = 12, seed: int = 0) -> Path:
    """Write a folder of drawn pictures, one sub-folder per pose."""
    rng = np.random.default_rng(seed)
    for pose, shape in POSES.items():
        (folder / pose).mkdir(parents=True)
        for number in range(per_class):
            draw(shape, rng).save(folder / pose / f"{number}.jpg", quality=90)
    return folder


def own_profile(file: Path, **tuning) -> Path:
    """Write a profile for photographs that ends in seconds. tuning : keys of fine_tuning."""
    values = yaml.safe_load((ROOT / "yogalib" / "profiles" / "photos.yaml").read_text())
    values["zero_shot"]["other_prompts"] = []
    values["zero_shot"]["encoders"] = ["CLIP-mini-RN-random", "CLIP-mini-RN"]
    values["split"]["repeats"] = 2
    values["other_encoders"] = ["CLIP-mini-RN-random"]
    values["small_runs"] |= {
        "epochs": 1,
        "repeats": 2,
        "seeds": 2,
        "pairs": [[1.0e-5, 1.0e-3], [1.0e-4, 1.0e-4]],
        "per_class": [1, 4],
    }
    values["beyond"] |= {"joints": None, "per_class": [1, 4], "tune_network": False}
    values["yolo"] |= {"epochs": 2, "repeats": 2, "resolution": 32}
    values["fine_tuning"] |= {"encoder": "CLIP-mini-RN", "epochs": 6, "batch": 16} | tuning
    file.write_text(yaml.safe_dump(values))
    return file


def at_work(process: psutil.Process) -> bool:
    """Whether it has not ended; one that has stays a zombie until whoever took the orphan in asks for it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run_interactively(name: str, parameters: dict, more: str = ""):
    """Run a notebook in a kernel of its own with other parameters, as JupyterLab would, and return it; `more` is a last cell."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    place = next(n for n, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", []))
    given = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    book.cells.insert(place + 1, nbformat.v4.new_code_cell(given))
    book.cells.append(nbformat.v4.new_code_cell(more))
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(ROOT / "notebooks")}}).execute()
    return book


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints: for tests of what is imported, and what is not."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, the machine's own."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 36 drawn pictures of three poses."""
    return write_photos(tmp_path / "photos")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Send all outputs of this process to a folder of the test's own."""
    for name in ("DATA", "RUNS", "REPORTS", "WEIGHTS"):
        monkeypatch.setenv(f"{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.delenv("LISTS", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data beside the checkout; tests that need it are skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip("the folder shared/ with real photographs and the official lists is not beside this checkout")
    return SHARED
