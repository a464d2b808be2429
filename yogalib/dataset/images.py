"""Opening one picture, whatever its bytes claim to be."""

import hashlib
import re
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import imagehash
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000
TEXT_SIDE = 256  # pixels of the longer side at which text is looked for
BAD_EXIF = (SyntaxError, ValueError, KeyError, ZeroDivisionError)  # what Pillow raises on one
HASHED = 128  # pixels of the shorter side, four times what phash looks at, from which a picture is halved before it is hashed
# what may follow a JPEG's first start of scan: data, restarts, the end; of a progressive one also further tables and scans
START, END = b"\xff\xda", b"\xff\xd9"
FOREIGN = {False: re.compile(rb"\xff[^\0\xff\xd0-\xd7]"), True: re.compile(rb"\xff[^\0\xff\xd0-\xd7\xc4\xda]")}
# Pillow only warns, and later than we refuse
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def open_image(path: Path | BinaryIO) -> Image.Image:
    """Return the picture as Pillow has it: RGB, and all else as `decode` says. path : or an open file."""
    return Image.fromarray(decode(path.read_bytes() if isinstance(path, Path) else path.read()))


def decode(content: bytes) -> np.ndarray:
    """Return the picture, uint8 (height, width, 3): RGB, upright (EXIF), transparency laid on white.

    White, because a silhouette drawn in black on a transparent ground would vanish on Pillow's default black.

    Raises PIL.UnidentifiedImageError or OSError for bytes that do not decode, and Image.DecompressionBombError above
    50 megapixels.
    """
    stream = BytesIO(content)
    with Image.open(stream, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
        try:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        except BAD_EXIF:  # it must not cost the picture
            turned = False
        if not turned and _is_plain_jpeg(image, content, stream.tell()):
            # the same library's decoder as Pillow's, so the same pixels, in half the time
            pixels = cv2.imdecode(
                np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
            )
            if pixels is not None and pixels.shape[:2] == (image.height, image.width):
                return pixels
        return np.array(_in_rgb(_upright(image) if turned else image))


def _is_plain_jpeg(image: Image.Image, content: bytes, place: int) -> bool:
    """Return whether OpenCV reads the file as Pillow does. place : where Pillow stopped to read, behind the start of the first scan.

    Of a JPEG that is cut or damaged, OpenCV returns what there is, and Pillow raises; so such a one is Pillow's.
    """
    if image.format != "JPEG" or image.mode != "RGB":
        return False
    foreign = FOREIGN["progressive" in image.info].search(content, content.rfind(START, 0, place) + 2)
    return foreign is not None and content[foreign.start() :] == END


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except BAD_EXIF:
        return image


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def inspect_image(path: Path, take: Callable[[str, np.ndarray], object] | None = None) -> dict:
    """Return what the index says of one file: bytes, sha256, width, height, phash, status, detail. Never raises for bad bytes.

    take : is given the sha256 and the picture, uint8 (height, width, 3). phash : of perceptual_hash. status : kept, or missing, not_an_image, truncated, damaged, too_large.
    """
    found = {"bytes": 0, "sha256": "", "width": 0, "height": 0, "phash": "", "status": "kept", "detail": ""}
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return found | {"status": "missing", "detail": "listed, but not on disk"}
    except OSError as error:
        return found | {"status": "damaged", "detail": f"{type(error).__name__}: {error}"[:200]}
    found |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    pixels, status, detail = judge(content)
    if pixels is None:
        return found | {"status": status, "detail": detail}
    if take is not None:
        take(found["sha256"], pixels)
    height, width, _ = pixels.shape
    return found | {"width": width, "height": height, "phash": perceptual_hash(pixels)}


def judge(content: bytes) -> tuple[np.ndarray | None, str, str]:
    """Return the picture that bytes decode to, or None, with a status as `inspect_image` gives it and a sentence."""
    try:
        return decode(content), "kept", ""
    except UnidentifiedImageError:
        return None, "not_an_image", _kind_of(content)
    except Image.DecompressionBombError as error:
        return None, "too_large", str(error)
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything from SyntaxError to struct.error on bad bytes
        status = "truncated" if "truncated" in str(error).lower() else "damaged"
        return None, status, f"{type(error).__name__}: {error}"[:200]


def perceptual_hash(pixels: np.ndarray) -> str:
    """Return 64 bits that change little when a picture is scaled, recoded or marked, hexadecimal. pixels : uint8 (height, width, 3).

    imagehash.phash of a small grey copy, which takes a fifth of the time and moves a bit or two.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    while min(grey.shape) >= HASHED:  # halving is cheap, and leaves phash's own resizing enough to choose from
        grey = cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return str(imagehash.phash(Image.fromarray(grey)))


def text_share(image: Image.Image) -> float:
    """Return the share of the picture, 0 to 1, that lies under what looks like lines of text.

    Text is a row of close, strong edges: the edges (morphological gradient, Otsu's threshold) are joined sideways, and what becomes
    a long, low, well filled bar is counted as a line. It is fooled by fences and stripes, and blind to single words in large letters.
    """
    scale = TEXT_SIDE / max(image.size)
    small = image.convert("L").resize([max(1, round(scale * side)) for side in image.size], Image.Resampling.BOX)
    edges = cv2.morphologyEx(np.asarray(small), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    _, strong = cv2.threshold(edges, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    joined = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    _, _, bars, _ = cv2.connectedComponentsWithStats(joined)
    width, height, filled = bars[1:, 2], bars[1:, 3], bars[1:, 4]
    line = (width > 2.5 * height) & (height >= 5) & (height <= 0.15 * TEXT_SIDE) & (filled > 0.5 * width * height)
    return float((width * height)[line].sum() / joined.size)


def _kind_of(content: bytes) -> str:
    start = content[:512].lstrip().lower()
    if not content:
        return "empty file"
    if b"<svg" in start:
        return "SVG text"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "a web page or XML"
    return "no known picture format"
