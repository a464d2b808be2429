"""ImageNet's network in CLIP's place, and weights between two networks."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file

from yogalib.dataset.pixels import Source
from yogalib.errors import BadInput
from yogalib.facts.prompts import superclass_prompts
from yogalib.facts.taxonomy import parents, superclass_names
from yogalib.models.encoders import open_encoder
from yogalib.models.kept import at_work
from yogalib.models.lite.tower import imagenet_file, imagenet_network
from yogalib.models.network import frozen, frozen_at_work, imagenet_in, timm_network
from yogalib.models.wise import between
from yogalib.models.zero_shot import normalise
from yogalib.profile import Prompt
from yogalib.results.beyond import looking, ways_table
from yogalib.runs import asks, questions
from yogalib.study import Study

CHANGES = {"fine_tuning.encoder": "CLIP-mini-RN", "fine_tuning.epochs": 1, "beyond.joints": None}


@pytest.fixture
def published():
    try:
        return imagenet_file()
    except BadInput as error:
        pytest.skip(str(error))


@pytest.fixture
def study(photos, folders, monkeypatch) -> Study:
    monkeypatch.setenv("DATA", str(photos))
    return Study.open("photos", CHANGES)


def test_frozen_network_sees_what_imagenets_own_does(published, photos, tmp_path):
    picture = next(photos.rglob("*.jpg")).read_bytes()
    see, say = frozen_at_work(frozen(64, tmp_path), 64, Source(photos, tmp_path, tmp_path, "pad"))
    own = torch.as_tensor(see(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        theirs = imagenet_network(published)(own).numpy()
    np.testing.assert_allclose(say([see(picture)]), theirs, atol=2e-4)


def test_network_takes_the_towers_place_and_leaves_the_words(published, tmp_path):
    plain, taken = (open_encoder("CLIP-lite-random", tmp_path) for _ in range(2))
    imagenet_in(taken, 96)
    assert taken.resolution == 96
    changed = {
        name.split(".")[0] + "." + name.split(".")[1]
        for (name, one), other in zip(plain.model.state_dict().items(), taken.model.state_dict().values(), strict=True)
        if not torch.equal(one, other)
    }
    assert changed == {"visual.trunk", "visual.side"}


def test_network_runs_frozen_and_fine_tuned_and_the_kept_one_answers_as_it_did(published, study):
    train, test = study.parts("all")
    run = study.runs(asks.network(study, train, test))
    np.testing.assert_allclose(run.probabilities.sum(1), 1, rtol=1e-4)
    assert run.hits.mean() > 0.6
    ask = asks.network(study, train, test, tuned=True, kept=True)
    assert ask.epochs == 1
    tuned = study.runs(ask)
    see, say = at_work(tuned, study.paths.weights, study.source.cache)
    seen = [see((study.folder / path).read_bytes()) for path in test["path"]]
    np.testing.assert_allclose(say(seen), tuned.probabilities, atol=1e-4)


@pytest.mark.parametrize("name", ["test_resnet-random", "test_efficientnet-random"])
def test_network_by_timms_name_sees_what_it_does_under_timms_own_preprocessing(name, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = timm_network(name).eval()
    config = timm.data.resolve_data_config(model=theirs)
    own = (
        torch.as_tensor(pixels).permute(0, 3, 1, 2) / 255 - torch.tensor(config["mean"])[:, None, None]
    ) / torch.tensor(config["std"])[:, None, None]
    tower = frozen(96, tmp_path, name).eval()
    with torch.no_grad():
        torch.testing.assert_close(tower(normalise(torch.as_tensor(pixels))), theirs(own), atol=2e-4, rtol=1e-3)


def test_superclasses_hold_each_pose_once_a_level():
    classes = [0, 5, 33, 81]
    for level, (prompts, belongs) in zip((1, 2), superclass_prompts(classes), strict=True):
        assert belongs.shape == (4, len(prompts)) and (belongs.sum(1) == 1).all()
        named = [prompts[place] for place in belongs.argmax(1)]
        assert named == [f"level {level} {superclass_names(level)[parents(level)[number]]}" for number in classes]


def test_networks_by_name_run_frozen_and_fine_tuned_and_learn_their_own_weights(study):
    changes = CHANGES | {"beyond.networks": ["test_resnet-random", "no_such_network"], "fine_tuning.epochs": 2}
    named = Study.open("photos", changes)
    assert "timm does not know" in named.without["no_such_network"]
    asked = questions.beyond(named)["ways"]["other networks of ImageNet"]
    ways = ("frozen", "fine-tuned", "fine-tuned, three heads")
    assert list(asked) == [f"test_resnet-random, {way}" for way in ways]
    runs = named.runs(asked)
    for run in runs.values():
        np.testing.assert_allclose(run.probabilities.sum(1), 1, rtol=1e-4)
    table = ways_table({"others": asked}, {"others": runs}, looking(named, {"others": asked}, {"others": runs}))
    assert (table["ms"] > 0).all() and table["mb"].between(1, 3).all()
    for way in ways[1:]:
        history = runs[f"test_resnet-random, {way}"].history
        assert len(history) == 2 and history["loss"].iloc[1] < history["loss"].iloc[0]
    three, one = (runs[f"test_resnet-random, {way}"] for way in reversed(ways[1:]))
    assert three.history["loss"].iloc[0] > one.history["loss"].iloc[0], "three cross-entropies in place of one"
    train, test = study.parts("all")
    plain = asks.network(study, train, test)
    assert not {"network", "heads"} & plain.decides["settings"].keys(), "a key that came later renames no run"
    assert asks.network(study, train, test, name="test_resnet-random").name != plain.name


def test_between_two_networks_lie_their_soup_and_both_ends():
    first, second = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    second.weight.data.fill_(3.0)
    second.num_batches_tracked += 5
    before, after = first.state_dict(), second.state_dict()
    assert [between(before, after, share)["weight"].tolist() for share in (0, 0.25, 1)] == [[1, 1], [1.5, 1.5], [3, 3]]
    assert between(before, after, 0.25)["num_batches_tracked"] == 5


def test_wise_ft_runs_from_the_untrained_encoder_to_the_kept_run(study):
    clip = asks.finetune(study, kept=True)
    words = Prompt(template="a person <category>", names="description")
    near = [study.runs(asks.between(clip, share, clip.prompt)).probabilities for share in (1e-6, 1 - 1e-6)]
    _, test = study.parts("all")
    np.testing.assert_allclose(near[0], study.runs(asks.words(study, test, clip.prompt)).probabilities, atol=1e-3)
    np.testing.assert_allclose(near[1], study.runs(clip).probabilities, atol=1e-3)
    described = study.runs(asks.kept(clip, study.source, test, words))
    assert described.config["prompts"] != study.runs(clip).config["prompts"]
    assert load_file(study.runs(clip).folder / "model.safetensors")


def test_question_leaves_out_what_cannot_be_had_and_asks_each_part_first(study, monkeypatch):
    asked = questions.beyond(study)
    assert "skeleton" in study.without
    assert "skeleton" not in asked["ways"]
    names = [ask.name for ask in questions.flat(asked)]
    blend = asked["ways"]["together"]["mean of logs"]
    assert all(names.index(part.name) < names.index(blend.name) for part in blend.parts)
    monkeypatch.setitem(study.__dict__, "without", {"skeleton": "none", "network": "none"})
    alone = questions.beyond(study)["ways"]
    assert set(alone) == {"words alone", "frozen CLIP", "CLIP"}


def test_blend_names_the_pose_of_a_picture_as_its_run_did(published, study, capsys):
    from yogalib.__main__ import main

    blend = questions.beyond(study)["ways"]["together"]["mean of logs"]
    run = study.runs(blend)
    see, say = at_work(run, study.paths.weights, study.source.cache)
    seen = [see((study.folder / path).read_bytes()) for path in blend.test["path"]]
    np.testing.assert_allclose(say(seen), run.probabilities, atol=1e-4)
    assert main(["evaluate", str(study.folder), "--run", f"blend-{study.profile.name}"]) == 0
    assert "n = 36" in capsys.readouterr().out
    weighed = questions.beyond(Study.open("photos", CHANGES | {"beyond.weigh": True}))["ways"]["together"][
        "mean of logs"
    ]
    assert weighed.name != blend.name
    assert len(weighed.tried) == len(weighed.parts) == 2
    assert len(weighed.tried[0].test) < len(weighed.test)
