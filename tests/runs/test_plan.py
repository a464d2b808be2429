"""What a profile would run, planned without weights, pictures or a GPU."""

import re

import pytest
import torch

from yogalib.__main__ import main
from yogalib.errors import BadInput
from yogalib.models import counting
from yogalib.models.costs import encoder_costs, papers_pace, training_memory, yolo_costs
from yogalib.models.device import Device
from yogalib.models.encoders import MINI, OPENAI
from yogalib.profile import read_profile
from yogalib.runs.plan import add_costs, planned_runs
from yogalib.runs.questions import asked_by
from yogalib.study import Study


@pytest.fixture(scope="module")
def paper_runs():
    return add_costs(planned_runs(Study.open("paper", planned=True)), 224)


def test_paper_profile_plans_the_papers_protocol_without_weights_or_data(paper_runs, monkeypatch):
    monkeypatch.delenv("DATA", raising=False)
    full = paper_runs[(paper_runs["notebook"] == "05_fine_tuning") & (paper_runs["train"] > 15_000)]
    assert len(full) == 78 + 2  # the splits, and two other loss targets
    # 80/20 of 19,127; the paper has 15,301 and 3,826
    assert set(zip(full["train"], full["test"], full["epochs"], strict=True)) == {(15301, 3826, 5)}
    assert set(paper_runs.loc[paper_runs["kind"] == "zero_shot", "model"]) == set(OPENAI)
    assert set(paper_runs.loc[paper_runs["notebook"] == "02_zero_shot", "test"]) == {
        1839
    }  # Appendix A; Table 2 has 1,627
    # five epochs of one split take the paper's 13.8 minutes at the paper's pace, less the captions that are encoded once
    minutes = full["operations"].iloc[0] / papers_pace() / 60
    assert 13.8 * 0.6 < minutes < 13.8 * 1.1


def test_plan_says_it_all_in_one_page_and_leaves_its_pace_alone(folders, capsys, monkeypatch):
    monkeypatch.setattr(counting, "pace", lambda *_: 1e12)
    assert main(["plan", "paper"]) == 0
    told = capsys.readouterr().out
    assert re.match(r"paper: \d+ runs on 19,127 images", told)
    assert all(
        name in told
        for name in ("02_zero_shot", "07_yolo_benchmark", "memory", "disk", "ViT-L/14@336px", "yolov8x-cls.pt")
    )
    assert [file.name for file in folders.rglob("*")] == ["data", "pace.json"]


def test_shapes_of_published_encoders_are_the_published_ones():
    # parameter counts that OpenAI's own model files have (the paper says 151 million for ViT-B/32)
    known = {
        "RN50": 102_007_137,
        "RN101": 119_688_033,
        "ViT-B/32": 151_277_313,
        "ViT-B/16": 149_620_737,
        "ViT-L/14": 427_616_513,
    }
    assert {name: encoder_costs(name).weights for name in known} == known
    # 4.4 billion multiplications of the image tower (Radford et al. 2021)
    assert encoder_costs("ViT-B/32").picture == pytest.approx(2 * 4.4e9, rel=0.02)


@pytest.mark.parametrize(
    "name", [*MINI, "ViT-B/32", *(pytest.param(name, marks=pytest.mark.slow) for name in OPENAI if name != "ViT-B/32")]
)
def test_table_of_costs_holds_what_torch_counts(name):
    held, counted = encoder_costs(name), counting.counted_costs(name)
    assert (held.weights, held.picture, held.prompt) == (counted.weights, counted.picture, counted.prompt)
    # what is kept for the way back is for each version of torch to choose
    assert held.picture_kept == pytest.approx(counted.picture_kept, rel=0.1)
    assert held.prompt_kept == pytest.approx(counted.prompt_kept, rel=0.1)


def test_pace_is_that_of_a_training_step():
    tuning = read_profile("mini").fine_tuning
    assert 1e7 < counting.pace(tuning.model_copy(update={"batch": 4}), Device(torch.device("cpu"), bf16=False)) < 1e14


def test_costs_of_a_file_or_of_yolo():
    with pytest.raises(BadInput, match="not known before it is opened"):
        encoder_costs("mine.pt")
    assert yolo_costs("yolov8x-cls.pt", 640).picture == pytest.approx(154.8e9)
    assert yolo_costs("yolov8n-cls.yaml", 320).picture == pytest.approx(4.3e9 / 4)


def test_planned_memory_is_what_a_training_step_keeps():
    from yogalib.models.encoders import fresh_clip

    model, batch = fresh_clip("ViT-B/32", 0), torch.randn(2, 3, 224, 224)
    kept = {}

    def count(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        model.encode_image(batch)
    weights = {each.untyped_storage().data_ptr() for each in model.parameters()}
    activations = sum(size for pointer, size in kept.items() if pointer not in weights)
    costs = encoder_costs("ViT-B/32")
    assert 2 * costs.picture_kept == pytest.approx(
        activations, rel=0.5
    )  # a tensor that two steps keep is counted twice
    assert training_memory(costs, 0, 0) == 16 * sum(each.numel() for each in model.parameters())


def test_plan_of_a_drawn_world_counts_the_runs_that_its_notebooks_make():
    study = Study.open("mini", planned=True)
    small = study.profile.small_runs
    grids, validation = 2, 1  # the profile's own pair is of the grid, and so is its first seed
    pairs = (grids + validation) * len(small.pairs) * small.repeats
    assert len(asked_by(study, "04_hyperparameters")) == pairs + (small.seeds - 1) * small.repeats
    assert 100 < len(study.subset("subset_ii")) < len(study.subset("subset_i"))
