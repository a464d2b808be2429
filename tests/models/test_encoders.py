"""Real loading code on small files of the right format."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file
from tiny_clip import archive, same_answers, tiny_encoder

from yogalib.errors import BadInput
from yogalib.models.encoders import OPENAI, RANDOM, SHIPPED, import_clip, open_encoder, weights_file


def test_our_names_are_clips_own_and_their_files_too():
    published = import_clip().clip._MODELS
    assert set(OPENAI) == set(published)
    for name, url in published.items():
        assert url.endswith("/" + name.replace("/", "-").replace("@", "-") + ".pt")


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_checkpoint_keeps_its_fp32_weights(tmp_path, ending):
    model = tiny_encoder(seed=3).model
    file = tmp_path / f"tiny.{ending}"
    save_file(model.state_dict(), file) if ending == "safetensors" else torch.save(model.state_dict(), file)
    opened = open_encoder(str(file), tmp_path)
    assert opened.resolution == 32
    assert opened.weights == hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    for key, value in opened.model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, model.state_dict()[key]), key  # clip.load would have rounded half of them to fp16
    assert same_answers(opened.model, model)


def test_published_archive_is_opened_when_its_sha256_is_right(tmp_path, monkeypatch):
    file, model = archive(tmp_path)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(import_clip().clip._MODELS, "ViT-B/32", f"https://example.org/{digest}/ViT-B-32.pt")
    assert same_answers(open_encoder("ViT-B/32", tmp_path).model, model)
    assert same_answers(open_encoder(str(file), tmp_path / "elsewhere").model, model)


def test_archive_with_another_sha256_is_refused_by_name_and_by_path(tmp_path):
    file, _ = archive(tmp_path)
    with pytest.raises(BadInput, match="sha256 differs"):
        open_encoder("ViT-B/32", tmp_path)
    with pytest.raises(BadInput, match="can't be read|was not opened"):
        open_encoder(str(file), tmp_path)


class Bomb:
    """A pickle that would run a command."""

    def __reduce__(self):
        """Make the file at `/tmp`, were it ever unpickled."""
        return (print, ("unpickled!",))


@pytest.mark.parametrize("content", ["pickle", "text", "empty", "other tensors", "half a file"])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_checkpoint_that_is_none_is_refused_without_running_it(tmp_path, capsys, content, ending):
    file = tmp_path / f"bad.{ending}"
    if content == "pickle":
        torch.save({"x": Bomb()}, file)
    elif content == "other tensors":
        state = {"weight": torch.zeros(3)}
        save_file(state, file) if ending == "safetensors" else torch.save(state, file)
    elif content == "half a file":
        torch.save(tiny_encoder().model.state_dict(), file)
        file.write_bytes(file.read_bytes()[:100_000])
    else:
        file.write_text("no weights" if content == "text" else "")
    with pytest.raises(BadInput, match="bad"):
        open_encoder(str(file), tmp_path)
    assert "unpickled!" not in capsys.readouterr().out


@pytest.mark.parametrize("name", [name + RANDOM for name in SHIPPED])
def test_ours_is_a_clip_of_a_few_million_weights_from_its_seed(tmp_path, name):
    first, again, other = (open_encoder(name, tmp_path, seed) for seed in (0, 0, 1))
    assert isinstance(first.model, import_clip().model.CLIP)
    assert 3e6 < sum(weight.numel() for weight in first.model.parameters()) < 9e6
    assert first.weights == again.weights != other.weights
    assert torch.equal(first.model.text_projection, again.model.text_projection)
    assert first.resolution == SHIPPED[name.removesuffix("-random")]["image_resolution"]


def test_opening_an_encoder_leaves_the_random_state_alone(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    open_encoder("CLIP-mini-RN-random", tmp_path)
    assert torch.equal(torch.rand(1), expected)


def test_unknown_and_missing_encoders_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(BadInput, match="'RN5' is unknown: choose CLIP-mini-RN"):
        weights_file("RN5", tmp_path)
    with pytest.raises(
        BadInput, match="run 'python -m yogalib weights ViT-L/14@336px', or put OpenAI's ViT-L-14-336px.pt"
    ):
        weights_file("ViT-L/14@336px", tmp_path)
    with pytest.raises(BadInput, match="is not there"):
        weights_file("nowhere/model.safetensors", tmp_path)


def test_long_prompts_are_cut_and_short_ones_kept_whole(tmp_path):
    encoder = open_encoder("CLIP-mini-RN-random", tmp_path)
    from yogalib.facts.prompts import class_prompts

    longest = class_prompts(range(82), "Image of a person doing the yoga pose <category>")
    end = 49407
    assert (encoder.tokenise(longest) == end).sum(1).tolist() == [1] * 82
    assert encoder.tokenise(longest).shape[1] < encoder.model.context_length, "a class name was cut"
    assert encoder.tokenise(["tree " * 200])[0, -1] == end
