"""The rules that turn a body's measured geometry into discrete facts, by name; `captions.py` has their words.

Left and right are never told apart in a fact, so a body and its mirror image have the same ones.
"""

from __future__ import annotations

import numpy as np

NEAR_FLOOR = 0.035  # of the height: a part no higher above the floor counts as on it
STANDING = ("one_leg", "wide_stand", "half_squat", "standing", "squat")
Rules = list[tuple[str, np.ndarray]]


def rules(m: dict[str, np.ndarray]) -> dict[str, Rules]:
    """Return, per group of facts, the facts with where they hold (N,): the first that holds is the body's."""
    base = _base_rules(m)
    held = _held(base)
    found = {
        "base": base, "trunk": _trunk_rules(m, held), "bend": _bend_rules(m), "twist": [("twist", m["twist"] > 28)],
        "legs": _leg_rules(m, held), "knees": _knee_rules(m), "hold": _hold_rules(m, held), "arms": _arm_rules(m),
        "bends": [("arms_straight", (m["elbow"] > 155).all(1)), ("arms_bent", (m["elbow"] < 120).all(1))],
        "floor": _floor_rules(m, held), "head": _head_rules(m),
    }  # fmt: skip
    return _without_repeats(found, held)


def _without_repeats(found: dict[str, Rules], held: np.ndarray) -> dict[str, Rules]:
    """Take away what another fact of the body has said already."""
    legs = _held(found["legs"])
    said = np.isin(legs, ["straddle", "out_front", "legs_up", "scissor", "front_knee", "soles", "heels_to_seat"])
    said |= np.isin(held, ["split", "half_squat", "squat", "on_heels", "kneeling", "hands_and_knees", "chest_down"])
    hands_busy = np.isin(_held(found["hold"]), ["hold_feet", "hold_foot", "hands_knees", "hand_knee", "prayer"])
    return found | {
        "knees": [(name, where & ~said) for name, where in found["knees"]],
        "bends": [(name, where & (held != "straight_low")) for name, where in found["bends"]],
        "floor": [(name, where & ~hands_busy if name == "hands_down" else where) for name, where in found["floor"]],
    }


def _held(group: Rules) -> np.ndarray:
    """Return (N,) the first name of a group that holds, "" where none does."""
    return np.select([where for _, where in group], [name for name, _ in group], default="")


def _base_rules(m: dict[str, np.ndarray]) -> Rules:
    """Tell what bears the body; the last three hold for whatever no support explains, so one always holds."""
    rest = [
        ("tumbled_up", m["chest_y"] + m["pelvis_y"] > 0.8), ("tumbled_down", m["chest_y"] + m["pelvis_y"] < -0.8),
        ("tumbled_side", np.ones(len(m["tilt"]), dtype=bool)),
    ]  # fmt: skip
    return _inverted_rules(m) + _low_rules(m) + _knee_base_rules(m) + _four_point_rules(m) + _foot_rules(m) + rest


def _soles(m: dict[str, np.ndarray]) -> np.ndarray:
    return (m["ankles"] < 0.1) & (m["knees_apart"] > 0.32) & (m["knee"] < 120).all(1)


def _inverted_rules(m: dict[str, np.ndarray]) -> Rules:
    feet, shoulders = (m["foot_h"] < NEAR_FLOOR).any(1), m["shoulder_h"] < NEAR_FLOOR
    over = shoulders & (m["tilt"] > 105) & (m["seat_h"] > 0.12)
    up = (m["tilt"] > 135) & ~feet & (m["knee_h"] > 0.1).all(1)
    elbows, hands = (m["elbow_h"] < 0.05).any(1), (m["hand_h"] < 0.05).any(1)
    behind = (m["ankle_over"] > 0.1).all(1)
    return [
        ("feet_over", over & behind & (m["ankle_h"] < 0.35).all(1)), ("shoulderstand", over & ~feet),
        ("hips_raised", over & feet & (m["chest_y"] > 0)),
        ("headstand", up & (m["head_h"] < np.where(elbows, 0.08, 0.045))), ("elbowstand", up & elbows), ("handstand", up & hands),
    ]  # fmt: skip


def _low_rules(m: dict[str, np.ndarray]) -> Rules:
    """Lying and sitting."""
    seat, low = m["seat_h"] < NEAR_FLOOR, m["seat_h"] < 0.1
    back = np.minimum(m["shoulder_h"], m["spine_h"]) < 0.04
    prone = (m["pelvis_y"] < -0.7) & seat & (m["hip"].mean(1) > 110)
    on_knees = (m["knee_h"] < 0.05).all(1) & (m["ankle_h"] < 0.06).all(1) & (m["knee"] < 70).all(1) & (m["crossed"] > 0)
    # Resting flesh is at 0: a seat held up by the arms may still be low.
    on_hands = (m["hand_h"] < 0.01).all(1) & (np.minimum(m["foot_h"], m["knee_h"]) > 0.05).all(1) & (m["seat_h"] > 0.02)
    on_feet = (m["ankle_h"] < 0.06).all(1) & (m["thigh_y"] > -0.75).all(1) & (m["knee"] < 90).all(1) & ~seat
    split = (
        low & (m["legs_apart"] > 120) & (m["knee"] > 145).all(1) & (np.abs(m["chest_y"]) < 0.6) & (m["step_side"] < 0.7)
    )
    sideways = (np.abs(m["chest_y"]) < 0.5) & (np.abs(m["pelvis_y"]) < 0.5) & (m["tilt"] > 60) & (m["tilt"] < 120)
    return [
        ("on_back", back & (m["chest_y"] > 0.6) & (m["seat_h"] < 0.13)),
        ("on_back_chest_up", seat & (m["chest_y"] > 0.6) & (m["head_h"] < NEAR_FLOOR)),
        ("on_belly", prone & (m["tilt"] > 10)),
        ("on_side", sideways & (m["seat_h"] < 0.08) & (m["shoulder_h"] < 0.1)),
        ("split", split),
        ("on_heels", on_knees & (m["ankle_seat"] < 0.2).all(1) & (m["seat_h"] < 0.15) & ~(_soles(m) & seat)),
        ("sitting", (seat | (low & ((m["head_h"] < 0.1) | (m["foot_h"] < 0.06).any(1)))) & ~on_feet & ~on_hands),
    ]  # fmt: skip


def _knee_base_rules(m: dict[str, np.ndarray]) -> Rules:
    knees, hands = m["knee_h"] < NEAR_FLOOR, (m["hand_h"] < NEAR_FLOOR).any(1)
    both, one = knees.all(1), knees.any(1)
    high = m["seat_h"] > 0.12
    # The leg whose knee is down, and the other.
    down = np.argmin(m["knee_h"], axis=1)[:, None]
    other_out = np.take_along_axis(m["leg_out"], 1 - down, axis=1)[:, 0]
    apart = m["step"] > 0.3
    foot = (np.take_along_axis(m["foot_h"], 1 - down, axis=1) < 0.06)[:, 0]
    return [
        ("kneeling_back", both & high & (m["chest_y"] > 0) & (m["tilt"] > 85)),
        ("chest_down", both & high & (m["chest_y"] < 0) & (m["tilt"] > 105)),
        ("hands_and_knees", both & high & hands & (m["tilt"] > 50) & (m["chest_y"] < 0)),
        ("kneeling", both & high),
        ("one_knee", one & high & foot & (other_out > 0.5)),
        ("lunge_knee", one & foot & apart & ~hands),
        ("half_kneeling", one & foot & high),
    ]  # fmt: skip


def _four_point_rules(m: dict[str, np.ndarray]) -> Rules:
    """Hands or forearms bear the body, with the feet or without."""
    hands, elbows = m["hand_h"] < NEAR_FLOOR, (m["elbow_h"] < NEAR_FLOOR).all(1)
    feet, any_hand = (m["foot_h"] < NEAR_FLOOR).any(1), hands.any(1)
    down = m["chest_y"] + m["pelvis_y"] < -0.8
    up = m["chest_y"] + m["pelvis_y"] > 0.6
    touch = feet & any_hand
    on = touch & (m["hands_to_feet"] > 0.33)
    side = on & ~down & (np.abs(m["chest_y"]) < 0.6) & (m["tilt"] > 35) & (m["seat_h"] < 0.45) & (hands.sum(1) == 1)
    arched = (m["tilt"] > 90) | (m["bend"] < -45)
    high = on & (m["chest_y"] < 0.2) & (m["tilt"] > 105)
    flat = on & down & (m["tilt"] > 45) & (m["hip"] > 130).all(1)
    off = any_hand & ~feet & (m["knee_h"] > NEAR_FLOOR).all(1) & (m["seat_h"] > 0.02)
    return [
        ("one_hand_up", on & up & (hands.sum(1) == 1)), ("backbend_forearms", touch & up & arched & elbows),
        ("backbend_hands", touch & up & arched), ("reverse_straight", on & up), ("one_hand_side", side),
        ("hips_high_forearms", high & elbows), ("hips_high", high), ("straight_forearms", flat & elbows),
        ("straight_low", flat & (m["elbow"] < 125).all(1)), ("straight_hands", flat),
        ("hands_upright", off & (m["tilt"] < 45)), ("forearm_balance", off & elbows), ("arm_balance", off),
    ]  # fmt: skip


def _foot_rules(m: dict[str, np.ndarray]) -> Rules:
    feet = m["foot_h"] < NEAR_FLOOR
    # A toe that hangs down to the floor behind the standing leg bears nothing.
    hangs = (np.abs(m["ankle_h"][:, 0] - m["ankle_h"][:, 1]) > 0.06) & (m["crossed"] < 0)
    both = (m["foot_h"] < 0.06).all(1) & ~hangs
    bent = (m["knee"] < 130).all(1)
    return [
        ("squat", both & (m["seat_h"] < 0.22) & (m["knee"] < 95).all(1)), ("one_leg", feet.any(1) & ~both),
        ("wide_stand", both & (m["step"] > 0.33)), ("half_squat", both & bent), ("standing", both),
    ]  # fmt: skip


def _trunk_rules(m: dict[str, np.ndarray], held: np.ndarray) -> Rules:
    # Where the base says how the trunk lies, the trunk is not told again.
    free = np.isin(held, ["split", "on_heels", "sitting", "kneeling", "one_knee", "lunge_knee", "half_kneeling", "squat",
                          "one_leg", "wide_stand", "half_squat", "standing", "arm_balance"])  # fmt: skip
    tilt, front = m["tilt"], (m["chest_y"] + m["pelvis_y"]) / 2
    return [
        (name, free & where) for name, where in (
            ("folded", (tilt > 50) & (m["hip"] < 75).all(1) & (front < -0.3)),
            ("folded", (tilt > 100) & (m["hip"] < 75).any(1) & (front < -0.3)), ("hanging", tilt > 110),
            ("flat", (tilt > 65) & (front < -0.5)), ("flat_side", (tilt > 65) & (np.abs(front) < 0.4)),
            ("lean_side", (tilt > 20) & (m["lean_side"] > 0.8)), ("lean_back", (tilt > 20) & (m["lean_front"] < 0)),
            ("lean_forward", tilt > 20), ("upright", held != "arm_balance"),
        )
    ] + [("chest_up", (held == "on_belly") & (tilt < 65))]  # fmt: skip


def _bend_rules(m: dict[str, np.ndarray]) -> Rules:
    return [("deep_arch", m["bend"] < -75), ("arch", m["bend"] < -32), ("side_bend", m["side_bend"] > 28),
            ("round", m["bend"] > 38)]  # fmt: skip


def _leg_rules(m: dict[str, np.ndarray], held: np.ndarray) -> Rules:
    straight, off, apart = m["knee"] > 145, m["foot_h"] > 0.1, m["step"] > 0.33
    one = np.isin(
        held, ["one_leg", "one_hand_side", "hips_high", "straight_hands", "on_back", "on_side", "arm_balance"]
    )
    standing, bent = np.isin(held, STANDING), (m["knee"] < 75).all(1)
    near = m["ankle_head"] < 0.22
    tucked = (m["knee_chest"] < 0.28).all(1) & off.all(1)
    knees_on_arms = (m["knee_arm"] < 0.14).all(1) & np.isin(held, ["arm_balance", "hands_upright"])
    aside = (m["legs_aside"] > 0.07) & np.isin(held, ["sitting", "arm_balance", "hands_upright", "on_back"])
    return [
        ("behind_head", (near & (m["hip"] < 60) & (m["ankle_behind"] < 0.12)).all(1)),
        ("feet_to_head", (near & (m["hip"] > 90)).any(1)), ("legs_aside", aside),
        ("legs_up", (m["leg_y"] > 0.8).all(1) & straight.all(1)),
        ("leg_up", ((m["leg_y"] > 0.7) & straight & off).any(1) & (m["leg_y"] < 0.4).any(1)),
        ("knees_on_arms", knees_on_arms), ("soles", _soles(m)), ("knees_to_chest", tucked),
        ("foot_drawn_up", ((m["ankle_head"] < 0.25) & (m["knee"] < 100) & off).any(1)),
        ("crossed", (m["crossed"] < -0.025) & (m["knee"] < 135).all(1)),
        ("legs_up_bent", (m["thigh_y"] > 0.6).all(1) & ~straight.any(1)),
        ("straddle", straight.all(1) & (m["legs_apart"] > 40) & (m["step_side"] > 0.75)),
        ("front_knee", (m["knee"] < 130).any(1) & straight.any(1) & apart & ~off.any(1) & standing),
        ("scissor", straight.all(1) & apart & ~off.any(1) & standing),
        *_one_leg_rules(m, one & off.any(1)),
        ("legs_lifted", off.all(1) & (((m["leg_y"] > 0.1).all(1) & (held == "sitting")) | (held == "on_belly")) & ~bent),
        ("heels_to_seat", bent & (m["ankle_seat"] < 0.24).all(1) & np.isin(held, ["on_heels", "on_back", "on_belly", "sitting"])),
        ("leg_back", (((m["thigh_front"] < -0.2) & (m["leg_front"] < -0.2)).sum(1) == 1) & ~np.isin(held, ["lunge_knee", "split"])),
        ("foot_on_leg", ((m["ankle_thigh"] < 0.11) & (m["knee"] < 120)).any(1) & straight.any(1)),
        ("knees_wide", (m["knees_apart"] > 0.36) & (m["knee"] < 125).all(1)), ("out_front", (m["leg_front"] > 0.7).all(1) & straight.all(1) & (held == "sitting")),
    ]  # fmt: skip


def _one_leg_rules(m: dict[str, np.ndarray], where: np.ndarray) -> Rules:
    """Tell where the higher leg points, seen from the other."""
    high = np.argmax(m["foot_h"], axis=1)[:, None]
    ahead = np.diff(np.take_along_axis(m["leg_front"], np.hstack([1 - high, high]), axis=1), axis=1)[:, 0]
    out = np.take_along_axis(m["leg_out"], high, axis=1)[:, 0]
    return [
        ("leg_side", where & (out > 0.5)),
        ("leg_back", where & (ahead < -0.45)),
        ("leg_front", where & (ahead > 0.55)),
    ]


def _knee_rules(m: dict[str, np.ndarray]) -> Rules:
    straight, bent = m["knee"] > 145, m["knee"] < 125
    return [("straight", straight.all(1)), ("one_bent", straight.any(1) & bent.any(1)), ("bent", bent.all(1))]


def _hold_rules(m: dict[str, np.ndarray], held: np.ndarray) -> Rules:
    knees, joined = m["hand_knee"] < 0.1, m["hands"] < 0.085
    feet = (m["hand_foot"] < 0.085) & (m["hand_foot"] < m["hand_knee"] + 0.02)
    # Hands on the floor beside the feet of a standing body hold nothing.
    feet &= (m["hand_h"] > NEAR_FLOOR) | ~np.isin(held, STANDING)[:, None]
    back = (m["hand_back"] < 0.15) & (m["hand_behind"] < 0.0)
    return [
        ("hold_feet", feet.all(1)), ("hold_foot", feet.any(1)), 
        ("joined_head", joined & (m["hand_head"] < 0.2).all(1) & (m["hands_up"] > 0.05) & (m["hands_front"] < 0.12)), ("joined_up", joined & (m["hands_up"] > 0.25)),
        ("hands_back", back.all(1) & ~joined), ("joined_back", joined & (m["hands_front"] < -0.03)),
        ("prayer", joined & (m["hands_up"] > -0.25) & (m["hands_front"] < 0.25)), ("joined", joined),
        ("hands_knees", knees.all(1)), ("hand_knee", knees.any(1)),
        ("hand_head", (m["hand_head"] < 0.11).any(1) & (m["hand_head"] > 0.2).any(1)),
    ]  # fmt: skip


def _arm_rules(m: dict[str, np.ndarray]) -> Rules:
    long, up = m["elbow"] > 100, m["arm_up"]
    out, front = m["arm_out"], m["arm_front"]
    line = (m["arm_y"].max(1) > 0.75) & (m["arm_y"].min(1) < -0.75)
    return [
        ("line", line & long.all(1)), ("up", (up > 0.65).all(1) & (m["arm_y"] > 0.1).all(1)),
        ("reach_down", (long & (m["arm_y"] < -0.7)).all(1) & ((m["tilt"] > 50) & (m["tilt"] < 135))),
        ("past_head", (up > 0.65).all(1)), ("one_up", (long & (up > 0.65)).any(1)),
        ("wide", (long & (out > 0.65)).all(1)), ("behind", (front < -0.5).all(1)),
        ("forward", (long & (front > 0.6)).all(1)), ("along", (long & (up < -0.75)).all(1)),
    ]  # fmt: skip


def _floor_rules(m: dict[str, np.ndarray], held: np.ndarray) -> Rules:
    # Only where the base does not say it already.
    free = np.isin(held, ["on_belly", "split", "on_heels", "sitting", "kneeling", "kneeling_back", "one_knee", "lunge_knee",
                          "half_kneeling", "squat", "one_leg", "wide_stand", "half_squat", "standing"])  # fmt: skip
    head = (m["head_h"] < NEAR_FLOOR) & (free | np.isin(held, ["chest_down", "hips_high", "hips_high_forearms"]))
    hands = (m["hand_h"] < NEAR_FLOOR) & free[:, None]
    return [("head_down", head), ("hands_down", hands.all(1)), ("hand_down", hands.sum(1) == 1)]


def _head_rules(m: dict[str, np.ndarray]) -> Rules:
    # A body on its back or its belly looks up or down anyway.
    turned = np.abs(m["face_y"] - m["chest_y"]) > 0.4
    return [("back", m["bow"] < -45), ("tucked", m["bow"] > 50), ("look_aside", m["aside"] > 0.6),
            ("look_up", (m["face_y"] > 0.6) & turned), ("look_down", (m["face_y"] < -0.6) & turned)]  # fmt: skip
