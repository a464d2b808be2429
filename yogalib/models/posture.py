"""How a body in a photograph differs from a pose as it is written, part by part, in words: "left knee 35 degrees straighter".

Angles between a skeleton's bones are measured on the body and on bodies that are bent as the pose says and found as BlazePose finds them.
What those bodies show too is no difference: it may be the finder's error.
"""

from dataclasses import dataclass

import numpy as np

from yogalib.models.skeleton import JOINTS
from yogalib.models.written import Spoil, found_on, landmarks_on
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import Pose

# the angle at the middle joint, and what a larger and a smaller one are called
BENDS = {
    "knee": (("hip", "knee", "ankle"), "straighter", "more bent"),
    "elbow": (("shoulder", "elbow", "wrist"), "straighter", "more bent"),
    "hip": (("shoulder", "hip", "knee"), "straighter", "more bent"),
    "arm": (("hip", "shoulder", "elbow"), "further from the body", "closer to the body"),
}
WHOLE = {"legs": ("further apart", "closer together"), "trunk": ("less upright", "more upright")}
SIDES = {"l": "left", "r": "right"}
PARTS = (*(f"{SIDES[side]} {part}" for part in BENDS for side in SIDES), *WHOLE)
BODIES = 200  # of each variant, whose angles say what is usual
# no body of them errs by itself, and none has its sides confused: then left could not be told from right
AS_WRITTEN = Spoil(jitter=0.0, swapped=0.0)
USUAL = (0.1, 0.9)  # quantiles: four in five bodies as written are found between them
_OTHER_SIDE = [*(place ^ 1 for place in range(2 * len(BENDS))), *range(2 * len(BENDS), len(PARTS))]


@dataclass(frozen=True)
class Comparison:
    """A body held against the variant of a pose, and the side of it, that it is nearest to.

    variant : its name, `plain` the first. mirrored : whether left stands for the written right. difference : by how many degrees each
    part's angle is larger, (P,), 0 where bodies as written are found so too.
    """

    variant: str
    mirrored: bool
    difference: np.ndarray

    def words(self, most: int = 3) -> list[str]:
        """Return what differs most, the largest first, to five degrees; left and right are the body's own."""
        places = np.argsort(-abs(self.difference), kind="stable")[:most]
        said = [(PARTS[place], 5 * round(self.difference[place] / 5)) for place in places]
        return [f"{part} {abs(degrees)} degrees {_called(part)[degrees < 0]}" for part, degrees in said if degrees]


def _called(part: str) -> tuple[str, str]:
    """Return what a larger and a smaller angle of a part are called."""
    return WHOLE.get(part) or BENDS[part.partition(" ")[2]][1:]


def angles_of(world: np.ndarray) -> np.ndarray:
    """Measure skeletons, world joints (N, 20, 3) as in yogalib.models.skeleton: the parts' angles in degrees, (N, P), 0 to 180.

    Of the trunk: how far it is from upright. Of the legs: between the thighs.
    """
    at = {name: world[:, place] for place, name in enumerate(JOINTS)}
    found = []
    for three, *_ in BENDS.values():
        for side in SIDES:
            first, middle, last = (at[f"{side}_{name}"] for name in three)
            found.append(_between(first - middle, last - middle))
    found.append(_between(*(at[f"{side}_knee"] - at[f"{side}_hip"] for side in SIDES)))
    trunk = sum(at[f"{side}_shoulder"] - at[f"{side}_hip"] for side in SIDES)
    found.append(_between(trunk, np.broadcast_to([0.0, -1.0, 0.0], trunk.shape)))  # y is down
    return np.stack(found, axis=1)


def _between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angles between vectors (N, 3), degrees (N,)."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.degrees(np.arccos(((first * second).sum(axis=1) / np.maximum(lengths, 1e-9)).clip(-1, 1)))


def compare(world: np.ndarray, pose: Pose, seed: int = 0) -> Comparison:
    """Hold a body, its world joints (20, 3), against a pose: the nearest of its variants, as written or mirrored.

    The nearest is that from whose usual angles the body's are least far, in the mean over the parts. A part differs where it is found
    as hardly any body as written is, and lies beyond the written angle too; by how much, counts from the usual or the written one,
    whichever is nearer.
    """
    measured = angles_of(world[None])[0]
    variants = len(pose.names)
    bodies = pose.postures.take(np.repeat(np.arange(variants), BODIES))
    found = angles_of(found_on(bodies, np.random.default_rng(seed), AS_WRITTEN)[1]).reshape(variants, BODIES, -1)
    exact = angles_of(landmarks_on(pose_bodies(pose.postures)) * (1, -1, -1))
    found, exact = (np.concatenate([each, each[..., _OTHER_SIDE]]) for each in (found, exact))  # (2 V, ...)
    usual = np.median(found, axis=1)
    nearest = int(abs(usual - measured).mean(axis=1).argmin())
    low, high = np.quantile(found[nearest], USUAL, axis=0)
    expected = np.stack([usual[nearest], exact[nearest]])
    within = (measured >= np.minimum(low, exact[nearest])) & (measured <= np.maximum(high, exact[nearest]))
    difference = np.where(within, 0, measured - measured.clip(expected.min(axis=0), expected.max(axis=0)))
    mirrored, variant = divmod(nearest, variants)
    return Comparison(pose.names[variant], bool(mirrored), difference)
