"""Where bodies stand: studios, rooms, gardens, beaches, and grounds that mean nothing. All at the picture's own size."""

from collections.abc import Sequence

import cv2
import numpy as np

from yogalib.synthetic.look import Colour, Look, between, colour, mixed, pick, scaled
from yogalib.synthetic.textures import add_noise, gradient, noise

# Shares by style; a silhouette likes a sky, a drawing a plain ground.
PLACES = {
    "photo": {"white": 0.2, "studio": 0.14, "room": 0.32, "outdoors": 0.2, "foliage": 0.07, "clutter": 0.07},
    "flat": {"white": 0.4, "studio": 0.25, "room": 0.15, "outdoors": 0.1, "clutter": 0.1},
    "sketch": {"paper": 0.8, "white": 0.1, "clutter": 0.1},
    "silhouette": {"paper": 0.45, "white": 0.1, "outdoors": 0.4, "clutter": 0.05},
    "poster": {"white": 0.35, "studio": 0.35, "room": 0.12, "outdoors": 0.1, "clutter": 0.08},
}
WOODS = ((196, 150, 100), (160, 110, 70), (120, 80, 52), (222, 190, 150), (150, 140, 130))
SKIES = ((150, 190, 235), (205, 220, 235), (110, 165, 225), (250, 190, 130), (240, 140, 110), (225, 230, 235))
GROUNDS = ((95, 135, 60), (120, 150, 70), (205, 185, 145), (125, 115, 100), (70, 120, 150), (170, 150, 120))
GREENS = ((60, 95, 45), (40, 75, 35), (95, 130, 60), (70, 90, 75), (120, 125, 60))


def draw_place(
    rng: np.random.Generator,
    look: Look,
    height: int,
    width: int,
    horizon: int,
    photographs: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Return a background, uint8 (height, width, 3); the floor meets what is behind it in row `horizon`.

    photographs : uint8 (h, w, 3) each; a piece of one takes all or half of two in five shaded pictures' backgrounds.
    """
    kind = pick(rng, PLACES[look.style])
    draw = {"room": _room, "outdoors": _outdoors}.get(kind)
    canvas = draw(rng, height, width, horizon) if draw else _ground(rng, kind, look, height, width, horizon)
    if look.style == "photo" and kind not in ("white", "studio"):
        if rng.random() < 0.6:
            canvas = add_noise(canvas, noise(rng, height, width, 1 + int(4 * rng.random())), between(rng, 0, 9))
        if rng.random() < 0.35:  # out of focus
            wide = 1 + int(width * between(rng, 0.01, 0.09))
            canvas = cv2.blur(canvas, (wide, wide))
    if len(photographs) and look.shaded and rng.random() < 0.4:
        canvas = _before_photograph(rng, canvas, horizon, photographs)
    return canvas


def _before_photograph(
    rng: np.random.Generator, canvas: np.ndarray, horizon: int, photographs: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the background with a photograph's piece for all of it, for what is behind the floor, or for the floor."""
    (height, width), kind = canvas.shape[:2], rng.random()
    if kind < 0.4:
        return _piece(rng, photographs, height, width)
    canvas = np.ascontiguousarray(canvas)
    if kind < 0.75 and horizon > 2:
        canvas[:horizon] = _piece(rng, photographs, min(horizon, height), width)
    elif height - horizon > 2:
        canvas[horizon:] = _piece(rng, photographs, height - horizon, width)
    return canvas


def _piece(rng: np.random.Generator, photographs: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Return a piece of a photograph, mirrored, in other colours, blurred and paler now and then: a few serve for many."""
    whole = photographs[int(rng.random() * len(photographs))]
    share = between(rng, 0.25, 1.0)
    high, wide = int(share * whole.shape[0]), int(share * whole.shape[1])
    y, x = int(rng.random() * (whole.shape[0] - high)), int(rng.random() * (whole.shape[1] - wide))
    piece = whole[y : y + high, x : x + wide]
    piece = piece[:, ::-1] if rng.random() < 0.5 else piece
    piece = piece[::-1] if rng.random() < 0.25 else piece
    piece = cv2.resize(np.ascontiguousarray(piece), (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:
        hsv = cv2.cvtColor(piece, cv2.COLOR_RGB2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + int(rng.random() * 180)) % 180
        hsv[..., 1] = (hsv[..., 1] * between(rng, 0.2, 1.3)).clip(0, 255)
        piece = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    if rng.random() < 0.5:
        blur = 1 + 2 * int(width * between(rng, 0.003, 0.03))
        piece = cv2.blur(piece, (blur, blur))
    return cv2.convertScaleAbs(piece, alpha=between(rng, 0.5, 1.1), beta=between(rng, -10, 60))


def _ground(rng: np.random.Generator, kind: str, look: Look, height: int, width: int, horizon: int) -> np.ndarray:
    if kind == "paper":
        return gradient(rng, height, width, look.paper, mixed(look.paper, colour(rng, (0.5, 1)), 0.4 * rng.random()))
    if kind == "white":
        return _white(rng, height, width, horizon)
    if kind == "studio":
        return _studio(rng, height, width, horizon)
    return _foliage(rng, height, width) if kind == "foliage" else _clutter(rng, height, width)


def _white(rng: np.random.Generator, height: int, width: int, horizon: int) -> np.ndarray:
    """Return a cut-out's ground: white, or nearly, now and then with a floor a shade darker."""
    tone = (255.0,) * 3 if rng.random() < 0.65 else colour(rng, (0.9, 1), (0, 0.05))
    canvas = np.full((height, width, 3), tone, np.uint8)
    if rng.random() < 0.25:
        canvas[horizon:] = scaled(tone, between(rng, 0.85, 0.98))
    return canvas


def _studio(rng: np.random.Generator, height: int, width: int, horizon: int) -> np.ndarray:
    """Return one colour under a lamp."""
    tone = colour(rng, (0.6, 1), (0, 0.25)) if rng.random() < 0.6 else colour(rng, (0.15, 0.95), (0.1, 0.9))
    canvas = gradient(rng, height, width, tone, scaled(tone, between(rng, 0.55, 1.1)))
    if rng.random() < 0.5:
        floor = scaled(tone, between(rng, 0.7, 1.15))
        canvas[horizon:] = gradient(rng, height - horizon, width, floor, scaled(floor, 0.9))
        if rng.random() < 0.6:  # the wall runs softly into the floor
            canvas = cv2.blur(canvas, (1, 1 + height // 8))
    return canvas


def _room(rng: np.random.Generator, height: int, width: int, horizon: int) -> np.ndarray:
    """Return a wall, a floor, and what stands between them."""
    pale = rng.random() < 0.75
    wall = colour(rng, (0.7, 1), (0, 0.22)) if pale else colour(rng, (0.2, 0.85), (0.05, 0.7))
    canvas = gradient(rng, height, width, wall, scaled(wall, between(rng, 0.65, 1.0)))
    if rng.random() < 0.18:
        _bricks(rng, canvas, wall)
    for _ in range(int(3.5 * rng.random())):
        _furniture(rng, canvas, horizon)
    _floor(rng, canvas, horizon)
    for _ in range(int(2.2 * rng.random())):
        thing = _plant if rng.random() < 0.5 else _furniture
        thing(rng, canvas, min(horizon + int(between(rng, 0, 0.12) * height), height))
    return canvas


def _floor(rng: np.random.Generator, canvas: np.ndarray, horizon: int) -> None:
    """Draw boards, tiles or carpet, and the skirting."""
    height, width = canvas.shape[:2]
    tone = WOODS[int(len(WOODS) * rng.random())] if rng.random() < 0.6 else colour(rng, (0.3, 0.95), (0, 0.5))
    tone = scaled(tone, between(rng, 0.7, 1.2))
    canvas[horizon:] = gradient(rng, height - horizon, width, tone, scaled(tone, between(rng, 0.75, 1.05)))
    if rng.random() < 0.4:
        cv2.line(canvas, (0, horizon), (width, horizon), scaled(tone, between(rng, 0.6, 1.5)), max(1, height // 70))
    if rng.random() < 0.45:  # boards run away from the camera, or across
        line, step = scaled(tone, between(rng, 0.75, 0.93)), width * between(rng, 0.06, 0.25)
        if rng.random() < 0.6:
            middle = width * between(rng, 0.2, 0.8)
            for k in range(-8, 9):
                ends = (int(middle + k * step), horizon), (int(middle + 3 * k * step), height)
                cv2.line(canvas, *ends, line, 1, cv2.LINE_AA)
        else:
            for k in range(1, 8):
                y = horizon + int((height - horizon) * (k / 7) ** 1.6)
                cv2.line(canvas, (0, y), (width, y), line, 1)


def _bricks(rng: np.random.Generator, canvas: np.ndarray, wall: Colour) -> None:
    height, width = canvas.shape[:2]
    tone, step = scaled(wall, between(rng, 0.75, 0.92)), max(3, int(height * between(rng, 0.03, 0.08)))
    for number, y in enumerate(range(0, height, step)):
        cv2.line(canvas, (0, y), (width, y), tone, 1)
        for x in range((number % 2) * step, width, 2 * step):
            cv2.line(canvas, (x, y), (x, y + step), tone, 1)


def _furniture(rng: np.random.Generator, canvas: np.ndarray, foot: int) -> None:
    """Draw a window, a picture, a curtain, or something with straight edges that stands on the row `foot`."""
    height, width = canvas.shape[:2]
    x, w = int(between(rng, -0.15, 1) * width), int(between(rng, 0.08, 0.45) * width) + 2
    kind = pick(rng, {"window": 0.35, "picture": 0.15, "curtain": 0.15, "stands": 0.35})
    tone = colour(rng, (0.15, 0.95), (0, 0.7))
    if kind == "stands":
        high = foot - int(between(rng, 0.1, 0.55) * height)
        cv2.rectangle(canvas, (x, high), (x + w, foot), tone, -1)
        for k in range(1, int(1 + 4 * rng.random())):  # drawers, shelves, cushions
            y = high + k * (foot - high) // 4
            cv2.line(canvas, (x, y), (x + w, y), scaled(tone, between(rng, 0.6, 1.3)), max(1, height // 60))
        return
    top, low = int(between(rng, -0.1, 0.35) * height), int(between(rng, 0.4, 1.0) * foot)
    if kind == "curtain":
        for k in range(0, w, 4):
            cv2.rectangle(canvas, (x + k, top), (x + k + 3, foot), scaled(tone, between(rng, 0.85, 1.1)), -1)
        return
    glass = colour(rng, (0.8, 1), (0, 0.2)) if kind == "window" and rng.random() < 0.8 else tone
    cv2.rectangle(canvas, (x, top), (x + w, low), glass, -1)
    frame, thick = scaled(tone, between(rng, 0.4, 1.4)), max(1, int(width * between(rng, 0.005, 0.02)))
    cv2.rectangle(canvas, (x, top), (x + w, low), frame, thick)
    if kind == "window":
        for k in range(1, int(1 + 4 * rng.random())):
            cv2.line(canvas, (x + k * w // 4, top), (x + k * w // 4, low), frame, thick)
        if rng.random() < 0.6:
            cv2.line(canvas, (x, (top + low) // 2), (x + w, (top + low) // 2), frame, thick)


def _plant(rng: np.random.Generator, canvas: np.ndarray, foot: int) -> None:
    """Draw a pot and leaves."""
    height, width = canvas.shape[:2]
    x, size = int(between(rng, 0, 1) * width), between(rng, 0.1, 0.3) * height
    pot = int(0.25 * size) + 1
    cv2.rectangle(canvas, (x - pot, foot - 2 * pot), (x + pot, foot), colour(rng, (0.3, 0.95), (0, 0.6)), -1)
    green = GREENS[int(len(GREENS) * rng.random())]
    for _ in range(12):
        angle = between(rng, 20, 160)
        reach = size * between(rng, 0.4, 1)
        side, rise = 0.6 * reach * np.cos(np.radians(angle)), 0.6 * reach * np.sin(np.radians(angle))
        tip = (int(x + side), int(foot - 2 * pot - rise))
        leaf = (int(0.4 * reach) + 1, int(0.12 * size) + 1)
        cv2.ellipse(canvas, tip, leaf, -angle, 0, 360, scaled(green, between(rng, 0.6, 1.5)), -1)


def _outdoors(rng: np.random.Generator, height: int, width: int, horizon: int) -> np.ndarray:
    """Return a sky, what stands before it, and the ground."""
    sky = scaled(SKIES[int(len(SKIES) * rng.random())], between(rng, 0.8, 1.1))
    canvas = gradient(rng, height, width, sky, mixed(sky, (255, 250, 240), between(rng, 0, 0.8)))
    if rng.random() < 0.3:
        centre = (int(rng.random() * width), int(between(rng, 0.1, 1) * horizon))
        cv2.circle(canvas, centre, int(between(rng, 0.03, 0.12) * width) + 1, (255, 245, 215), -1, cv2.LINE_AA)
    if rng.random() < 0.4:
        cloudy = np.maximum(noise(rng, height, width, 4), 0)
        canvas = add_noise(canvas, cloudy, between(rng, 10, 50))
    for _ in range(int(2.6 * rng.random())):
        _ridge(rng, canvas, horizon, sky)
    ground = scaled(GROUNDS[int(len(GROUNDS) * rng.random())], between(rng, 0.65, 1.2))
    canvas[horizon:] = gradient(rng, height - horizon, width, ground, scaled(ground, between(rng, 0.7, 1.1)))
    if rng.random() < 0.7:
        below = canvas[horizon:]
        below[:] = add_noise(below, noise(rng, *below.shape[:2], int(2 * rng.random())), between(rng, 4, 22))
    if rng.random() < 0.25:
        _trunks(rng, canvas, horizon)
    return canvas


def _ridge(rng: np.random.Generator, canvas: np.ndarray, horizon: int, sky: Colour) -> None:
    """Draw hills, a wood or the sea behind the ground."""
    height, width = canvas.shape[:2]
    kind = pick(rng, {"hills": 0.35, "wood": 0.45, "sea": 0.2})
    if kind == "sea":
        tone = scaled((70, 120, 150), between(rng, 0.7, 1.4))
        canvas[max(horizon - int(between(rng, 0.03, 0.2) * height), 0) : horizon] = tone
        return
    line = noise(rng, 1, width, 4 if kind == "hills" else 2)[0]
    crest = horizon - height * (between(rng, 0.05, 0.45) + line * between(rng, 0.02, 0.1))
    green = scaled(GREENS[int(len(GREENS) * rng.random())], between(rng, 0.6, 1.3))
    tone = mixed(green, sky, between(rng, 0.3, 0.8)) if kind == "hills" else green
    where = np.arange(height)[:, None] > crest
    texture = noise(rng, height, width, 1 + int(2 * rng.random())) * (14.0 if kind == "wood" else 2.0)
    canvas[where] = (np.asarray(tone) + texture[where][:, None]).clip(0, 255).astype(np.uint8)


def _trunks(rng: np.random.Generator, canvas: np.ndarray, horizon: int) -> None:
    height, width = canvas.shape[:2]
    for _ in range(int(1 + 4 * rng.random())):
        x, thick = int(rng.random() * width), 1 + int(width * between(rng, 0.01, 0.05))
        lean = x + int(between(rng, -0.08, 0.08) * width)
        tone = scaled((95, 75, 55), between(rng, 0.4, 1.3))
        cv2.line(canvas, (x, horizon + int(0.05 * height)), (lean, 0), tone, thick, cv2.LINE_AA)


def _foliage(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return leaves and light out of focus, wall to wall."""
    first, second = (scaled(GREENS[int(len(GREENS) * rng.random())], between(rng, 0.6, 1.6)) for _ in range(2))
    canvas = gradient(rng, height, width, first, mixed(second, (240, 240, 200), 0.5 * rng.random()))
    for scale in (1, 2, 3):
        canvas = add_noise(canvas, noise(rng, height, width, scale), between(rng, 4, 22))
    return canvas


def _clutter(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return shapes and bars of any colour: whatever a network must learn to look past."""
    canvas = gradient(rng, height, width, colour(rng), colour(rng))
    for _ in range(int(2 + 9 * rng.random())):
        x, y = int(rng.random() * width), int(rng.random() * height)
        a, b = (1 + int(between(rng, 0.02, 0.4) * width) for _ in range(2))
        tone, kind = colour(rng), rng.random()
        if kind < 0.35:
            cv2.rectangle(canvas, (x, y), (x + a, y + b), tone, -1)
        elif kind < 0.7:
            cv2.ellipse(canvas, (x, y), (a, b), 180 * rng.random(), 0, 360, tone, -1)
        else:  # limb-like bars, so that a bar alone is no limb
            cv2.line(canvas, (x, y), (x + a - b, y + a), tone, 1 + b // 4, cv2.LINE_AA)
    return canvas
