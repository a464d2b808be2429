"""Opening one picture, whatever its bytes claim to be."""

import hashlib
import warnings
from io import BytesIO
from pathlib import Path

import imagehash
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000
# Pillow only warns, and later than we refuse
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def open_image(path: Path | BytesIO) -> Image.Image:
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
    """Return what the index says of one file: bytes, sha256, width, height, phash, status, detail. Never raises for bad bytes.

    phash : 64-bit perceptual hash, hexadecimal (imagehash.phash).
    status : kept, or missing, not_an_image, truncated, damaged, too_large.
    """
    found = {"bytes": 0, "sha256": "", "width": 0, "height": 0, "phash": "", "status": "kept", "detail": ""}
    try:
        content = path.read_bytes()
        found |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        image = open_image(path)
    except FileNotFoundError:
        return found | {"status": "missing", "detail": "listed, but not on disk"}
    except UnidentifiedImageError:
        return found | {"status": "not_an_image", "detail": _kind_of(content)}
    except Image.DecompressionBombError as error:
        return found | {"status": "too_large", "detail": str(error)}
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything from SyntaxError to struct.error on bad bytes
        status = "truncated" if "truncated" in str(error).lower() else "damaged"
        return found | {"status": status, "detail": f"{type(error).__name__}: {error}"[:200]}
    return found | {"width": image.width, "height": image.height, "phash": str(imagehash.phash(image))}


def _kind_of(content: bytes) -> str:
    start = content[:512].lstrip().lower()
    if not content:
        return "empty file"
    if b"<svg" in start:
        return "SVG text"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "a web page or XML"
    return "no known picture format"
