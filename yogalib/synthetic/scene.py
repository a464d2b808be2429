"""One whole picture: background, mat and shadow, the body, what stands before it, and what a camera does to it all."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from yogalib.synthetic.look import Look, colour, sample_look
from yogalib.synthetic.render import Painter, View, look_at, sample_camera
from yogalib.synthetic.skeleton import Bodies

SUPERSAMPLE = 2  # drawn at twice the size, then reduced: smooth edges for less than anti-aliasing costs
# words of posters and watermarks: anything but a pose's name
WORDS = ("BREATHE", "STUDIO", "FLOW", "calm", "day 12", "health", "photo", "free", "stock", "sample", "www", "2019", "MORNING", "strength", "level 1", "class", "body & mind", "wellness", "Tips", "how to", "relax", "15 min", "benefits", "step 3")  # fmt: skip
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)


@cache
def _noise(count: int = 24, side: int = 512) -> np.ndarray:
    """Return fields of grain, float32 (count, side, side), unit variance: drawn once, cut anew for each picture."""
    return np.random.default_rng(0).standard_normal((count, side, side)).astype(np.float32)


def grain(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a cut of grain, (height, width)."""
    field = _noise()[rng.integers(24)]
    while min(field.shape) < max(height, width):
        field = np.tile(field, (2, 2))
    y, x = rng.integers(0, field.shape[0] - height + 1), rng.integers(0, field.shape[1] - width + 1)
    return field[y : y + height, x : x + width]


def clouds(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Return smooth noise, float32 (height, width), about -1..1: fewer cells, larger patches."""
    small = grain(rng, cells, cells)
    return cv2.resize(np.ascontiguousarray(small), (width, height), interpolation=cv2.INTER_CUBIC) * 0.6


def gradient(rng: np.random.Generator, height: int, width: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return a picture, float32 (height, width, 3), that runs from one colour to another in any direction."""
    corners = rng.random((2, 2, 1)) * (second - first) + first
    return cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def background(rng: np.random.Generator, look: Look, height: int, width: int, horizon: int) -> np.ndarray:
    """Return the place where the body is, uint8 (height, width, 3)."""
    if look.style in ("sketch", "silhouette"):
        second = look.paper if rng.random() < 0.6 else colour(rng, 150, 255)
        return gradient(rng, height, width, look.paper, second).astype(np.uint8)
    kind = rng.random()
    if look.style != "photo":
        kind = kind * 0.75  # drawings have plainer grounds
    if kind < 0.25:  # studio
        light = np.full(3, rng.uniform(170, 255)) + rng.uniform(-12, 12, 3)
        return gradient(rng, height, width, light, light * rng.uniform(0.75, 1.05)).clip(0, 255).astype(np.uint8)
    if kind < 0.4:
        return gradient(rng, height, width, colour(rng, 60), colour(rng, 60)).astype(np.uint8)
    canvas = _outdoors(rng, height, width, horizon) if kind > 0.72 else _room(rng, height, width, horizon)
    if look.style == "photo":
        texture = clouds(rng, height, width, int(rng.integers(4, 40))) * rng.uniform(0, 12)
        canvas = canvas + texture[..., None]
        if rng.random() < 0.4:  # out of focus
            canvas = cv2.blur(canvas, (int(rng.integers(3, 17)),) * 2)
    return canvas.clip(0, 255).astype(np.uint8)


def _room(rng: np.random.Generator, height: int, width: int, horizon: int) -> np.ndarray:
    wall, floor = colour(rng, 70, 250), colour(rng, 50, 230)
    wall = wall * 0.5 + rng.uniform(120, 240) * 0.5  # walls are pale
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:horizon], canvas[horizon:] = wall, floor
    for _ in range(rng.integers(0, 5)):  # windows, pictures, furniture, plants
        x, w = rng.integers(0, width), rng.integers(width // 12, width // 2)
        low = int(horizon * rng.uniform(0.3, 1.15))
        high = low - int(rng.uniform(0.1, 0.8) * height)
        tone = tuple(map(float, colour(rng, 30, 255)))
        if rng.random() < 0.25:
            cv2.ellipse(canvas, (int(x), low), (int(w) // 3 + 1, abs(low - high) // 2 + 1), 0, 0, 360, tone, -1)
        else:
            cv2.rectangle(canvas, (int(x), high), (int(x + w), low), tone, -1)
            if rng.random() < 0.5:
                frame = tuple(float(value) * 0.7 for value in tone)
                cv2.rectangle(canvas, (int(x), high), (int(x + w), low), frame, max(1, width // 80))
    if rng.random() < 0.35:  # boards
        for x in range(0, 2 * width, max(4, int(rng.integers(width // 14, width // 4)))):
            cv2.line(
                canvas,
                (x - width // 2 + (x - width) // 2, height),
                (x - width // 2, horizon),
                tuple(map(float, floor * 0.85)),
                1,
            )
    return canvas


def _outdoors(rng: np.random.Generator, height: int, width: int, horizon: int) -> np.ndarray:
    sky = np.array([rng.uniform(120, 235), rng.uniform(150, 230), rng.uniform(180, 255)])
    if rng.random() < 0.25:  # sunrise
        sky = np.array([250, rng.uniform(120, 210), rng.uniform(70, 170)])
    ground = np.array([(90, 130, 60), (200, 180, 140), (110, 100, 90), (60, 110, 140)][rng.integers(4)]) * rng.uniform(
        0.6, 1.25
    )
    canvas = gradient(rng, height, width, sky, sky * 0.75 + 60)
    canvas[horizon:] = gradient(rng, max(height - horizon, 1), width, ground, ground * 0.8)[: height - horizon]
    if rng.random() < 0.65:  # trees, hills, sea
        edge = (
            horizon
            - clouds(rng, 1, width, int(rng.integers(3, 20)))[0] * height * rng.uniform(0.05, 0.3)
            - height * 0.04
        )
        far = np.array([60, 95, 55]) * rng.uniform(0.5, 1.4) + rng.uniform(0, 60)
        rows = np.arange(height)[:, None]
        canvas[(rows > edge) & (rows < horizon)] = far
    canvas += clouds(rng, height, width, int(rng.integers(5, 60)))[..., None] * rng.uniform(2, 14)
    return canvas


def floor_things(rng: np.random.Generator, canvas: np.ndarray, view: View, joints: np.ndarray, look: Look) -> None:
    """Draw the mat and the body's shadow, both lying on the floor."""
    low, high = joints.min(0), joints.max(0)
    if rng.random() < 0.45:
        margin, wide = rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.45)
        middle, half = (low + high) / 2, (high - low) / 2
        along = 0 if half[0] > half[2] else 2
        half[along], half[2 - along] = half[along] + margin, max(wide, half[2 - along] * 0.5)
        corners = np.array([[x, 0, z] for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * half + middle * (1, 0, 1)
        tone = (
            look.ink
            if look.style == "silhouette"
            else look.paper * 0.9
            if look.style == "sketch"
            else colour(rng, 40, 240)
        )
        cv2.fillConvexPoly(canvas, view.project(corners).round().astype(np.int32), tuple(map(float, tone)), cv2.LINE_AA)
    if look.style == "photo" and rng.random() < 0.75:
        near = joints[joints[:, 1] < low[1] + 0.6]
        slide = np.array([rng.normal(0, 0.3), 0, rng.normal(0, 0.3)])
        cast = near * (1, 0, 1) + slide * near[:, 1:2]
        hull = cv2.convexHull(view.project(cast).round().astype(np.int32))
        mask = np.zeros(canvas.shape[:2], np.float32)
        cv2.fillConvexPoly(mask, hull, float(rng.uniform(0.1, 0.6)))
        mask = cv2.blur(mask, (max(3, canvas.shape[1] // 16) | 1,) * 2)
        canvas[:] = canvas * (1 - mask[..., None])


def before_the_body(rng: np.random.Generator, canvas: np.ndarray, look: Look) -> None:
    """Draw what stands before the body or on the print: an occluder, a poster's words, a watermark."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.06:
        corner = (int(rng.uniform(-0.2, 1) * width), int(rng.uniform(0.55, 1.0) * height))
        cv2.ellipse(
            canvas,
            corner,
            (int(rng.integers(width // 12, width // 5)), height // 8),
            0,
            0,
            360,
            tuple(map(float, colour(rng))),
            -1,
        )
    words = int(rng.integers(2, 6)) if look.style == "poster" else int(rng.random() < 0.12)
    if look.style == "poster" and rng.random() < 0.5:
        band = int(height * rng.uniform(0.08, 0.2))
        top = 0 if rng.random() < 0.5 else height - band
        canvas[top : top + band] = colour(rng)
    for _ in range(words):
        place = (
            int(rng.uniform(-0.05, 0.7) * width),
            int((rng.uniform(0.05, 0.2) if rng.random() < 0.5 else rng.uniform(0.85, 1)) * height),
        )
        size = rng.uniform(0.2, 0.75) * height / 192
        tone = tuple(map(float, look.ink if rng.random() < 0.6 else colour(rng)))
        cv2.putText(
            canvas, WORDS[rng.integers(len(WORDS))], place, FONTS[rng.integers(len(FONTS))], size, tone, 1, cv2.LINE_AA
        )


def develop(rng: np.random.Generator, picture: np.ndarray, photo: bool) -> np.ndarray:
    """Do to a picture, uint8, what cameras and web sites do: exposure, cast, vignette, blur, grain, rescaling, JPEG."""
    height, width = picture.shape[:2]
    if photo:
        gain, gamma = rng.uniform(0.75, 1.25), rng.uniform(0.75, 1.35)
        cast = rng.normal(1, 0.05, 3)
        steps = np.linspace(0, 1, 256)[:, None] ** gamma * 255 * gain * cast + rng.uniform(-15, 15)
        picture = cv2.LUT(picture, steps.clip(0, 255).astype(np.uint8)[None])
        if rng.random() < 0.07:
            picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if rng.random() < 0.4:
            noisy = picture + grain(rng, height, width)[..., None] * rng.uniform(1, 10)
            picture = noisy.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        share = rng.uniform(0.45, 0.9)
        small = cv2.resize(
            picture, (max(8, int(width * share)), max(8, int(height * share))), interpolation=cv2.INTER_AREA
        )
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        quality = int(rng.integers(35, 95))
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)
    return picture


@dataclass(frozen=True)
class Picture:
    """A drawn body.

    pixels : uint8 (height, width, 3), RGB. joints : (J, 3), across and down as shares of the picture, and the distance
    from the body's middle towards the camera in metres. parts : uint8 (height, width), what each pixel shows
    (render.LABEL, 0 for none), without the camera's effects; None unless asked for.
    """

    pixels: np.ndarray
    joints: np.ndarray
    parts: np.ndarray | None


def draw_picture(
    bodies: Bodies,
    row: int,
    view: np.ndarray,
    rng: np.random.Generator,
    size: tuple[int, int],
    style: str | None = None,
    with_parts: bool = False,
) -> Picture:
    """Draw one body.

    bodies, row : the body. view : its range of camera azimuths in degrees. size : width, height in pixels.
    style : one of STYLES, or any.
    """
    width, height = size[0] * SUPERSAMPLE, size[1] * SUPERSAMPLE
    look, joints = sample_look(rng, style), bodies.joints[row]
    camera = sample_camera(rng, view, flat=bool(joints[:, 1].max() < 0.55))
    seen = look_at(joints, bodies.radius[row], camera, width, height)
    behind = joints.mean(0) * (1, 0, 1) - seen.turn[2] * (1, 0, 1) * rng.uniform(0.5, 4)
    horizon = int(np.clip(seen.project(behind[None])[0, 1], 0.1 * height, 0.97 * height))
    canvas = background(rng, look, height, width, horizon)
    floor_things(rng, canvas, seen, joints, look)
    parts = np.zeros((height, width), np.uint8) if with_parts else None
    Painter(canvas, seen, look, parts).draw(bodies, row)
    before_the_body(rng, canvas, look)
    pixels = develop(rng, cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), look.style == "photo")
    if with_parts:
        parts = cv2.resize(parts, size, interpolation=cv2.INTER_NEAREST)
    return Picture(pixels, np.column_stack([seen.xy / (width, height), seen.distance - seen.depth]), parts)
