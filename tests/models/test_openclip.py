"""Encoders by open_clip: a tiny one of random weights stands for those that would be fetched."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as LDA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from yogalib.errors import BadInput
from yogalib.models import missing as lacks
from yogalib.models.openclip import LOCAL, bring, open_tower
from yogalib.models.probe import LOGISTIC
from yogalib.models.zero_shot import normalise
from yogalib.profile import Beyond, OpenClip
from yogalib.results.beyond import looking
from yogalib.runs import questions
from yogalib.study import Study

open_clip = pytest.importorskip("open_clip")


@pytest.fixture
def tiny(tmp_path) -> OpenClip:
    """A CLIP of 32 pixels a side that wants its images between -1 and 1, as SigLIP does."""
    narrow = {"width": 64, "layers": 1}
    shape = {
        "embed_dim": 16,
        "vision_cfg": narrow | {"image_size": 32, "patch_size": 16},
        "text_cfg": narrow | {"heads": 1, "vocab_size": 50, "context_length": 8},
    }
    wants = {"mean": [0.5] * 3, "std": [0.5] * 3, "size": [32, 32]}
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": shape, "preprocess_cfg": wants}))
    torch.manual_seed(0)
    torch.save(open_clip.CLIP(**shape).state_dict(), folder / "open_clip_pytorch_model.bin")
    return OpenClip(model=f"{LOCAL}{folder}", pretrained="")


def test_tower_sees_what_open_clips_own_preprocessing_and_tower_do(tiny):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    model, _, own = open_clip.create_model_and_transforms(tiny.model)
    images = torch.stack([own(Image.fromarray(each)) for each in pixels])
    assert images.min() >= -1 and images.max() <= 1
    with torch.no_grad():
        theirs = model.encode_image(images, normalize=True)
        ours = open_tower(tiny)(normalise(torch.as_tensor(pixels)))
    assert open_tower(tiny).side == 32
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_named_encoders_are_asked_by_both_classifiers_and_planned(tiny, photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    changes = {"fine_tuning.encoder": "CLIP-mini-RN", "beyond.joints": None, "beyond.open_clip": [tiny.model_dump()]}
    study = Study.open("photos", changes)
    asked = questions.beyond(study)["ways"]["other encoders, frozen"]
    assert list(asked) == [f"{tiny.label}, linear probe", f"{tiny.label}, LDA"]
    ask, side = next(iter(asked.values())), open_tower(tiny).side
    images = [normalise(torch.as_tensor(study.source.pixels(rows, side))) for rows in (ask.train, ask.test)]
    with torch.no_grad():
        seen = open_tower(tiny)(torch.cat([images[0], images[0].flip(3)])).numpy()
        test = open_tower(tiny)(images[1]).numpy()
    labels = np.tile(ask.train["class"], 2)
    for run, model in zip(study.runs(asked).values(), (LOGISTIC, LDA(solver="lsqr", shrinkage="auto")), strict=True):
        reference = make_pipeline(StandardScaler(), model).fit(seen, labels)
        np.testing.assert_allclose(run.probabilities, reference.predict_proba(test), atol=2e-3)
    family = {"other encoders, frozen": asked}
    looks = looking(study, family, study.runs(family))
    assert list(looks.index) == [tiny.label] and looks.loc[tiny.label, "ms"] > 0
    names = {ask.name for ask in questions.asked_by(Study.open("photos", changes, planned=True), "09_beyond")}
    assert {ask.name for ask in asked.values()} <= names
    assert "other encoders, frozen" not in questions.beyond(Study.open("photos", {"beyond.joints": None}))["ways"]


def test_what_cannot_be_had_is_one_line_and_the_others_stay(tiny, tmp_path, monkeypatch):
    unknown, gone = OpenClip(model="ViT-B-32", pretrained="nowhere"), OpenClip(model=f"{LOCAL}/no/such", pretrained="")
    beyond = Beyond(joints=None, open_clip=[tiny, unknown, gone], variants=["LoRA"])
    found = lacks.missing(beyond, "RN50", tmp_path, fetch=True)
    assert "LoRA" in found and "LoRA" in lacks.missing(beyond, "CLIP-lite-random", tmp_path, fetch=False)
    for encoder in ("ViT-B/32", "ViT-B/32-random", "my/checkpoint.safetensors"):
        assert "LoRA" not in lacks.missing(beyond, encoder, tmp_path, fetch=False)
    assert tiny.label not in found
    assert "no such model and tag" in found["ViT-B-32 (nowhere)"]
    assert "is not there" in found[gone.label]

    def offline(*_):
        raise OSError("no internet")

    monkeypatch.setattr("open_clip.pretrained.download_pretrained", offline)
    with pytest.raises(BadInput, match="can't be fetched"):
        bring(OpenClip(model="ViT-B-32", pretrained="laion2b_s34b_b79k"))
    monkeypatch.setattr(lacks, "find_spec", lambda name: name != "open_clip")
    assert "not installed" in lacks.missing(beyond, "RN50", tmp_path, fetch=True)["open_clip"]
