"""Neck, head, face and hair. Offsets and sizes are left, up and ahead in the head's own frame, shares of the body's height."""

import numpy as np

from yogalib.synthetic.shapes import CIRCLE, SHARES, Body, Group, Shape, cross, fixed, hull, unit

_FACE = ("skin", (0, -0.013, 0.009), (0.043, 0.053, 0.046))  # material, offset, half axes
_NOSE = ("skin", (0, -0.014, 0.053), (0.008, 0.012, 0.010))
_MOUTH = ("lips", (0, -0.037, 0.047), (0.012, 0.0045, 0.002))
_BUN = ("hair", (0, 0.055, -0.045), (0.026, 0.026, 0.026))
# Hair that hangs: where from, how long, half its width at three places.
_LOCKS = {
    "ponytail": ((0, 0.025, -0.06), 0.16, (0.022, 0.026, 0.012)),
    "long": ((0, 0, -0.03), 0.13, (0.046, 0.044, 0.025)),
}


def head(body: Body) -> list[Group]:
    """Return the head, and the hair that hangs from it; the cap of hair covers the face when the head looks away."""
    skull, crown, neck = (body.at(name) for name in ("head", "crown", "neck"))
    size = 1.04 * float(np.linalg.norm(crown - skull)) / 0.065
    up = unit(crown - skull)
    ahead = unit(body.face - (body.face @ up) * up)
    axes = np.array([cross(up, ahead), up, ahead]) * size
    centre = skull + 0.1 * (crown - skull)
    xy, _, metre = body.view.see(np.array([neck - 0.3 * (skull - neck), skull]))
    radius = np.array([0.032, 0.028]) * body.height * metre
    stem = hull("head", "skin", xy, radius, radius[1])
    towards = axes @ body.view.turn[2] / size
    hair, features = _hair(body), _features(body, towards)
    blobs = [_FACE, *hair] if towards[2] < -0.35 else [*hair, _FACE, *features]
    whole = Group(body.depth("head", "neck", "crown"), [stem, *_blobs(body, axes, centre, blobs)])
    return [*_locks(body, axes, centre), whole]


def _hair(body: Body) -> list[tuple]:
    """Return the cap of hair and the bun on it: materials, offsets and half axes."""
    style = body.look.hair_style
    full = 1.08 if style == "long" else 1.0
    cap = [("hair", (0, 0.009, -0.008), (0.050 * full, 0.060, 0.054 * full))] if style != "bald" else []
    return [_BUN, *cap] if style == "bun" else cap


def _features(body: Body, towards: np.ndarray) -> list[tuple]:
    """Return nose, ears, eyes, brows and mouth, where they can be seen; towards : the camera's direction, (3,)."""
    side, _, ahead = towards
    blobs = [_NOSE, *(("skin", (s * 0.042, -0.006, -0.004), (0.005, 0.012, 0.009)) for s in (-1, 1) if s * side > 0.3)]
    if not body.look.face:
        return blobs
    for s in (-1, 1):
        if ahead + 0.5 * s * side > 0.25:
            blobs.append(("eye", (s * 0.018, 0.002, 0.048), (0.0075, 0.0042, 0.002)))
            blobs.append(("hair", (s * 0.018, 0.013, 0.048), (0.010, 0.0026, 0.002)))
    return [*blobs, _MOUTH] if ahead > 0.15 else blobs


def _blobs(body: Body, axes: np.ndarray, centre: np.ndarray, blobs: list[tuple]) -> list[Shape]:
    """Return the outlines of ellipsoids; axes (3, 3): left, up and ahead, as long as the body is high."""
    materials, offsets, sizes = zip(*blobs, strict=True)
    xy, _, metre = body.view.see(centre + np.array(offsets) @ axes)
    sizes = np.array(sizes)
    spread = (axes @ body.view.turn[:2].T * (1, -1)) * (sizes * metre[:, None])[:, :, None]  # (blobs, 3, 2)
    square = spread.transpose(0, 2, 1) @ spread
    # The outline is the unit circle times the square root of a symmetric 2 x 2 matrix, known in closed form.
    a, b, d = square[:, 0, 0], square[:, 0, 1], square[:, 1, 1]
    root = np.sqrt(np.maximum(a * d - b * b, 1e-6))
    matrix = (square + root[:, None, None] * np.eye(2)) / np.sqrt(a + d + 2 * root)[:, None, None]
    outlines = fixed(xy[:, None, None] + SHARES * (CIRCLE @ matrix)[:, None])
    relief = np.where(sizes[:, 2] > 0.005, sizes[:, :2].max(1) * 0.8 * body.height * metre, 0.0)
    return [Shape("head", *shape) for shape in zip(materials, outlines, relief.tolist(), strict=True)]


def _locks(body: Body, axes: np.ndarray, centre: np.ndarray) -> list[Group]:
    """Return hair that hangs, no lower than the floor."""
    if body.look.hair_style not in _LOCKS:
        return []
    offset, length, sizes = _LOCKS[body.look.hair_style]
    points = np.repeat((centre + np.array(offset) @ axes)[None], 3, axis=0)
    points[:, 1] = np.maximum(points[:, 1] - np.array([0, 0.5, 1]) * length * body.height, 0.02)
    xy, depth, metre = body.view.see(points)
    radius = np.array(sizes) * body.height * metre
    return [Group(float(depth[1]), [hull("head", "hair", xy, radius, float(radius[0]))])]
