"""What cameras, printers and web sites do to a finished picture."""

import cv2
import numpy as np

from yogalib.synthetic.look import Look, between, colour, pick
from yogalib.synthetic.textures import add_noise, noise

# Words of posters and watermarks: anything but a pose's name.
WORDS = ("BREATHE", "STUDIO", "FLOW", "calm", "day 12", "health", "photo", "free", "stock", "sample", "www", "2019",
         "MORNING", "strength", "level 1", "class", "body & mind", "wellness", "Tips", "how to", "relax", "15 min",
         "benefits", "step 3", "FITNESS", "retreat", "beginners", "hold 30 s", "no. 7", "image id 20481")  # fmt: skip
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)


def write_words(rng: np.random.Generator, picture: np.ndarray, look: Look) -> None:
    """Write a poster's words and lines, or now and then a watermark, on the picture."""
    if look.style == "poster":
        _poster(rng, picture, look)
    elif rng.random() < 0.1:
        height, width = picture.shape[:2]
        place = int(between(rng, 0, 0.6) * width), int(between(rng, 0.2, 0.98) * height)
        mark = picture.copy()
        _word(rng, mark, place, between(rng, 0.2, 0.6), (255, 255, 255) if rng.random() < 0.6 else (60, 60, 60))
        cv2.addWeighted(mark, share := between(rng, 0.3, 1), picture, 1 - share, 0, dst=picture)


def _poster(rng: np.random.Generator, picture: np.ndarray, look: Look) -> None:
    height, width = picture.shape[:2]
    if rng.random() < 0.45:  # a band for the title
        deep = int(height * between(rng, 0.08, 0.2))
        top = 0 if rng.random() < 0.5 else height - deep
        picture[top : top + deep] = colour(rng)
    if rng.random() < 0.2:
        cv2.rectangle(picture, (0, 0), (width - 1, height - 1), colour(rng), 1 + int(width * 0.03 * rng.random()))
    for _ in range(int(1 + 2.5 * rng.random())):
        y = between(rng, 0.06, 0.18) if rng.random() < 0.5 else between(rng, 0.88, 0.99)
        tone = look.ink if rng.random() < 0.6 else colour(rng)
        _word(rng, picture, (int(between(rng, -0.05, 0.6) * width), int(y * height)), between(rng, 0.3, 0.9), tone)
    if rng.random() < 0.35:  # instructions round the figure: too small to read, with a pointer
        for _ in range(int(2 + 6 * rng.random())):
            x, y, wide = (int(rng.random() * width), int(rng.random() * height), int(between(rng, 0.08, 0.2) * width))
            for k in range(int(1 + 3 * rng.random())):
                row = y + k * max(2, height // 45)
                cv2.line(picture, (x, row), (x + int(wide * between(rng, 0.5, 1)), row), (110, 110, 110), 1)
            half_way = ((x + width // 2) // 2, (y + height // 2) // 2)
            cv2.line(picture, (x, y), half_way, look.ink, 1)


def _word(rng: np.random.Generator, picture: np.ndarray, place: tuple, size: float, tone: tuple) -> None:
    word, font = WORDS[int(len(WORDS) * rng.random())], FONTS[int(len(FONTS) * rng.random())]
    cv2.putText(picture, word, place, font, size * picture.shape[0] / 140, tone, 1, cv2.LINE_AA)


def develop(rng: np.random.Generator, picture: np.ndarray, look: Look) -> np.ndarray:
    """Return the picture as it is found on a web site: exposure, cast, vignette, grain, blur, rescaling, JPEG."""
    if look.shaded:
        picture = _camera(rng, picture)
    elif rng.random() < 0.06:
        picture = 255 - picture
    if rng.random() < 0.06:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    height, width = picture.shape[:2]
    kind = pick(rng, {"sharp": 0.55, "small": 0.25, "blur": 0.1, "sharpened": 0.1})
    if kind == "small":
        share = between(rng, 0.45, 0.9)
        small = cv2.resize(picture, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    elif kind == "blur":
        picture = cv2.GaussianBlur(picture, (0, 0), between(rng, 0.4, 1.2) * width / 96)
    elif kind == "sharpened":
        picture = cv2.addWeighted(picture, 1.7, cv2.blur(picture, (3, 3)), -0.7, 0)
    if rng.random() < 0.25:
        coded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, int(between(rng, 30, 95))))[1]
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return picture


def _camera(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if rng.random() < 0.7:
        gain, gamma, lift = between(rng, 0.75, 1.25), between(rng, 0.75, 1.35), between(rng, -12, 18)
        cast = np.array([between(rng, 0.92, 1.08) for _ in range(3)])
        steps = np.linspace(0, 1, 256)[:, None] ** gamma * 255 * gain * cast + lift
        picture = cv2.LUT(picture, steps.clip(0, 255).astype(np.uint8)[None])
    if rng.random() < 0.15:
        edge = np.hypot(*np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]) ** 2 * between(rng, 0.05, 0.35)
        dark = cv2.cvtColor((1 - edge).astype(np.float32), cv2.COLOR_GRAY2RGB)
        picture = cv2.multiply(picture, dark, dtype=cv2.CV_8U)
    if rng.random() < 0.12:  # sun in the lens
        x, y = rng.random() * width, rng.random() * 0.6 * height
        glow = np.zeros((height, width), np.float32)
        cv2.circle(glow, (int(x), int(y)), int(between(rng, 0.1, 0.4) * width) + 1, between(rng, 20, 120), -1)
        wide = int(0.4 * width) | 1
        picture = add_noise(picture, cv2.blur(glow, (wide, wide)), 1.0)
    if rng.random() < 0.4:
        picture = add_noise(picture, noise(rng, height, width, 0), between(rng, 1, 9))
    return picture
