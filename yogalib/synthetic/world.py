"""A folder of drawn bodies that looks to the rest of the project like a downloaded Yoga-82."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from yogalib.dataset.lists import PICKED, SPLIT_FILES
from yogalib.dataset.subsets import POSES
from yogalib.errors import BadInput
from yogalib.facts.paper import load_paper
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.paths import partial_folder, swap_folder
from yogalib.processes import in_parallel
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.look import STYLE_SHARES, between, pick
from yogalib.synthetic.poses import load_poses, sample_angles
from yogalib.synthetic.scene import draw_picture
from yogalib.synthetic.skeleton import JOINTS, Bodies, sample_proportions

FEWEST = 6  # pictures of the rarest class
TEST_SHARE = 0.26  # as in the official lists
COPIES = 0.03  # share of planted near-duplicates
ASPECTS = {1.0: 0.3, 1.33: 0.2, 1.5: 0.28, 1.78: 0.06, 0.75: 0.08, 0.67: 0.08}  # width by height: their shares
SHIFTED_SHARES = {"photo": 0.3, "flat": 0.3, "sketch": 0.14, "silhouette": 0.12, "poster": 0.14}
CLEAN_STYLES = ("photo", "flat")  # what Subset II's curators would keep
# the truth that the audit is held against; hidden, so that the index does not see it
PLANTED = ".planted_duplicates.csv"
# the body in each picture: what a skeleton would be told apart by, were it never seen wrong
BODIES = ".bodies.npz"


def class_sizes(images: int, classes: list[int]) -> dict[int, int]:
    """Return pictures per class, in the proportions of the paper's Appendix A, none below FEWEST."""
    taxonomy, paper = load_taxonomy(), load_paper()["class_counts"]
    weights = np.array([paper[taxonomy["sanskrit"][number]] for number in classes], dtype=float)
    return dict(
        zip(classes, np.maximum(FEWEST, np.round(images * weights / weights.sum())).astype(int).tolist(), strict=True)
    )


def write_world(
    out: Path, images: int, seed: int, classes: list[str] | None = None, size: int = 96, shifted: bool = False
) -> None:
    """Write about `images` pictures of the 82 poses, or of the given folders' poses, and the split lists, into `out`.

    shifted : in other styles and by another camera than usual, as another data set would have them.

    Each class is drawn from a seed of its own, so the same seed gives the same bytes however many processes draw. Among
    the pictures are copies of others, changed as copies on the web are; PLANTED says which. A list of clean pictures of the
    six poses of Subset II lies beside them, as the paper's authors picked one by hand.

    Raises BadInput when `out` is there already, or a class is unknown.
    """
    if out.exists():
        raise BadInput(f"{out} is there already: choose another folder, or delete it")
    folders = load_taxonomy().set_index("folder")["class"]
    unknown = [name for name in classes or [] if name not in folders]
    if unknown:
        raise BadInput(f"unknown class {', '.join(unknown)}: give official folder names (yogalib/facts/taxonomy.csv)")
    sizes = class_sizes(images, [int(folders[name]) for name in classes or folders.index])
    partial = partial_folder(out)
    pieces = [(partial, number, count, seed, size, shifted) for number, count in sizes.items()]
    rows = pd.concat(in_parallel(_write_class, pieces, "draw", "class"))
    for split, name in SPLIT_FILES.items():
        lines = rows.loc[rows["split"] == split, "line"]
        (partial / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    copies = rows.loc[rows["original"] != "", ["path", "original", "kind"]]
    copies.to_csv(partial / PLANTED, index=False)
    rows.loc[rows["picked"], ["sha256"]].to_csv(partial / PICKED, index=False)
    np.savez_compressed(partial / BODIES, sha256=rows["sha256"].to_numpy(str), body=np.stack(rows["body"]))
    swap_folder(partial, out)


def planted_twins(folder: Path) -> set[frozenset[str]]:
    """Return the pairs of paths of a drawn world that are copies of one another; none for a folder of real pictures."""
    if not (folder / PLANTED).is_file():
        return set()
    copies = pd.read_csv(folder / PLANTED)
    families = [[original, *group["path"]] for original, group in copies.groupby("original")]
    return {frozenset(pair) for family in families for pair in combinations(family, 2)}


def drawn_bodies(folder: Path, sha256: Sequence[str]) -> tuple[Bodies, np.ndarray, np.ndarray]:
    """Return the bodies in N pictures of a drawn world, where the camera turned, (N, 3, 3) as of camera.View, and how far it was, (N,).

    Of the bodies only joints and face are kept. Raises BadInput when the world was drawn by an earlier version, which kept none.
    """
    if not (folder / BODIES).is_file():
        raise BadInput(f"{folder} was drawn before bodies were kept: delete it, and it is drawn anew")
    with np.load(folder / BODIES) as kept:
        place = pd.Series(range(len(kept["sha256"])), kept["sha256"])
        rows = kept["body"][place[~place.index.duplicated()][list(sha256)]]
    joints, face, turn, distance = np.split(rows, np.cumsum([3 * len(JOINTS), 3, 9]), axis=1)
    nothing = np.empty((len(rows), 0))
    bodies = Bodies(joints.reshape(-1, len(JOINTS), 3), nothing, face, nothing, nothing)
    return bodies, turn.reshape(-1, 3, 3), distance[:, 0]


def _write_class(out: Path, number: int, count: int, seed: int, size: int, shifted: bool) -> pd.DataFrame:
    """Write one class and return its rows.

    Columns: path, split, line (of the split list), original and kind (of copies), picked (for Subset II), sha256, body (float32, (K,)).
    """
    cv2.setNumThreads(1)
    row = load_taxonomy().loc[number]
    rng = np.random.default_rng([seed, number])
    (out / row["folder"]).mkdir()
    postures = sample_angles(load_poses()[row["folder"]], rng, count)
    bodies = pose_bodies(postures, sample_proportions(rng, count))
    names = np.sort(rng.choice(np.arange(1, 2 * count + 1), count, replace=False))
    copied = rng.random(count) < COPIES
    copied[: FEWEST // 2] = False  # a copy needs something to be a copy of
    in_test = np.zeros(count, bool)
    in_test[rng.permutation(count)[: max(1, round(TEST_SHARE * count))]] = True
    rows, drawn = [], []
    for place in range(count):
        if copied[place]:
            original, pixels, encoded, body = drawn[rng.integers(len(drawn))]
            kind, content, ending = _copy(pixels, encoded, rng)
        else:
            original, kind = "", ""
            style = pick(rng, SHIFTED_SHARES if shifted else STYLE_SHARES)
            form = _format(size, rng)
            picture = draw_picture(bodies, place, postures.view[place], rng, form, style, near=shifted)
            pixels, view = picture.pixels, picture.seen
            body = np.hstack([*map(np.ravel, (bodies.joints[place], bodies.face[place], view.turn)), view.distance])
            ending = ".png" if rng.random() < 0.08 else ".jpg"
            content = _encode(pixels, ending, int(rng.integers(75, 96)))
        path = f"{row['folder']}/{names[place]}{ending}"
        if not original:
            drawn.append((path, pixels, (content, ending), body))
        (out / path).write_bytes(content)
        split = "test" if in_test[place] else "train"
        line = f"{path},{row['l1']},{row['l2']},{number}"
        picked = row["sanskrit"] in POSES and not original and style in CLEAN_STYLES
        rows.append((path, split, line, original, kind, picked, sha256(content).hexdigest(), body.astype(np.float32)))
    return pd.DataFrame(rows, columns=["path", "split", "line", "original", "kind", "picked", "sha256", "body"])


def _format(size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw width and height: square, landscape or portrait, the shorter side about `size`."""
    short, aspect = between(rng, 0.9, 1.25) * size, pick(rng, ASPECTS)
    return round(short * max(aspect, 1)), round(short / min(aspect, 1))


def _encode(pixels: np.ndarray, ending: str, quality: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if ending == ".jpg" else []
    return cv2.imencode(ending, pixels[:, :, ::-1], options)[1].tobytes()


def _copy(pixels: np.ndarray, encoded: tuple[bytes, str], rng: np.random.Generator) -> tuple[str, bytes, str]:
    """Return a copy as the web makes them: its kind, bytes and ending."""
    kind = ("exact", "recoded", "scaled", "cropped", "marked")[rng.integers(5)]
    if kind == "exact":
        return kind, *encoded
    height, width = pixels.shape[:2]
    if kind == "scaled":
        pixels = cv2.resize(pixels, None, fx=(share := rng.uniform(0.8, 1.5)), fy=share, interpolation=cv2.INTER_AREA)
    elif kind == "cropped":
        top, left = round(height * rng.uniform(0.01, 0.04)), round(width * rng.uniform(0.01, 0.04))
        pixels = np.ascontiguousarray(pixels[top : height - top, left : width - left])
    elif kind == "marked":
        pixels = cv2.putText(
            pixels.copy(), "www", (2, height - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1, cv2.LINE_AA
        )
    return kind, _encode(pixels, ".jpg", int(rng.integers(45, 75))), ".jpg"
