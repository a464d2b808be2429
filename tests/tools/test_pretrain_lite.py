"""Pre-training of CLIP-lite at a toy's size: what is frozen stays, a killed run ends as one that was not."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from yogalib.errors import BadInput
from yogalib.models.encoders import open_encoder
from yogalib.models.lite.tower import folded, imagenet_file, imagenet_network
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.tools.pretrain_lite import LitePretraining, Setting, make_view, photographs, pretrain_lite

TOY = Setting(chunks=1, pictures=32, views=2, batch=16)


@pytest.fixture(scope="module")
def behind():
    try:
        imagenet_file()
        return photographs()
    except BadInput as error:
        pytest.skip(str(error))


def test_killed_lite_goes_on_to_the_same_weights(tmp_path, behind):
    whole = pretrain_lite(TOY, tmp_path / "a", tmp_path / "whole")
    killed, pool = LitePretraining(TOY), tmp_path / "b"
    chunk = draw_chunk(pool / "lite_000.npz", 0, TOY.pictures, TOY.drawn, behind)
    killed.learn(make_view(pool / "lite_000_0.npz", chunk, killed.model.visual, (0, 0)))
    killed.save(pool / "CLIP-lite.pt")
    again = pretrain_lite(TOY, pool, tmp_path / "again")
    assert whole.read_bytes() == again.read_bytes()
    assert len(json.loads(whole.with_suffix(".json").read_text())["log"]) == 2
    assert whole.stat().st_size < 20e6
    first = folded(imagenet_network(imagenet_file())).half().float().state_dict()
    trained = open_encoder(str(whole), tmp_path).model.visual.trunk.state_dict()
    frozen, learning = "blocks.3.2.conv_pw.weight", "blocks.4.0.conv_pw.weight"
    assert torch.equal(trained[frozen], first[frozen])
    assert not torch.equal(trained[learning], first[learning])


def test_checkpoint_of_another_setting_is_left_alone(tmp_path, behind):
    run = LitePretraining(TOY)
    run.done = 1
    run.save(tmp_path / "CLIP-lite.pt")
    other = LitePretraining(replace(TOY, late_rate=1e-4))
    other.load(tmp_path / "CLIP-lite.pt")
    assert other.done == 0


def test_photographs_stand_behind_bodies_and_move_none(tmp_path):
    pattern = np.zeros((420, 420, 3), np.uint8)
    pattern[::2] = 255  # no drawn place has such lines
    with_them = load_chunk(draw_chunk(tmp_path / "a.npz", 0, 40, 96, [pattern]))
    without = load_chunk(draw_chunk(tmp_path / "b.npz", 0, 40, 96))
    assert with_them[0].shape == without[0].shape
    assert np.array_equal(with_them[2].joints, without[2].joints)  # the same bodies, whatever stands behind them
    changed = (with_them[0] != without[0]).any(axis=(1, 2, 3))
    assert changed.sum() > 0


def test_photographs_are_of_no_person(behind):
    """By name: those of scikit-image that show one, and its old portrait, are left out."""
    from yogalib.tools.pretrain_lite import SCENES

    assert not {"astronaut", "camera", "lfw_subset", "microaneurysms", "retina"} & set(SCENES)
    assert all(min(each.shape[:2]) == 420 and each.dtype == np.uint8 for each in behind)
    assert all(cv2.Laplacian(each, cv2.CV_64F).std() > 1 for each in behind)
