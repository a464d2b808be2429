"""Written poses: cameras, errors, a pose of one's own by yaml alone, and the run that keeps the network."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import yaml
from PIL import Image

from yogalib.__main__ import main
from yogalib.dataset.index import build_index
from yogalib.dataset.pixels import Source
from yogalib.errors import BadInput
from yogalib.models import joints as photographed
from yogalib.models import kept
from yogalib.models.blazepose import LANDMARKS
from yogalib.models.skeleton import JOINTS, predict
from yogalib.models.written import Spoil, landmarks_on, see, simulate, train_on_writing
from yogalib.paths import Paths
from yogalib.profile import Machine, Written
from yogalib.runs import asks, questions
from yogalib.runs.store import Workshop, find_run
from yogalib.study import Study
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.camera import Camera, look_at
from yogalib.synthetic.poses import load_poses, random_angles, read_poses, written_entries

CLEAN = Spoil(jitter=0, stiff=0, slack=0, across=0, depth=0, hidden=0, swapped=0, squash=(1, 1), around=0, spread=0)
TREE, CHAIR = "Tree_Pose_or_Vrksasana_", "Chair_Pose_or_Utkatasana_"
NEW = {
    "base": "standing",
    "view": "front",
    "both": {"hip": {"abduction": 30}, "shoulder": {"flexion": 180, "abduction": 35}},
    "support": ["l_foot", "r_foot"],
}


@pytest.fixture
def star(tmp_path):
    file = tmp_path / "my_poses.yaml"
    file.write_text(yaml.safe_dump({"Star_Pose_or_Utthita_Tadasana": NEW}), encoding="utf-8")
    return file


def test_cameras_see_what_the_renderers_camera_sees():
    bodies = pose_bodies(random_angles(np.random.default_rng(0), 4))
    azimuth, elevation, roll, distance = np.array([[0.3], [0.2], [0.05], [4.0]]).repeat(4, 1)
    picture, world = see(bodies.joints, azimuth, elevation, roll, distance)
    for row in range(4):
        camera = Camera(*np.rad2deg([0.3, 0.2, 0.05]), 4.0, 0.9, 0.0, 0.0)
        seen = look_at(bodies.joints[row], bodies.radius[row], camera, 200, 200)
        scale = seen.scale / 4.0
        np.testing.assert_allclose(scale * picture[row] + seen.shift, seen.xy, atol=1e-6)
        np.testing.assert_allclose(world[row, :, 2], seen.depth - 4.0, atol=1e-9)


def test_left_of_a_body_seen_from_the_front_is_at_the_right_of_the_picture():
    bodies = pose_bodies(load_poses()[TREE].postures)
    zero = np.zeros(len(bodies.joints))
    picture, world = see(landmarks_on(bodies), zero, zero, zero, zero + 4)
    left, right, head = (JOINTS.index(name) for name in ("l_shoulder", "r_shoulder", "head"))
    assert (picture[:, left, 0] > picture[:, right, 0]).all()
    assert (picture[:, head, 1] < picture[:, left, 1]).all()
    assert (world[:, JOINTS.index("nose"), 2] < world[:, head, 2]).all(), "the nose is nearer than the ears"


def test_swaps_exchange_whole_limbs_in_both_views():
    poses = dict(list(load_poses().items())[:3])
    clean = simulate(poses, 40, np.random.default_rng(0), CLEAN)
    swapped = Spoil(**{**asdict(CLEAN), "swapped": 1.0})
    picture, world, numbers = simulate(poses, 40, np.random.default_rng(0), swapped)
    assert picture.shape == (120, 20, 2)
    assert numbers.tolist() == clean[2].tolist() == np.repeat(range(3), 40).tolist()
    np.testing.assert_allclose(np.sort(world, axis=1), np.sort(clean[1], axis=1), atol=1e-9)


def test_an_83rd_pose_is_found_by_yaml_alone(star):
    entries = written_entries(star)
    assert (len(entries), entries[82][0]) == (83, "Star_Pose_or_Utthita_Tadasana")
    chosen = [entry for entry in entries.values() if entry[0] in (TREE, CHAIR) or entry[1] == NEW]
    poses = read_poses(dict(chosen))
    model, _ = train_on_writing(poses, Written(bodies=200, epochs=20))
    *seen, numbers = simulate(poses, 25, np.random.default_rng(9))
    right = predict([model], *seen).argmax(1) == numbers
    assert list(poses)[2].startswith("Star")
    assert right[numbers == 2].mean() > 0.9
    assert right.mean() > 0.9


def test_a_pose_by_an_official_name_takes_the_place_of_ours(tmp_path):
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"vrksasana": NEW}))
    entries = written_entries(tmp_path / "own.yaml")
    assert len(entries) == 82
    assert [entry for entry in entries.values() if entry[1] == NEW] == [(TREE, NEW)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Star: {base: standing", "not readable as YAML"),
        ("- Star", "a mapping of names to postures"),
        ("Star: {view: front}", "Star (plain): has no base"),
        ("Star: {base: flying, view: front}", "unknown base flying"),
        ("Star: {base: standing, view: behind}", "unknown view behind"),
        ("Star: {base: standing, view: front, both: {knee: 300}}", "beyond the joint's limits: l_knee_flexion"),
        ("Star: {base: standing, view: front, both: 3}", "not of the form"),
    ],
)
def test_a_mistake_in_ones_own_poses_is_said_in_one_line(text, said, tmp_path, capsys):
    (tmp_path / "own.yaml").write_text(text)
    assert main(["written", "--poses", str(tmp_path / "own.yaml")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert "own.yaml" in error


def test_written_run_answers_for_photographs_and_names_a_pose_of_ones_own(star, folders, monkeypatch, capsys):
    """BlazePose's place is taken by known joints: of a drawn star, of nobody."""
    paths = Paths.of("")
    with pytest.raises(BadInput, match="python -m yogalib written"):
        find_run("written", paths.runs)
    ask = asks.written(paths, star, Written(bodies=12, epochs=12))
    assert asks.written(paths, None).name != ask.name
    workshop = Workshop(paths, Machine(device="cpu", threads=1), "fp32")
    run = workshop.run(ask)
    assert find_run("written", paths.runs).folder == run.folder
    assert len(run.history) == 12
    assert run.hits.mean() > 0.5
    seen = np.zeros(2, LANDMARKS)
    *joints, _ = simulate({"Star": read_poses({"Star": NEW})["Star"]}, 1, np.random.default_rng(0), CLEAN)
    seen["flag"], seen["world"][1], seen["points"][1] = (1, 0), np.nan, np.nan
    for module in (kept, photographed):
        monkeypatch.setattr(module, "joints_of", lambda found: tuple(
            np.where(np.isnan(found["world"][:, :1, :1]), np.nan, part) for part in joints
        ))  # fmt: skip
        monkeypatch.setattr(module, "landmarks_of", lambda content, *_: seen[int(content[-1] == ord("n"))])
    folder = folders / "photos" / "Star Pose or Utthita Tadasana"
    for name in ("somebody", "nobody"):
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 80), (9, len(name), 0)).save(folder / f"{name}.png")
    (folder / "nobody.png").write_bytes((folder / "nobody.png").read_bytes() + b"n")
    assert main(["predict", str(folder), "--run", "written", "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)[0]["poses"][0] | {"probability": 1} == {
        "folder": "Star_Pose_or_Utthita_Tadasana", "sanskrit": "Utthita Tadasana", "english": "Star", "probability": 1,
    }  # fmt: skip
    assert told.err.endswith(f"yogalib: {folder / 'nobody.png'}: nobody was found in it\n")
    rows = build_index(folders / "photos", 1).assign(**{"class": 82})
    source = Source(folders / "photos", folders / "index.parquet", paths.data / "cache", "pad")
    asked = workshop.run(asks.kept(ask, source, rows))
    names = asked.predictions["path"].str.rpartition("/")[2].tolist()
    assert asked.predicted[names.index("somebody.png")] == 82
    assert np.isnan(asked.probabilities[names.index("nobody.png")]).all()
    assert asked.hits[names.index("somebody.png")] and not asked.hits[names.index("nobody.png")]
    assert main(["evaluate", str(folders / "photos"), "--run", "written", "--json"]) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert (result["n"], result["top1"], result["top5"]) == (2, 0.5, 0.5)
    assert "nobody was found on 1 of 2 pictures: counted as wrong" in told.err
    folder.rename(folders / "photos" / "Vrksasana")
    assert main(["evaluate", str(folders / "photos"), "--run", "written", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["per_class"] == {TREE: {"n": 2, "top1": 0.0}}


def test_a_study_asks_the_written_poses_about_its_test_images(folders, photos, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    study = Study.open("photos")
    monkeypatch.setattr(Study, "without", {})
    asked = questions.beyond(study)["ways"]["words alone"]["written poses"]
    assert asked.of.name == asks.written(study.paths).name
    assert asked.test["path"].tolist() == study.parts("all")[1]["path"].tolist()
    assert not len(asked.train)
