"""BlazePose: its parts by themselves, and figures whose joints are known, since they were drawn (needs the weights)."""

import io
import os
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from yogalib.__main__ import main
from yogalib.errors import BadInput
from yogalib.models.blazepose import LANDMARKS, BlazePose, landmarks_of, turn_back
from yogalib.models.boxes import Square, anchors, merge
from yogalib.models.published import BLAZEPOSE, bring_weights
from yogalib.models.skeleton import JOINTS, joints_of
from yogalib.models.written import landmarks_on
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.camera import Camera, look_at
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.scene import draw_plain

WEIGHTS = Path(os.environ.get("WEIGHTS_DIR") or ROOT / "data" / "weights")
needs_weights = pytest.mark.skipif(
    not (WEIGHTS / "blazepose").is_dir(), reason="BlazePose's files are not here: python -m yogalib weights blazepose"
)
TREE = "Tree_Pose_or_Vrksasana_"


def drawn(size: int = 320) -> tuple[np.ndarray, np.ndarray]:
    """Return a drawn tree pose, uint8 (size, size, 3), and where its joints are in the picture, (20, 2)."""
    bodies = pose_bodies(load_poses()[TREE].postures.take(np.array([0])))
    camera = Camera(10.0, 8.0, 0.0, 6.0, 0.9, 0.0, 0.4)  # draw_plain's own
    view = look_at(bodies.joints[0], bodies.radius[0], camera, size, size)
    joints = (landmarks_on(bodies)[0] - view.centre) @ view.turn.T
    plane = joints[:, :2] / (camera.distance - joints[:, 2:]) * (1, -1)
    return draw_plain(bodies, 0, 10.0, size), plane * view.scale + view.shift


def as_png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


def test_anchors_are_2254_in_the_unit_square_symmetric_about_its_middle():
    assert anchors().shape == (2254, 2)
    assert 0 < anchors().min() < anchors().max() < 1
    np.testing.assert_allclose(anchors().mean(axis=0), 0.5)


def test_overlapping_detections_become_their_mean_and_others_stay():
    box = np.array([[0.5, 0.5], [0.2, 0.2], *[[0.5, 0.5]] * 4])
    places = np.stack([box, box + [[0.02, 0], [0, 0], *[[0.02, 0]] * 4], box - [[0.4, 0], [0, 0], *[[0.4, 0]] * 4]])
    merged = merge(places, np.array([0.9, 0.3, 0.5]))
    assert len(merged) == 2
    np.testing.assert_allclose(merged[0][0], [0.505, 0.5])  # (0.9 * 0.50 + 0.3 * 0.52) / 1.2
    np.testing.assert_allclose(merged[1], places[2])
    assert merge(np.empty((0, 6, 2)), np.empty(0)) == []


def test_square_cuts_out_what_it_is_about_and_upright():
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[95:105, 145:195] = 255  # a bar that points right: its top is to the right
    pixels = Square.about(np.array([150.0, 100.0]), np.array([190.0, 100.0])).cut(picture)
    assert pixels[128 - 60, 128].min() > 200
    assert pixels[128 + 60, 128].max() < 50


@given(st.integers(0, 3), st.integers(5, 40), st.integers(5, 40), st.integers(0, 99))
def test_turning_back_finds_the_pixel_again(quarter, height, width, seed):
    rng = np.random.default_rng(seed)
    y, x = rng.integers(height), rng.integers(width)
    picture = np.zeros((height, width))
    picture[y, x] = 1
    there = np.argwhere(np.rot90(picture, quarter))[0][::-1] + 0.5
    points, _ = turn_back(there[None].astype(float), np.zeros((1, 3)), quarter, picture.shape)
    np.testing.assert_allclose(points[0], (x + 0.5, y + 0.5))


@needs_weights
def test_drawn_body_is_found_where_it_was_drawn_upside_down_too(capfd):
    picture, joints = drawn()
    model = BlazePose(WEIGHTS)
    assert capfd.readouterr().err == ""
    upright, turned = (model.find(each) for each in (picture, np.ascontiguousarray(np.rot90(picture, 2))))
    places = joints_of(np.stack([upright, turned]))[0]
    limbs = [JOINTS.index(f"{side}_{name}") for side in "lr" for name in ("shoulder", "wrist", "hip", "knee", "ankle")]
    assert min(upright["flag"], turned["flag"]) > 0.9
    for found in (places[0], 320 - places[1]):
        off = np.linalg.norm(found - joints, axis=1)[limbs]
        assert np.median(off) < 0.03 * 320
        assert off.max() < 0.1 * 320


@needs_weights
def test_nobody_is_found_on_an_empty_wall():
    found = BlazePose(WEIGHTS).find(np.full((120, 90, 3), 200, np.uint8))
    assert found.dtype == LANDMARKS
    assert found["flag"] == 0
    assert np.isnan(found["world"]).all()


@needs_weights
def test_landmarks_are_found_once_and_alike_in_any_thread(tmp_path, monkeypatch):
    content = as_png(drawn()[0])
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda place: landmarks_of(content, WEIGHTS, tmp_path / str(place % 2)), range(4)))
    assert len(list(tmp_path.rglob("*.npy"))) == 2
    monkeypatch.setattr(BlazePose, "find", lambda *_: pytest.fail("found already"))
    again = landmarks_of(content, WEIGHTS, tmp_path / "0")
    assert all(each.tobytes() == again.tobytes() for each in found)
    next((tmp_path / "0").rglob("*.npy")).write_bytes(b"half a file")
    monkeypatch.setattr(BlazePose, "find", lambda *_: np.zeros((), LANDMARKS))
    assert landmarks_of(content, WEIGHTS, tmp_path / "0")["flag"] == 0


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A folder with a wheel of two small files, and their digests in place of the published ones."""
    files = {name: name.encode() for name in BLAZEPOSE}
    (tmp_path / "index").mkdir()
    with zipfile.ZipFile(tmp_path / "index" / "mediapipe-0.10.21-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"mediapipe/modules/{name}", content)
        archive.writestr("mediapipe/__init__.py", "raise SystemExit('installed')")
        archive.writestr(
            "mediapipe-0.10.21.dist-info/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"
        )
        archive.writestr("mediapipe-0.10.21.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("mediapipe-0.10.21.dist-info/RECORD", "")
    for name, content in files.items():
        monkeypatch.setitem(BLAZEPOSE, name, sha256(content).hexdigest())
    return tmp_path / "index"


@pytest.mark.parametrize("way", ["folder", "pip", "uv"])
def test_weights_are_unpacked_from_the_wheel_and_nothing_is_installed(way, wheel, tmp_path, monkeypatch):
    where = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
    }
    for name, value in (where | {f"{way.upper()}_FIND_LINKS": str(wheel)}).items():
        monkeypatch.setenv(name, value)
    if way == "uv":
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    folder = bring_weights("blazepose", tmp_path / "weights", wheel if way == "folder" else None)
    assert {file.name: file.read_text() for file in folder.iterdir()} == {name: name for name in BLAZEPOSE}
    (folder / "pose_detection.tflite").write_text("cut short")
    bring_weights("blazepose", tmp_path / "weights", wheel)
    assert (folder / "pose_detection.tflite").read_text() == "pose_detection.tflite"


def test_wheel_with_other_files_is_refused(wheel, tmp_path, monkeypatch):
    monkeypatch.setitem(BLAZEPOSE, "pose_detection.tflite", "0" * 64)
    with pytest.raises(BadInput, match="sha256 differs"):
        bring_weights("blazepose", tmp_path / "weights", wheel)
    assert not (tmp_path / "weights").exists()


def test_wheel_that_cannot_be_had_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("WEIGHTS_DIR", str(tmp_path / "weights"))
    assert main(["weights", "blazepose"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "--from FOLDER" in said
    assert main(["weights", "blazepose", "--from", str(tmp_path)]) == 2
    assert "holds no pose_detection.tflite and no wheel" in capsys.readouterr().err


def test_machine_without_litert_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(BadInput, match="Intel"):
        BlazePose(tmp_path)
