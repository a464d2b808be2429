"""Prompts: the paper's four syntaxes as data, and the sentences they make of class names."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy, parents, superclass_names

CATEGORY = "<category>"
CAPTIONS_FILE = Path(__file__).with_name("captions.csv")

# Table 5, in the paper's order: name of the syntax -> template and the kind of class name it is filled with.
SYNTAXES = {
    "image_of_a_person": {"template": "Image of a person doing the yoga pose <category>", "names": "sanskrit"},
    "yoga_pose": {"template": "Yoga pose <category>", "names": "sanskrit"},
    "category": {"template": "<category>", "names": "sanskrit"},
    "number": {"template": "<category>", "names": "number"},
}


def check_template(template: str | list[str]) -> str | list[str]:
    """Return the template or templates, or raise BadInput when one has no place for the class name."""
    for each in [template] if isinstance(template, str) else template:
        if CATEGORY not in each:
            raise BadInput(f"a prompt must contain {CATEGORY}, such as 'Yoga pose {CATEGORY}'")
    return template


def class_names(classes: np.ndarray, kind: str = "sanskrit") -> list[str]:
    """Return the names of official class numbers (C,).

    kind : `sanskrit` (the paper's own class names), `english`, `number` (Table 5's "<category> to numeric"), or
    `description`: what the body does, in everyday words.
    """
    if kind == "number":
        return [str(number) for number in classes]
    names = load_taxonomy()[kind].tolist()  # in the order of the numbers
    return [names[number] for number in classes]


def class_captions(classes: np.ndarray) -> list[list[str]]:
    """Return what is said of several bodies in each pose, by no pose's name: as many captions for each class (C,).

    They are those of `yogalib.synthetic.captions`, kept in a file so that real photographs do not need the drawn world.
    """
    return [list(_captions()[number]) for number in classes]


@cache
def _captions() -> dict[int, list[str]]:
    return pd.read_csv(CAPTIONS_FILE).groupby("class")["caption"].agg(list).to_dict()


def class_prompts(
    classes: np.ndarray, template: str | list[str], names: str = "sanskrit"
) -> list[str] | list[list[str]]:
    """Return one prompt per class: the template with `<category>` replaced by the class's name of that kind.

    With several templates, or of kind `captions`, a list of prompts per class: an ensemble (CLIP, Radford et al. 2021, section 3.1.4).
    """
    check_template(template)
    if names == "captions":
        templates = [template] if isinstance(template, str) else template
        return [[each.replace(CATEGORY, told) for each in templates for told in of] for of in class_captions(classes)]
    if isinstance(template, str):
        return [template.replace(CATEGORY, name) for name in class_names(classes, names)]
    return [[each.replace(CATEGORY, name) for each in template] for name in class_names(classes, names)]


def superclass_prompts(classes: Sequence[int]) -> list[tuple[list[str], np.ndarray]]:
    """Return levels 1 and 2 of some poses: a prompt for each superclass, and which pose belongs to which, bool (C, C')."""
    levels = []
    for level in (1, 2):
        of = parents(level)[classes]
        there = np.unique(of)
        levels.append(([f"level {level} {superclass_names(level)[number]}" for number in there], of[:, None] == there))
    return levels
