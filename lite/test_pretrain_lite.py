"""Pre-training of CLIP-lite, in small: what is frozen stays, a killed run ends as one that was not."""

from dataclasses import replace

import torch
from safetensors.torch import load_file

from lite import MARK, build_lite, folded, imagenet_file, imagenet_network
from pretrain_lite import LitePretraining, Setting, make_view, pretrain_lite
from yogalib.synthetic.pool import draw_chunk

SMALL = Setting(chunks=1, pictures=32, views=2, batch=16)


def test_killed_run_goes_on_to_the_same_end(tmp_path):
    """From the checkpoint after the first of two views."""
    chunk = draw_chunk(tmp_path / "lite_000.npz", 0, SMALL.pictures, SMALL.drawn)
    run = LitePretraining(SMALL)
    run.learn(make_view(tmp_path / "lite_000_0.npz", chunk, run.model.visual, (0, 0)))
    run.save(tmp_path / "CLIP-lite.pt")
    run.learn(make_view(tmp_path / "lite_000_1.npz", chunk, run.model.visual, (0, 1)))
    weights = load_file(pretrain_lite(SMALL, tmp_path, tmp_path))  # goes on from the checkpoint
    expected = run.mean.state_dict()
    assert MARK in weights
    assert all(torch.equal(weights[key], each.half() if each.is_floating_point() else each) for key, each in expected.items())
    first = folded(imagenet_network(imagenet_file())).state_dict()
    trained = build_lite(weights).visual.trunk.state_dict()
    assert torch.equal(trained["blocks.3.2.conv_pw.weight"], first["blocks.3.2.conv_pw.weight"].half().float())
    assert not torch.equal(trained["blocks.4.0.conv_pw.weight"], first["blocks.4.0.conv_pw.weight"].half().float())


def test_checkpoint_of_another_setting_is_left_alone(tmp_path):
    """It would go on to another end."""
    run = LitePretraining(SMALL)
    run.done = 1
    run.save(tmp_path / "CLIP-lite.pt")
    other = LitePretraining(replace(SMALL, late_rate=1e-4))
    other.load(tmp_path / "CLIP-lite.pt")
    assert other.done == 0
