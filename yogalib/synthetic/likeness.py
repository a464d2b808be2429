"""Poses that look alike, and the parts of the body that tell them apart: what a good activation map should look at."""

from functools import cache

import numpy as np

from yogalib.facts.taxonomy import load_taxonomy
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import load_poses, sample_angles
from yogalib.synthetic.scene import draw_picture
from yogalib.synthetic.shapes import LABEL
from yogalib.synthetic.skeleton import JOINT, mirror, sample_proportions

# the joints at both ends of each part; hands and feet belong to what they end
ENDS = {"torso": ("pelvis", "chest"), "head": ("head", "crown")} | {
    f"{side}_{part}": (f"{side}_{upper}", f"{side}_{lower}")
    for side in "lr"
    for part, upper, lower in (
        ("upper_arm", "shoulder", "elbow"), ("forearm", "elbow", "hand"), ("thigh", "hip", "knee"), ("shin", "knee", "toe"),
    )
}  # fmt: skip


@cache
def _stances() -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return class numbers (C,), and each plain pose's joints (C, J, 3) about the pelvis, as it is and mirrored."""
    poses, folders = load_poses(), load_taxonomy().set_index("class")["folder"].sort_index()
    plain = [poses[folder].postures.take(np.array([0])) for folder in folders]
    pairs = [(pose_bodies(posture).joints[0], pose_bodies(mirror(posture)).joints[0]) for posture in plain]
    joints = np.array(pairs)
    joints = joints - joints[:, :, [JOINT["pelvis"]]] * (1, 0, 1)
    return folders.index.tolist(), joints[:, 0], joints[:, 1]


def nearest_twin(number: int, classes: list[int]) -> tuple[int, list[str]]:
    """Return the pose among `classes` whose joints lie nearest to this one's, on either side, and the parts that differ most.

    Those are the parts that lie at least half as far apart as the one that lies farthest.
    """
    numbers, joints, mirrored = _stances()
    place = {each: row for row, each in enumerate(numbers)}
    apart = [
        (other, np.linalg.norm(joints[place[number]] - theirs[place[other]], axis=1))
        for theirs in (joints, mirrored)
        for other in classes
        if other != number
    ]
    twin, far = min(apart, key=lambda pair: pair[1].mean())
    spread = {part: max(far[JOINT[joint]] for joint in ends) for part, ends in ENDS.items()}
    return twin, [part for part, most in spread.items() if most >= 0.5 * max(spread.values())]


def draw_with_parts(classes: list[int], each: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw `each` pictures of every class: pixels uint8 (N, size, size, 3), parts uint8 (N, size, size), labels (N,) as places."""
    rng, folders = np.random.default_rng([seed, size]), load_taxonomy().set_index("class")["folder"]
    pixels, parts = [], []
    for number in classes:
        postures = sample_angles(load_poses()[folders[number]], rng, each)
        bodies = pose_bodies(postures, sample_proportions(rng, each))
        for row in range(each):
            picture = draw_picture(bodies, row, postures.view[row], rng, (size, size), with_parts=True)
            pixels.append(picture.pixels)
            parts.append(picture.parts)
    return np.stack(pixels), np.stack(parts), np.repeat(np.arange(len(classes)), each)


def telling(parts: np.ndarray, labels: np.ndarray, classes: list[int]) -> np.ndarray:
    """Return where the parts are seen that tell each picture's pose from its nearest twin, bool (N, R, R)."""
    wanted = [[LABEL[part] for part in nearest_twin(number, classes)[1]] for number in classes]
    return np.stack([np.isin(picture, wanted[label]) for picture, label in zip(parts, labels, strict=True)])
