"""Captions: known postures get known facts, no pose is named, and mirror images read alike."""

import re
from functools import cache

import clip
import numpy as np
import pytest

from yogalib.synthetic.captions import FACTS, MAX_TOKENS, captions, describe, fact_keys, facts, pose_descriptions
from yogalib.synthetic.geometry import measure
from yogalib.synthetic.poses import load_poses, random_angles
from yogalib.synthetic.skeleton import mirror, pose_bodies, sample_proportions

# Words that are a pose's whole name and also what anyone would say of a body.
PLAIN_WORDS = {"sitting", "standing", "split"}
KNOWN = {
    "Corpse_": "base.on_back",
    "Cobra_": "base.on_belly",
    "Side-Reclining": "base.on_side",
    "Supported_Headstand": "base.headstand",
    "Feathered_Peacock": "base.elbowstand",
    "Handstand": "base.handstand",
    "Supported_Shoulderstand": "base.shoulderstand",
    "Plow_": "base.feet_over",
    "Tree_": "base.one_leg",
    "Warrior_II_": "base.wide_stand",
    "Plank_": "base.straight_hands",
    "Four-Limbed": "base.straight_low",
    "Dolphin_Plank": "base.straight_forearms",
    "Side_Plank": "base.one_hand_side",
    "Downward-Facing": "base.hips_high",
    "Upward_Bow": "base.backbend_hands",
    "Crane_": "base.arm_balance",
    "Scale_": "base.hands_upright",
    "Garland_": "base.squat",
    "Bridge_": "base.hips_raised",
    "Staff_": "legs.out_front",
    "Boat_": "legs.legs_lifted",
    "Half_Lord": "twist.twist",
    "Lord_of": "legs.leg_back",
}
# The six classes of Subset II must read right and apart.
SIX = {
    "Child_": {"base.on_heels", "trunk.folded", "floor.head_down"},
    "Bow_": {"base.on_belly", "bend.arch", "legs.legs_lifted", "hold.hold_feet"},
    "Cat_Cow_": {"base.hands_and_knees", "bend.round"},
    "Supported_Shoulderstand": {"base.shoulderstand", "legs.legs_up", "hold.hands_back"},
    "Camel_": {"base.kneeling", "trunk.lean_back", "bend.arch", "hold.hold_feet"},
    "Chair_": {"base.half_squat", "trunk.lean_forward", "arms.up"},
}


def plain_facts(start: str) -> set[str]:
    """Return the facts of the plain pose whose folder begins so."""
    pose = next(pose for folder, pose in load_poses().items() if folder.startswith(start))
    return set(fact_keys(pose_bodies(pose.postures))[0])


@cache
def many() -> tuple:
    """Return 1,000 random postures and their bodies."""
    postures = random_angles(np.random.default_rng(7), 1000)
    return postures, pose_bodies(postures, sample_proportions(np.random.default_rng(8), 1000))


@pytest.mark.parametrize(("start", "fact"), KNOWN.items())
def test_known_postures_get_known_facts(start, fact):
    assert fact in plain_facts(start)


@pytest.mark.parametrize(("start", "expected"), SIX.items())
def test_the_six_classes_read_true(start, expected):
    assert expected <= plain_facts(start)


def test_the_six_classes_read_apart():
    assert len({frozenset(plain_facts(start)) for start in SIX}) == 6


def test_variants_differ_where_the_spine_does():
    pose = load_poses()["Cat_Cow_Pose_or_Marjaryasana_"]
    found = dict(zip(pose.names, fact_keys(pose_bodies(pose.postures)), strict=True))
    assert "bend.arch" in found["cow"]
    assert not any(fact.startswith("bend.") for fact in found["neutral"])


def test_nearly_all_poses_have_a_description_of_their_own():
    plain = [texts[0] for texts in pose_descriptions().values()]
    assert len(plain) == 82
    assert len(set(plain)) >= 75


def test_a_mirror_image_reads_alike():
    known = [pose.postures for pose in load_poses().values()]
    for postures in [many()[0].take(np.arange(300)), *known]:
        here, there = (fact_keys(pose_bodies(which)) for which in (postures, mirror(postures)))
        assert here == there


def test_no_caption_names_a_pose_or_a_side():
    names = set()
    for folder in load_poses():
        english, _, sanskrit = folder.partition("_or_")
        names |= {re.sub(r"\b(pose|i+)\b", "", part.replace("_", " ").lower()).strip() for part in (english, sanskrit)}
        names |= {word for word in re.findall(r"[a-z]+", folder.lower()) if word.endswith("asana")}
    phrases = " | ".join(text for group in FACTS.values() for text in group.values()).lower()
    for name in names - PLAIN_WORDS - {""}:
        assert not re.search(rf"\b{re.escape(name)}\b", phrases), name
    assert not re.search(r"\b(left|right|yoga|pose|asana|plank|chair|bow|tree|bridge|boat|warrior)\b", phrases)


def test_every_fact_has_three_phrasings_of_its_own():
    phrases = [phrase.strip() for group in FACTS.values() for text in group.values() for phrase in text.split("|")]
    assert all(text.count("|") >= 2 for group in FACTS.values() for text in group.values())
    assert len(set(phrases)) == len(phrases)


def test_every_body_has_a_base_and_captions_say_it_within_the_token_limit():
    bodies = many()[1]
    said = captions(bodies, np.random.default_rng(0))
    for phrases, caption in zip(facts(bodies), said, strict=True):
        assert any(phrase in caption for phrase in phrases[0])
    described = [text for variants in pose_descriptions().values() for text in variants]
    for texts in (said, describe(bodies), described):
        assert ((clip.tokenize(texts) != 0).sum(dim=1) <= MAX_TOKENS).all()


def test_the_seed_decides_the_captions():
    bodies = many()[1]
    first, again, other = (captions(bodies, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_measures_are_numbers_per_body():
    bodies = many()[1]
    for name, values in measure(bodies).items():
        assert values.shape in {(1000,), (1000, 2)}, name
        assert not np.isnan(values).any(), name
