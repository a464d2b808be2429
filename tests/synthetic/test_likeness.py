"""Which poses are near twins, and where a good activation map of them would lie."""

import numpy as np
import pytest

from yogalib.facts.taxonomy import load_taxonomy
from yogalib.synthetic.likeness import ENDS, draw_with_parts, nearest_twin, telling
from yogalib.synthetic.shapes import LABEL

NUMBERS = load_taxonomy().set_index("sanskrit")["class"].to_dict()


def test_every_part_that_is_drawn_has_its_ends():
    assert set(ENDS) == set(LABEL)


@pytest.mark.parametrize(
    ("pose", "twin", "parts"),
    [
        ("Virabhadrasana I", "Anjaneyasana", {"l_forearm", "r_forearm"}),
        ("Adho Mukha Svanasana", "Ardha Pincha Mayurasana", {"l_forearm", "r_forearm"}),
        ("Paschimottanasana", "Janu Sirsasana", {"r_shin"}),
    ],
)
def test_twins_are_those_that_practitioners_know(pose, twin, parts):
    found, differing = nearest_twin(NUMBERS[pose], list(range(82)))
    assert found == NUMBERS[twin]
    assert parts <= set(differing)
    assert len(differing) < len(LABEL), "all of the body is not what tells two poses apart"


def test_twin_is_looked_for_among_the_given_poses_alone():
    classes = [NUMBERS[name] for name in ("Virabhadrasana I", "Savasana", "Virabhadrasana II")]
    assert nearest_twin(classes[0], classes)[0] == classes[2]


def test_telling_parts_lie_on_the_body_and_are_less_than_it():
    classes = [NUMBERS["Paschimottanasana"], NUMBERS["Janu Sirsasana"]]
    pixels, parts, labels = draw_with_parts(classes, 3, 64, seed=0)
    limbs = telling(parts, labels, classes)
    assert pixels.shape == (6, 64, 64, 3)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert not (limbs & (parts == 0)).any()
    assert 0 < limbs.sum() < (parts > 0).sum()
    assert np.array_equal(pixels, draw_with_parts(classes, 3, 64, seed=0)[0])
