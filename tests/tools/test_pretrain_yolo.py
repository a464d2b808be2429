"""Pre-training of YOLO at a toy's size: its classes follow from facts, a killed run goes on, and YOLO starts from what it leaves."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.yolo import apart
from yogalib.synthetic.captions import BASES, FACTS, fact_matrix
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.tools.pretrain_yolo import (
    ARMS,
    LEGS,
    NAME,
    TRUNK,
    Setting,
    YoloPretraining,
    called,
    class_names,
    classes_of,
    pretrain_yolo,
)

TOY = Setting(chunks=2, passes=3, batch=32, bodies=400, least=0.05)


def facts(*held: str) -> np.ndarray:
    return np.array([[fact in held for fact in FACTS]])


def test_class_is_the_finest_name_that_enough_bodies_share():
    body = facts("standing", "upright", "legs_wide", "arms_up", "looking_up")
    assert [word[0] for word in called(body)] == [
        "standing",
        "standing, upright",
        "standing, upright, legs_wide",
        "standing, upright, legs_wide, arms_up",
    ]
    known = sorted([*BASES, "standing, upright, legs_wide", "standing, upright"])
    for names, expected in ((known, "standing, upright, legs_wide"), (sorted(BASES), "standing")):
        assert names[classes_of(body, names)[0]] == expected
    assert [word[0] for word in called(facts("sitting"))][-1] == "sitting, -, -, -"


def test_classes_are_a_hundred_or_so_and_none_is_a_pose():
    names = class_names(Setting())
    assert 80 < len(names) < 160
    assert set(BASES) < set(names)
    told = {part for name in names for part in name.split(", ")} - {"-"}
    assert told <= {*BASES, *TRUNK, *LEGS, *ARMS} <= set(FACTS)
    poses = load_taxonomy()[["folder", "sanskrit", "english"]].to_numpy().ravel()
    assert not set(names) & set(poses)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> tuple[Path, Path]:
    """The weights of a run, and of one that was killed on the way and went on."""
    folder = tmp_path_factory.mktemp("yolo")
    return apart(folder, _trained_twice, folder)


def _trained_twice(folder: Path) -> tuple[Path, Path]:
    whole = pretrain_yolo(TOY, folder / "a", folder / "whole", images=64, judged=32)
    killed = YoloPretraining(TOY)
    for number in range(2):
        killed.learn(draw_chunk(folder / "b" / f"chunk_{number:03d}.npz", number, 64, 96))
    killed.save(folder / "b" / f"{NAME}.pt")
    return whole, pretrain_yolo(TOY, folder / "b", folder / "again", images=64, judged=32)


def test_killed_yolo_goes_on_to_the_same_weights(pretrained):
    whole, again = pretrained
    assert whole.read_bytes() == again.read_bytes()
    about, state = json.loads(whole.with_suffix(".json").read_text()), load_file(whole)
    assert len(about["log"]) == TOY.passes and about["pictures"] == 128 and about["held_out"]["n"] == 32
    assert state["model.9.linear.bias"].shape == (len(about["classes"]),)
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float16}


def test_each_picture_has_a_class(pretrained):
    whole, _ = pretrained
    names = json.loads(whole.with_suffix(".json").read_text())["classes"]
    bodies = load_chunk(whole.parents[1] / "a" / "chunk_000.npz")[2]
    found = classes_of(fact_matrix(bodies), names)
    assert len(found) == 64 and found.max() < len(names)
    bases = np.array(list(BASES))[fact_matrix(bodies)[:, : len(BASES)].argmax(1)]
    assert all(names[place].split(", ")[0] == base for place, base in zip(found, bases, strict=True))
