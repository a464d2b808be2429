"""Pre-training at a toy's size: goes on where it was killed, learns, and leaves a file that clip.load takes."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from yogalib.models.encoders import MINI, import_clip, open_encoder
from yogalib.synthetic.captions import FACTS, fact_matrix
from yogalib.synthetic.pool import draw_chunk, load_chunk
from yogalib.synthetic.skeleton import JOINTS
from yogalib.tools import pretrain as module
from yogalib.tools.pretrain import MIRRORED, Pretraining, Setting, about_the_middle, pretrain, vary

TOY = Setting(chunks=2, seeing=2, words=2, seeing_batch=32, words_batch=32)


@pytest.fixture
def pool(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 128)
    return tmp_path


def test_killed_run_goes_on_to_the_same_weights(pool):
    whole = pretrain("CLIP-mini-RN", TOY, pool / "a", pool / "whole")
    killed = Pretraining("CLIP-mini-RN", TOY)
    for number in range(3):  # in the middle of the second stage
        killed.learn(draw_chunk(pool / "b" / f"chunk_{number % 2:03d}.npz", number % 2, 128, 96))
    killed.save(pool / "b" / "CLIP-mini-RN.pt")
    again = pretrain("CLIP-mini-RN", TOY, pool / "b", pool / "again")
    assert whole.read_bytes() == again.read_bytes()
    about = json.loads(whole.with_suffix(".json").read_text())
    assert len(about["log"]) == 4
    assert about["log"][0]["contrastive"] == 0 < about["log"][-1]["contrastive"]
    assert about["log"][-1]["heads"] < about["log"][0]["heads"]


@pytest.mark.parametrize("name", list(MINI))
def test_file_is_taken_by_our_loader_and_by_clips_own(pool, name):
    file = pretrain(name, Setting(chunks=1, seeing=1, words=1), pool, pool / "out")
    assert file.stat().st_size < 15e6
    ours = open_encoder(str(file), pool)
    torch.save(load_file(file), pool / "clip.pt")
    theirs, _ = import_clip().load(str(pool / "clip.pt"), device="cpu")
    picture, tokens = (
        torch.rand(2, 3, ours.resolution, ours.resolution),
        ours.tokenise(["a person standing", "a person sitting"]),
    )
    with torch.no_grad():
        for a, b in zip(ours.model(picture, tokens), theirs.float()(picture, tokens), strict=True):
            assert torch.allclose(a, b, atol=1e-3)


def test_joints_stay_on_what_they_mark_however_the_picture_is_varied():
    left, right = JOINTS.index("l_hand"), JOINTS.index("r_hand")
    joints = torch.full((64, len(JOINTS), 3), 0.5)
    joints[:, left, :2], joints[:, right, :2] = torch.tensor([0.34, 0.39]), torch.tensor([0.62, 0.57])
    pixels = np.zeros((64, 96, 96, 3), np.uint8)
    for joint in (left, right):
        across, down = (joints[0, joint, :2] * 96).int().tolist()
        pixels[:, down - 3 : down + 4, across - 3 : across + 4] = (
            180 if joint == left else 90
        )  # which hand, by lightness
    varied, moved = vary(pixels, joints, 64, torch.Generator().manual_seed(0))
    assert varied.shape == (64, 64, 64, 3)
    mirrored = 0
    for picture, places in zip(varied, moved, strict=True):
        cells = (places[:, :2] * 64).long()
        a, b = (picture[cells[joint, 1], cells[joint, 0]].mean() for joint in (left, right))
        dark = picture[32, 32].mean()  # between the hands, and no mark on it
        assert min(a, b) > dark + 40
        mirrored += int(b > a)  # what was the left hand is a right hand in a mirror
    assert 16 < mirrored < 48
    assert [JOINTS[place] for place in MIRRORED][left] == "r_hand"


def test_chunk_is_drawn_once_and_says_where_the_joints_are(pool):
    file = draw_chunk(pool / "chunk.npz", 3, 40, 64)
    made = file.stat().st_mtime_ns
    assert draw_chunk(file, 3, 40, 64).stat().st_mtime_ns == made
    pixels, seen, bodies = load_chunk(file)
    assert pixels.shape == (40, 64, 64, 3)
    assert seen.shape == (40, len(JOINTS), 3)
    assert fact_matrix(bodies).shape == (40, len(FACTS))
    middle = about_the_middle(torch.from_numpy(seen)).view(40, -1, 3)
    assert np.allclose(middle.mean(1), 0, atol=1e-5)
    assert torch.allclose(middle[:, :, :2].norm(dim=2).amax(1), torch.ones(40))
