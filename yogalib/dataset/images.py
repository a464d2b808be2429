"""Opening one picture, whatever its bytes claim to be."""

import hashlib
import warnings
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import imagehash
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000
TEXT_SIDE = 256  # pixels of the longer side at which text is looked for
# Pillow only warns, and later than we refuse
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def open_image(path: Path | BinaryIO) -> Image.Image:
    """Return the picture as RGB, fully decoded, upright (EXIF), transparency laid on white.

    White, because a silhouette drawn in black on a transparent ground would vanish on Pillow's default black.

    Raises PIL.UnidentifiedImageError or OSError for bytes that do not decode, and Image.DecompressionBombError above
    50 megapixels.
    """
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
        # JPEG orientation matters before anything else; a broken EXIF block must not cost the picture
        try:
            upright = ImageOps.exif_transpose(image)
        except (SyntaxError, ValueError, KeyError, ZeroDivisionError):
            upright = image
        if upright.mode == "RGB":
            upright.load()
            return upright
        if "A" in upright.getbands() or "transparency" in upright.info:
            rgba = upright.convert("RGBA")
            white = Image.new("RGBA", rgba.size, "white")
            return Image.alpha_composite(white, rgba).convert("RGB")
        return upright.convert("RGB")


def inspect_image(path: Path) -> dict:
    """Return what the index says of one file: bytes, sha256, width, height, phash, text, status, detail. Never raises for bad bytes.

    phash : 64-bit perceptual hash, hexadecimal (imagehash.phash). text : of text_share.
    status : kept, or missing, not_an_image, truncated, damaged, too_large.
    """
    found = {"bytes": 0, "sha256": "", "width": 0, "height": 0, "phash": "", "text": 0.0}
    found |= {"status": "kept", "detail": ""}
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return found | {"status": "missing", "detail": "listed, but not on disk"}
    except OSError as error:
        return found | {"status": "damaged", "detail": f"{type(error).__name__}: {error}"[:200]}
    found |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    image, status, detail = judge(content)
    if image is None:
        return found | {"status": status, "detail": detail}
    found |= {"width": image.width, "height": image.height}
    return found | {"phash": str(imagehash.phash(image)), "text": text_share(image)}


def judge(content: bytes) -> tuple[Image.Image | None, str, str]:
    """Return the picture that bytes decode to, or None, with a status as `inspect_image` gives it and a sentence."""
    try:
        return open_image(BytesIO(content)), "kept", ""
    except UnidentifiedImageError:
        return None, "not_an_image", _kind_of(content)
    except Image.DecompressionBombError as error:
        return None, "too_large", str(error)
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything from SyntaxError to struct.error on bad bytes
        status = "truncated" if "truncated" in str(error).lower() else "damaged"
        return None, status, f"{type(error).__name__}: {error}"[:200]


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
