"""Captions by rule: what a body's geometry says, in everyday words and never by a pose's name."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from yogalib.facts.prompts import CAPTIONS_FILE
from yogalib.facts.taxonomy import FILE, load_taxonomy
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import load_poses, sample_angles
from yogalib.synthetic.skeleton import JOINT, Bodies

LEADS = ("a person", "a woman", "a man", "someone", "a photo of a person", "a drawing of a person", "a figure", "image of a person", "")  # fmt: skip
# fact -> its phrasings, the plainest first. What bears the body comes first: each body has just one of these.
BASES = {
    "on_hands_inverted": ("upside down on the hands", "legs in the air, standing on straight arms", "balancing upside down on both hands"),
    "on_head_inverted": ("upside down on the head", "standing on the head with the legs up", "legs up, the crown of the head on the ground"),
    "on_forearms_inverted": ("upside down on the forearms", "balancing upside down on the elbows and forearms", "legs up, forearms on the ground"),
    "on_shoulders_inverted": ("upside down on the shoulders", "resting on the shoulders with the hips high above", "hips up in the air over the shoulders"),
    "on_back": ("lying on the back", "on the floor face up", "flat on the back"),
    "on_belly": ("lying on the belly", "on the floor face down", "lying on the front"),
    "on_side": ("lying on one side", "on the floor sideways", "reclining on the side"),
    "bridge": ("shoulders on the floor and hips lifted", "the hips raised between feet and shoulders", "lying with the hips pushed up"),
    "sitting": ("sitting on the floor", "seated on the ground", "sitting down"),
    "folded_on_knees": ("folded onto the thighs on both knees", "sitting on the heels with the chest on the thighs", "curled up over the bent legs"),
    "on_hands_and_knees": ("on hands and knees", "on all fours", "kneeling with both hands on the floor"),
    "on_one_knee": ("kneeling on one knee", "one knee on the floor and the other foot in front", "in a lunge with a knee on the ground"),
    "kneeling": ("kneeling upright", "standing on the knees", "on both knees"),
    "backbend_on_hands": ("face up on hands and feet", "the belly up, held by hands and feet", "bent backwards onto the hands"),
    "hips_high": ("on hands and feet with the hips high", "hands and feet on the floor, hips pointing up", "the body like an upturned V"),
    "plank": ("held straight above the floor on hands and feet", "face down, the body in a line over the floor", "on hands and toes with a level body"),
    "side_support": ("sideways on one hand and the feet", "held up on one arm, the body turned sideways", "balancing on one hand and the side of the feet"),
    "on_hands": ("balancing on the hands", "the whole weight on the hands", "lifted off the floor on both hands"),
    "squatting": ("squatting low", "in a deep squat", "sitting low on the heels with the feet on the floor"),
    "on_one_leg": ("standing on one leg", "balancing on one foot", "one foot off the floor"),
    "standing": ("standing on both feet", "on two feet", "standing"),
    "other": ("in an unusual position", "moving", "in a strange shape"),
}  # fmt: skip
DETAILS = {
    "folded": ("folded forward over the legs", "the trunk close to the thighs", "bent forward at the hips"),
    "knees_to_chest": ("knees drawn to the chest", "the bent legs close to the belly", "thighs against the chest"),
    "arched": ("the back arched", "bending backwards", "the chest opened in a backbend"),
    "rounded": ("the back rounded", "the spine curled", "a hunched back"),
    "twisted": ("the trunk twisted", "turning the chest to one side", "the shoulders turned against the hips"),
    "side_bent": ("leaning to one side", "the trunk tilted sideways", "bending sideways"),
    "leaning_forward": ("leaning forward", "the trunk tilted forward", "inclined to the front"),
    "leaning_back": ("leaning back", "the trunk tilted backwards", "reclined a little"),
    "trunk_level": ("the trunk horizontal", "the back parallel to the floor", "the upper body level"),
    "trunk_down": ("the head below the hips", "the trunk hanging down", "the upper body pointing down"),
    "upright": ("the trunk upright", "a straight vertical back", "the upper body tall"),
    "one_leg_lifted": ("one leg lifted high", "a leg raised up", "one leg in the air"),
    "legs_up": ("both legs up", "the legs pointing up", "both legs lifted high"),
    "legs_split": ("one leg forward and one back", "the legs split front to back", "a long stride"),
    "legs_wide": ("the legs wide apart", "feet far from each other", "legs spread wide"),
    "legs_crossed": ("the legs crossed", "shins crossing each other", "one leg over the other"),
    "knees_out": ("the knees opened outwards", "knees apart to the sides", "bent knees pointing out"),
    "legs_straight": ("both legs straight", "straight knees", "the legs extended"),
    "one_knee_bent": ("one knee bent, the other leg straight", "one leg bent and one extended", "a bent knee beside a straight leg"),
    "knees_deep": ("both knees bent deeply", "heels near the hips", "the legs folded"),
    "knees_bent": ("both knees bent", "bent legs", "the legs half bent"),
    "hand_to_foot": ("a hand holding a foot", "reaching a foot with the hand", "hand on the foot"),
    "hands_to_feet": ("both hands holding the feet", "hands at both feet", "reaching the feet with both hands"),
    "palms_together": ("the hands together", "palms joined", "hands clasped"),
    "arms_up": ("both arms overhead", "the arms stretched past the head", "arms raised in line with the body"),
    "arm_up": ("one arm overhead", "one arm stretched past the head", "a raised arm"),
    "arms_wide": ("the arms spread to the sides", "arms out wide", "both arms stretched sideways"),
    "arms_forward": ("the arms stretched forward", "both arms in front", "reaching forward"),
    "arms_behind": ("the arms behind the back", "both arms reaching back", "hands behind the body"),
    "arms_down": ("the arms along the body", "arms by the sides", "the hands beside the hips"),
    "elbows_bent": ("the elbows bent", "bent arms", "both elbows folded"),
    "hands_on_floor": ("the hands on the floor", "palms on the ground", "hands touching the floor"),
    "looking_up": ("looking up", "the face to the sky", "the head thrown back"),
    "looking_down": ("looking down", "the face to the floor", "the head lowered"),
}  # fmt: skip
FACTS = {**BASES, **DETAILS}


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (..., 3) of length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle between vectors."""
    return np.rad2deg(np.arccos((unit(a) * unit(b)).sum(-1).clip(-1, 1)))


class Measures:
    """Lengths, angles and contacts of N bodies, each (N,) or (N, 2) for left and right."""

    def __init__(self, bodies: Bodies):
        self.bodies = bodies
        at = {name: bodies.joints[:, index] for name, index in JOINT.items()}
        pair = {
            name: np.stack([at[f"l_{name}"], at[f"r_{name}"]], 1)
            for name in ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist", "hand")
        }
        self.leg = np.linalg.norm(pair["knee"] - pair["hip"], axis=2).mean(1) + np.linalg.norm(
            pair["ankle"] - pair["knee"], axis=2
        ).mean(1)
        self.trunk = unit(at["chest"] - at["pelvis"])
        self.tilt = np.rad2deg(np.arccos(self.trunk[:, 1].clip(-1, 1)))
        self.thigh, self.limb = unit(pair["knee"] - pair["hip"]), unit(pair["ankle"] - pair["hip"])
        self.knee = degrees(pair["hip"] - pair["knee"], pair["ankle"] - pair["knee"])
        self.elbow = degrees(pair["shoulder"] - pair["elbow"], pair["wrist"] - pair["elbow"])
        self.arm = unit(pair["wrist"] - pair["shoulder"])
        self.hip = degrees(np.repeat(self.trunk[:, None], 2, 1), pair["knee"] - pair["hip"])
        self.hand_foot = np.linalg.norm(pair["hand"][:, :, None] - pair["toe"][:, None], axis=3)
        self.hand_foot = (
            np.minimum(self.hand_foot, np.linalg.norm(pair["hand"][:, :, None] - pair["ankle"][:, None], axis=3))
            / self.leg[:, None, None]
        )
        self.hands_apart = np.linalg.norm(at["l_hand"] - at["r_hand"], axis=1) / self.leg
        self.feet = (at["l_ankle"] - at["r_ankle"]) / self.leg[:, None]
        self.across = unit(at["l_hip"] - at["r_hip"])
        self.shoulders = unit(at["l_shoulder"] - at["r_shoulder"])
        self.knees_apart = ((at["l_knee"] - at["r_knee"]) * self.across).sum(1) / self.leg
        bend = unit(at["chest"] - at["spine"]) - unit(at["spine"] - at["pelvis"])
        self.round = (bend * bodies.chest_front).sum(1)
        clear = bodies.joints[:, :, 1] - bodies.radius
        # fingers and soft hips are drawn a little off the floor that they rest on
        slack = {"pelvis": 0.07, "l_hip": 0.07, "r_hip": 0.07}
        self.low = {name: clear[:, index] < slack.get(name, 0.05) for name, index in JOINT.items()}
        self.height = at["pelvis"][:, 1] / self.leg
        self.raised = pair["ankle"][:, :, 1] > (at["pelvis"][:, 1] - 0.25 * self.leg)[:, None]

    def both(self, *joints: str) -> np.ndarray:
        """Return for each side whether any of the joints lies on the floor, (N, 2)."""
        return np.stack([np.any([self.low[f"{side}_{joint}"] for joint in joints], axis=0) for side in "lr"], 1)


def base_of(m: Measures) -> np.ndarray:
    """Return what bears each body, (N,) names out of BASES: the first rule that holds."""
    feet, hands, knees = m.both("toe", "heel", "ankle"), m.both("hand", "wrist"), m.both("knee")
    elbows, hips = m.both("elbow"), m.low["pelvis"] | m.both("hip").any(1)
    shoulders, head = m.both("shoulder").any(1) | m.low["chest"], m.low["head"] | m.low["crown"]
    up = m.bodies.chest_front[:, 1]
    inverted = (m.tilt > 115) & ~feet.any(1) & ~knees.any(1)
    level = (m.tilt > 55) & (m.tilt < 125)
    on_feet = feet.any(1) & ~hips & ~knees.any(1)
    hold = hands.any(1) | elbows.all(1)
    rules = {
        "on_shoulders_inverted": inverted & shoulders,
        "on_head_inverted": inverted & head,
        "on_forearms_inverted": inverted & elbows.any(1),
        "on_hands_inverted": inverted & hands.any(1),
        "bridge": shoulders & ~hips & (up > 0) & feet.any(1),
        "on_back": (hips | m.low["spine"]) & level & (up > 0.45),
        "on_belly": hips & (m.bodies.pelvis_front[:, 1] < -0.3) & (m.hip.mean(1) > 100),
        "on_side": hips & level & (np.abs(m.across[:, 1]) > 0.6),
        "folded_on_knees": knees.all(1) & (m.hip.mean(1) < 60) & (m.tilt > 60) & (m.knee.max(1) < 100),
        "sitting": hips | ((m.height < 0.3) & (m.hip.mean(1) < 70) & (m.knee.min(1) > 130)),
        "on_hands_and_knees": knees.all(1) & hold & level & (up < 0.3),
        "on_one_knee": (knees.sum(1) == 1) & feet.any(1) & (m.tilt < 70),
        "kneeling": knees.any(1),
        "backbend_on_hands": on_feet & hold & (up > 0.3),
        "side_support": on_feet
        & (hands.sum(1) == 1)
        & level
        & (m.hip.min(1) > 110)
        & (np.abs(up) < 0.55)
        & (np.abs(m.across[:, 1]) > 0.5),
        "hips_high": on_feet & hold & (m.tilt > 105) & feet.all(1),
        "plank": on_feet & hold & level & feet.all(1) & (m.knee.min(1) > 140) & (m.hip.min(1) > 120),
        "on_hands": hands.any(1) & ~feet.any(1),
        "squatting": on_feet & (m.height < 0.55) & (m.knee.max(1) < 110),
        "on_one_leg": on_feet & (feet.sum(1) == 1),
        "standing": on_feet,
    }
    names = np.array([*rules, "other"])
    holds = np.stack([*rules.values(), np.ones(len(up), bool)], 1)
    return names[holds.argmax(1)]


def details_of(m: Measures) -> dict[str, np.ndarray]:
    """Return which of DETAILS hold for each body, (N,) each."""
    front, lateral = m.bodies.pelvis_front, np.abs((m.arm * m.shoulders[:, None]).sum(2))
    along, ahead = (m.arm * m.trunk[:, None]).sum(2), (m.arm * m.bodies.chest_front[:, None]).sum(2)
    bent, straight, deep = m.knee < 130, m.knee > 150, m.knee < 75
    lean, flat = (m.tilt > 25) & (m.tilt < 65), np.array([1, 0, 1])
    forward = (unit(m.trunk * flat) * unit(front * flat)).sum(1)
    stride, wide = np.abs((m.feet * front).sum(1)), np.abs((m.feet * m.across).sum(1))
    near, crossed = m.hand_foot < 0.28, ((m.feet * m.across).sum(1) < -0.02) & bent.any(1)
    overhead, by_side = (along > 0.65), (along < -0.7)
    return {
        "folded": (m.hip.mean(1) < 65) & straight.any(1),
        "knees_to_chest": (m.hip.min(1) < 60) & bent.all(1),
        "arched": m.round < -0.3,
        "rounded": m.round > 0.45,
        "twisted": degrees(m.across, m.shoulders) > 32,
        "side_bent": lean & (np.abs(forward) < 0.5),
        "leaning_forward": lean & (forward >= 0.5),
        "leaning_back": lean & (forward <= -0.5),
        "trunk_level": (m.tilt >= 65) & (m.tilt <= 115),
        "trunk_down": m.tilt > 115,
        "upright": m.tilt <= 25,
        "one_leg_lifted": m.raised.sum(1) == 1,
        "legs_up": (m.limb[:, :, 1] > 0.5).all(1),
        "legs_split": stride > 0.9,
        "legs_wide": wide > 0.9,
        "legs_crossed": crossed,
        "knees_out": (m.knees_apart > 0.75) & bent.all(1),
        "legs_straight": straight.all(1),
        "one_knee_bent": bent.any(1) & straight.any(1),
        "knees_deep": deep.all(1),
        "knees_bent": bent.all(1) & ~deep.all(1),
        "hands_to_feet": near.any(2).all(1),
        "hand_to_foot": near.any(2).sum(1) == 1,
        "palms_together": m.hands_apart < 0.14,
        "arms_up": overhead.all(1),
        "arm_up": overhead.sum(1) == 1,
        "arms_wide": (lateral > 0.75).all(1),
        "arms_forward": (ahead > 0.7).all(1),
        "arms_behind": (ahead < -0.45).all(1),
        "arms_down": by_side.all(1) & ~(ahead < -0.45).all(1),
        "elbows_bent": (m.elbow < 110).all(1),
        "hands_on_floor": m.both("hand", "wrist").all(1),
        "looking_up": m.bodies.face[:, 1] > 0.6,
        "looking_down": m.bodies.face[:, 1] < -0.6,
    }


def fact_matrix(bodies: Bodies) -> np.ndarray:
    """Return whether each of FACTS holds for each body, bool (N, F)."""
    measures = Measures(bodies)
    base, details = base_of(measures), details_of(measures)
    return np.stack([*(base == name for name in BASES), *(details[name] for name in DETAILS)], axis=1)


def facts_of(bodies: Bodies) -> Iterator[list[str]]:
    """Yield for each body the names of what holds of it, what bears it first, the rest in the order of DETAILS."""
    names = np.array(list(FACTS))
    for row in fact_matrix(bodies):
        yield names[row].tolist()


def captions(bodies: Bodies, rng: np.random.Generator) -> list[str]:
    """Return one caption per body: what bears it and some of the rest, in any order and any phrasing."""
    lines = []
    for base, *rest in facts_of(bodies):
        chosen = rng.permutation(rest)[: rng.integers(3, 7)]
        words = [FACTS[fact][rng.integers(3)] for fact in (base, *chosen)]
        if rng.random() < 0.15:
            words = words[1:] or words
        lead = LEADS[rng.integers(len(LEADS))]
        lines.append(f"{lead} {', '.join(words)}".strip())
    return lines


def describe(bodies: Bodies, most: int = 7) -> list[str]:
    """Return the plain description of each body: what bears it and the first details, in the plainest words."""
    return [", ".join(FACTS[fact][0] for fact in facts[:most]) for facts in facts_of(bodies)]


def pose_descriptions() -> dict[str, str]:
    """Return the description of each of the 82 poses, by official folder name: what a descriptive prompt says."""
    poses = load_poses()
    return {folder: describe(pose_bodies(pose.postures.take(np.array([0]))))[0] for folder, pose in poses.items()}


def pose_captions(each: int = 24) -> pd.DataFrame:
    """Return captions of bodies near each of the 82 poses, `each` of a pose: columns class, caption."""
    poses, rows = load_poses(), []
    for number, folder in load_taxonomy()["folder"].items():
        rng = np.random.default_rng([0, number])
        told = captions(pose_bodies(sample_angles(poses[folder], rng, each)), rng)
        rows += [(number, caption) for caption in told]
    return pd.DataFrame(rows, columns=["class", "caption"])


def write_descriptions() -> None:
    """Write the column `description` of taxonomy.csv and captions.csv anew: after a change to a pose, or to what is said of one."""
    taxonomy = load_taxonomy()
    taxonomy["description"] = taxonomy["folder"].map(pose_descriptions())
    taxonomy.to_csv(FILE, index=False, lineterminator="\n")
    pose_captions().to_csv(CAPTIONS_FILE, index=False, lineterminator="\n")
