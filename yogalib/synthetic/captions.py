"""What a body does, in words derived from its geometry by rule: captions for CLIP-mini, never a pose name.

Left and right are never said, so a body and its mirror image are described alike.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from yogalib.synthetic.facts import rules
from yogalib.synthetic.geometry import measure
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.skeleton import Bodies, pose_bodies

MAX_TOKENS = 44  # with the start and the end token
LEAD_INS = (
    "", "", "a person", "a woman", "a man", "someone", "a figure", "a photo of a person", "a picture of someone",
    "a drawing of a person", "a sketch of a figure", "a silhouette of a person", "an image of a woman",
)  # fmt: skip

# Fact: its phrasings, the canonical one first. The groups are in the order of the canonical description.
FACTS = {
    "base": {
        "shoulderstand": "upside down on the shoulders | balancing on the shoulders, body up | inverted, shoulders on the floor",
        "feet_over": "on the shoulders, feet over behind the head | rolled onto the shoulders, toes beyond the head"
        " | shoulders on the floor, hips up, feet overhead",
        "headstand": "upside down on the head and forearms | balancing on the head | inverted, head on the floor",
        "elbowstand": "upside down on the forearms | balancing inverted on the forearms | forearms bear the inverted body",
        "handstand": "upside down on the hands | balancing inverted on straight arms | hands bear the inverted body",
        "on_back_chest_up": "lying on the back, chest lifted | on the back with the chest arched off the floor"
        " | face up on the floor, chest raised",
        "on_back": "lying on the back | lying face up | flat on the back on the floor | reclining face up",
        "on_belly": "lying on the belly | lying face down | prone on the floor | on the stomach",
        "on_side": "lying on one side | reclining sideways | lying sideways on the floor",
        "split": "hips low, legs stretched far apart front and back | one leg straight forward, one straight back,"
        " hips by the floor | sitting between a front and a back leg",
        "hands_and_knees": "on hands and knees | on all fours | hands and knees on the floor",
        "chest_down": "kneeling, hips high, chest near the floor | knees on the floor, hips up, chest sinking down"
        " | kneeling with the seat up and the chest low",
        "on_heels": "kneeling, sitting on the heels | sitting back on the heels | knees folded, seat on the feet",
        "kneeling_back": "kneeling, dropped far back | kneeling, bent backward to the floor | on the knees, upper body"
        " hanging far backward",
        "kneeling": "kneeling on both knees | kneeling with the hips lifted | on the knees",
        "lunge_knee": "in a deep step, back knee on the floor | front foot planted, back knee down"
        " | stepping far forward with the rear knee on the floor",
        "one_knee": "kneeling on one knee, other leg out to the side | one knee on the floor, one leg sideways"
        " | half kneeling with a leg stretched to the side",
        "half_kneeling": "on one knee and one foot | half kneeling | one knee on the floor, one foot planted",
        "squat": "squatting low | squatting on the feet, hips near the heels | crouching, seat close to the floor",
        "hips_raised": "on shoulders and feet, hips raised | shoulders on the floor, hips lifted, feet planted"
        " | lifting the hips from the floor, face up",
        "backbend_hands": "on hands and feet, belly up, body arched | face up, hands and feet down, hips pushed high"
        " | bending over backward onto hands and feet",
        "backbend_forearms": "on forearms and feet, belly up, body arched | face up on forearms and feet"
        " | bending over backward onto the forearms",
        "reverse_straight": "face up on hands and feet, body straight | hands behind, hips lifted, body in a line face up"
        " | held up by hands and heels, belly up",
        "one_hand_up": "on one hand and the feet, belly up | one hand on the floor, chest opened to the ceiling"
        " | arched over backward on one hand",
        "one_hand_side": "sideways on one hand and the feet | held up sideways by one straight arm | body in a slanting"
        " line, side to the floor",
        "hips_high_forearms": "on forearms and feet, hips high | forearms and feet down, hips up | hips lifted high over"
        " the forearms",
        "hips_high": "on hands and feet, hips high | hands and feet down, hips lifted up | body like a tent, seat at the top",
        "straight_forearms": "face down on forearms and toes, body straight | body in a line on the forearms"
        " | held off the floor on forearms and toes",
        "straight_low": "face down on hands and toes, body low, elbows bent | body in a line close above the floor"
        " | halfway down in a push-up",
        "straight_hands": "face down on hands and toes, body straight | top of a push-up | body in a line on straight arms",
        "hands_upright": "lifted off the floor on the hands, trunk upright | sitting in the air on the hands"
        " | hands push the seat off the floor",
        "arm_balance": "balancing on the hands | only the hands on the floor | body carried by the arms",
        "forearm_balance": "balancing on the forearms | only the forearms on the floor | body carried by the forearms",
        "sitting": "sitting on the floor | seated | sitting down on the floor",
        "one_leg": "standing on one leg | balancing on one foot | standing on a single leg",
        "wide_stand": "standing with feet wide apart | standing, legs far apart | in a wide stance",
        "half_squat": "standing with knees bent | standing, sinking the hips | half squatting on both feet",
        "standing": "standing on both feet | standing | both feet on the floor",
        "tumbled_up": "tipped over, front up | belly turned up | body tilted face up",
        "tumbled_down": "tipped over, front down | belly turned down | body tilted face down",
        "tumbled_side": "tipped over sideways | body tilted onto a side | falling sideways",
    },
    "trunk": {
        "folded": "folded forward onto the legs | chest down on the thighs | trunk folded over the legs",
        "hanging": "trunk hanging down | upper body upside down | head lower than the hips",
        "flat": "trunk level, face down | trunk horizontal | upper body parallel to the floor",
        "flat_side": "trunk tipped level to the side | upper body sideways and horizontal | trunk leaning far to one side",
        "lean_side": "trunk leaning to the side | tilting sideways | upper body bent to one side",
        "lean_back": "trunk leaning back | reclining the upper body | tilting backward",
        "lean_forward": "trunk leaning forward | upper body inclined forward | tilting forward",
        "chest_up": "chest lifted high | chest raised off the floor | front of the body lifted",
        "upright": "trunk upright | upper body vertical | torso straight up",
    },
    "bend": {
        "deep_arch": "back deeply arched | in a deep backbend | spine bent far backward",
        "arch": "back arched | in a backbend | chest lifted, spine curving back",
        "round": "back rounded | spine curled | hunched back",
        "side_bend": "waist bent to the side | side stretched | spine curving sideways",
    },
    "twist": {"twist": "waist twisted | chest turned to the side | torso rotated away from the hips"},
    "legs": {
        "behind_head": "feet behind the head | both legs wrapped behind the head | ankles back by the head",
        "feet_to_head": "feet reaching the head from behind | a foot at the back of the head | bent back, feet near the head",
        "legs_aside": "both legs to one side | knees and feet off to one side | legs swung sideways",
        "foot_drawn_up": "one foot drawn up to the head | a foot pulled near the ear | one foot by the face",
        "scissor": "one straight leg ahead of the other | legs straight, one foot far in front | a long step, straight legs",
        "legs_up_bent": "knees up, shins hanging over | legs raised with bent knees | thighs up, knees bent",
        "legs_up": "both legs straight up | legs vertical | feet pointing at the ceiling",
        "leg_up": "one leg raised high | one leg pointing up | one foot high in the air",
        "knees_on_arms": "knees resting on the upper arms | knees against the arms | legs propped on the arms",
        "knees_to_chest": "knees drawn to the chest | both knees pulled in | thighs hugged to the trunk",
        "soles": "soles together, knees out | feet touching, knees spread | legs open like a book",
        "crossed": "legs crossed | shins crossed | one leg over the other",
        "straddle": "straight legs spread wide | legs wide open | legs in a wide angle",
        "out_front": "both legs stretched out in front | legs straight ahead | legs extended forward",
        "foot_on_leg": "one foot against the other leg | one foot on the other thigh | one knee out, foot on the leg",
        "leg_back": "one leg stretched back | one leg behind | one leg extended backward",
        "leg_front": "one leg raised in front | one leg lifted forward | one leg held out ahead",
        "leg_side": "one leg out to the side | one leg lifted sideways | a leg extended to the side",
        "heels_to_seat": "shins folded back, feet by the hips | heels near the seat | knees fully bent, feet behind",
        "front_knee": "front knee bent, other leg straight | deep bend in one knee | one knee bent over the foot",
        "knees_wide": "knees spread wide | knees far apart | knees wide open",
        "legs_lifted": "both legs lifted off the floor | feet in the air | legs raised",
    },
    "knees": {
        "straight": "legs straight | straight knees | knees extended",
        "one_bent": "one leg straight, one bent | one knee bent | one bent and one straight leg",
        "bent": "knees bent | both knees bent | bent legs",
    },
    "hold": {
        "hold_feet": "hands holding the feet | each hand at a foot | gripping the ankles",
        "hold_foot": "one hand holding a foot | one hand at the foot | gripping one foot",
        "prayer": "palms together at the chest | hands joined before the heart | hands pressed together",
        "joined_head": "hands joined at the head | hands clasped behind the head | fingers laced around the head",
        "joined_up": "hands joined overhead | palms together above the head | arms up, hands meeting",
        "joined_back": "hands joined behind the back | hands clasped behind | hands meeting at the back",
        "joined": "hands joined | hands clasped together | hands meeting",
        "hands_back": "hands supporting the back | hands on the lower back | hands behind the hips",
        "hands_knees": "hands on the knees | hands resting on the legs | palms on the knees",
        "hand_knee": "one hand on a knee | one hand on the leg | a palm on the knee",
        "hand_head": "one hand at the head | hand propping the head | one hand by the ear",
    },
    "arms": {
        "up": "arms overhead | both arms raised | arms lifted up",
        "past_head": "arms stretched past the head | arms extended beyond the head | arms long beside the ears",
        "reach_down": "arms reaching down | arms pointing to the floor | arms straight down from the shoulders",
        "wide": "arms out to the sides | arms spread wide | arms like wings",
        "forward": "arms reaching forward | arms straight ahead | both arms in front",
        "behind": "arms behind the body | arms reaching back | both arms drawn backward",
        "along": "arms along the body | arms by the sides | arms lowered",
        "one_up": "one arm overhead | one arm raised past the head | one arm stretched long",
        "line": "arms open in a vertical line | one arm to the sky, one down | one hand up and one hand down",
    },
    "bends": {
        "arms_straight": "arms straight | straight elbows | elbows extended",
        "arms_bent": "elbows bent | bent arms | both elbows bent",
    },
    "floor": {
        "head_down": "head on the floor | head touching the ground | forehead or crown down",
        "hands_down": "both hands on the floor | hands planted | palms on the ground",
        "hand_down": "one hand on the floor | one hand touching the ground | a palm on the floor",
    },
    "head": {
        "back": "head dropped back | head thrown back | neck bent backward",
        "tucked": "chin tucked | head bowed | neck bent forward",
        "look_up": "looking up | face to the ceiling | gazing upward",
        "look_down": "looking down | face to the floor | gazing downward",
        "look_aside": "head turned to the side | looking over the shoulder | face turned away",
    },
}  # fmt: skip
_KEYS = [(group, key) for group, keys in FACTS.items() for key in keys]
_INDEX = {name: index for index, name in enumerate(_KEYS)}
_PHRASES = [tuple(phrase.strip() for phrase in FACTS[group][key].split("|")) for group, key in _KEYS]


def fact_keys(bodies: Bodies) -> list[list[str]]:
    """Return each body's facts by name, `group.key`, the base first."""
    return [[".".join(_KEYS[index]) for index in row if index >= 0] for row in _fact_table(bodies)]


def facts(bodies: Bodies) -> list[list[tuple[str, ...]]]:
    """Return each body's facts, the base first, each with all its phrasings."""
    return [[_PHRASES[index] for index in row if index >= 0] for row in _fact_table(bodies)]


def captions(bodies: Bodies, rng: np.random.Generator) -> list[str]:
    """Draw one caption per body: the base and two to five further facts, each in any of its phrasings, in any order."""
    table = _fact_table(bodies)
    keep = rng.integers(2, 6, size=len(table))
    order = np.argsort(rng.random((len(table), table.shape[1] - 1)), axis=1)
    lead_in = rng.integers(len(LEAD_INS), size=len(table))
    pick = rng.random(table.shape)
    first = rng.random(len(table)) < 0.8
    found = []
    for row, columns in enumerate(order):
        rest = [column + 1 for column in columns if table[row, column + 1] >= 0][: keep[row]]
        # Mostly the base opens the caption, so that a short context learns it first.
        chosen = [0, *rest] if first[row] else [*rest[:1], 0, *rest[1:]]
        words = [_PHRASES[table[row, c]][int(pick[row, c] * len(_PHRASES[table[row, c]]))] for c in chosen]
        found.append(_join([LEAD_INS[lead_in[row]], *words] if LEAD_INS[lead_in[row]] else words))
    return found


def describe(bodies: Bodies) -> list[str]:
    """Return the canonical caption of each body: every fact in its first phrasing, as many as `MAX_TOKENS` hold."""
    return [_join([phrases[0] for phrases in row]) for row in facts(bodies)]


def pose_descriptions() -> dict[str, list[str]]:
    """Return, per official folder name, the canonical captions of the pose and of its variants, the plain one first."""
    return {folder: list(dict.fromkeys(describe(pose_bodies(pose.postures)))) for folder, pose in load_poses().items()}


def _fact_table(bodies: Bodies) -> np.ndarray:
    """Return (N, groups): in each group the body's fact, an index into `_KEYS`, or -1."""
    found = rules(measure(bodies))
    columns = []
    for group in FACTS:
        names, where = zip(*found[group], strict=True)
        columns.append(np.select(where, [_INDEX[group, name] for name in names], default=-1))
    return np.stack(columns, axis=1)


def _join(phrases: list[str]) -> str:
    """Return the phrases as one caption, the last ones left out where they are too many tokens."""
    left = MAX_TOKENS - 1  # the start and the end token, less the comma that the first phrase has not
    kept = []
    for phrase in phrases:
        left -= _tokens(phrase) + 1
        if left < 0:
            break
        kept.append(phrase)
    return ", ".join(kept)


@cache
def _tokens(words: str) -> int:
    """Return how many CLIP tokens the words are: they add up, for CLIP never joins words."""
    import clip  # here, because it loads PyTorch

    return int((clip.tokenize(words)[0] != 0).sum()) - 2
