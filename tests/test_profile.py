"""Profiles and prompts are checked whole before any work."""

import pytest
import yaml

from yogalib.errors import BadInput
from yogalib.facts.prompts import SYNTAXES, class_prompts
from yogalib.profile import FOLDER, profile_names, read_profile


def changed(tmp_path, change) -> str:
    values = yaml.safe_load((FOLDER / "photos.yaml").read_text())
    change(values)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(values))
    return str(file)


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_that_ships_is_right(name):
    assert read_profile(name).name == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(epoch=3), "unknown key 'epoch'"),
        (lambda v: v["fine_tuning"].update(learning_rat=3), "unknown key 'fine_tuning.learning_rat'"),
        (lambda v: v["fine_tuning"].pop("epochs"), "key 'fine_tuning.epochs' is missing"),
        (
            lambda v: v["fine_tuning"].update(epochs="five"),
            "key 'fine_tuning.epochs' is 'five': input should be a valid integer",
        ),
        (lambda v: v["fine_tuning"].update(epochs=0), "greater than 0"),
        (lambda v: v["fine_tuning"]["optimiser"].update(learning_rate="1e-5"), "YAML needs 1.0e-5 for 1e-5"),
        (lambda v: v["fine_tuning"].update(subset="subset_iii"), "'subset_i' or 'subset_ii'"),
        (lambda v: v["zero_shot"]["prompt"].update(template="Yoga pose"), "a prompt must contain <category>"),
        (lambda v: v["split"].update(test_share=1.0), "less than 1"),
    ],
)
def test_wrong_profile_is_refused_in_one_line_that_names_the_key(tmp_path, change, message):
    with pytest.raises(BadInput) as refused:
        read_profile(changed(tmp_path, change))
    assert message in str(refused.value)
    assert "mine.yaml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    def change(values):
        values["fine_tuning"]["epochs"] = "five"
        values["colour"] = "blue"

    with pytest.raises(BadInput, match="colour.*fine_tuning.epochs|fine_tuning.epochs.*colour"):
        read_profile(changed(tmp_path, change))


def test_unknown_profile_lists_the_known_ones():
    with pytest.raises(BadInput, match="'photo' is unknown: choose .*photos"):
        read_profile("photo")


@pytest.mark.parametrize("text", ["- a list", "just text", "a: [", ""])
def test_file_that_is_no_mapping_is_refused(tmp_path, text):
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"odd\.yaml"):
        read_profile(tmp_path / "odd.yaml")


def test_overrides_are_checked_like_the_file_and_rename_the_profile():
    profile = read_profile("photos", {"fine_tuning.epochs": 3, "fine_tuning.optimiser.learning_rate": 0.1})
    assert (profile.fine_tuning.epochs, profile.fine_tuning.optimiser.learning_rate) == (3, 0.1)
    assert profile.name == "photos-changed"
    with pytest.raises(BadInput, match="unknown key 'fine_tuning.epoch'"):
        read_profile("photos", {"fine_tuning.epoch": 3})
    with pytest.raises(BadInput, match="no section 'tuning'"):
        read_profile("photos", {"tuning.epochs": 3})


def test_papers_four_syntaxes_read_as_in_table_5():
    prompts = {name: class_prompts([77], **syntax)[0] for name, syntax in SYNTAXES.items()}
    pose = prompts["category"]
    assert prompts == {
        "image_of_a_person": f"Image of a person doing the yoga pose {pose}",
        "yoga_pose": f"Yoga pose {pose}",
        "category": pose,
        "number": "77",
    }
    assert len({tuple(class_prompts(range(82), **syntax)) for syntax in SYNTAXES.values()}) == 4
    for syntax in SYNTAXES.values():
        assert len(set(class_prompts(range(82), **syntax))) == 82, "two poses share a prompt"


def test_several_templates_make_several_prompts_per_class_and_each_is_checked(tmp_path):
    assert class_prompts([77], ["a <category>", "<category> b"], "sanskrit") == [
        ["a Prasarita Padottanasana", "Prasarita Padottanasana b"]
    ]

    def change(values):
        values["zero_shot"]["prompt"] = {"template": ["<category>", "Yoga"], "names": "sanskrit"}

    with pytest.raises(BadInput, match="must contain <category>"):
        read_profile(changed(tmp_path, change))


def test_own_syntax_stands_beside_the_papers_four_and_is_checked():
    own = {"plain": {"template": "A photo of <category>", "names": "english"}}
    small = read_profile("mini", {"small_runs.other_syntaxes": own}).small_runs
    assert list(small.syntaxes) == [*SYNTAXES, "plain"]
    assert small.syntaxes["plain"].names == "english"
    with pytest.raises(BadInput, match="must contain <category>"):
        read_profile("mini", {"small_runs.other_syntaxes": {"plain": own["plain"] | {"template": "A photo"}}})


def test_profile_beside_the_project_is_found_from_the_notebooks_folder(monkeypatch, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "mine.yaml").write_text((FOLDER / "smoke.yaml").read_text())
    monkeypatch.setattr("yogalib.profile.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert read_profile("mine.yaml").name == "mine"
