"""Pictures become the pixels that Pillow and CLIP's own preprocessing make of them, in less time, and are decoded once."""

import random
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import imagehash
import numpy as np
import pytest
from conftest import run_python, write_photos
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from yogalib.dataset import images, pixels
from yogalib.dataset.images import decode, judge, open_image, perceptual_hash
from yogalib.dataset.index import refresh_index
from yogalib.dataset.pixels import Ahead, Source, to_pixels
from yogalib.dataset.subsets import select_subset
from yogalib.models.encoders import import_clip


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """Edges, slopes and a little noise, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    noise = rng.normal(0, 6, (height, width, 3))
    edges = 40 * (np.add.outer(np.arange(height), np.arange(width)) // 17 % 2)[..., None]
    return Image.fromarray((np.asarray(coarse) + noise + edges).clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, kind: str, **more) -> bytes:
    file = BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(photograph(90, 70), "JPEG", exif=exif)


def every_kind() -> dict[str, bytes]:
    """A file of each kind that scrapes have."""
    photo, half_clear = photograph(331, 247), photograph(120, 90)
    half_clear.putalpha(Image.linear_gradient("L").resize((120, 90)))
    few = photograph(120, 90).quantize(40)
    deep = Image.fromarray(np.linspace(0, 65535, 90 * 120).reshape(90, 120).astype(np.uint16))
    broken_exif = saved(photo, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    return {
        **{f"JPEG 4:{name}": saved(photo, "JPEG", subsampling=n) for n, name in enumerate(("4:4", "2:2", "2:0"))},
        "JPEG of odd size": saved(photograph(33, 65), "JPEG"),
        "progressive JPEG": saved(photo, "JPEG", progressive=True, quality=60),
        "JPEG with restarts": saved(photo, "JPEG", restart_marker_blocks=3),
        "JPEG coded as RGB": saved(photo, "JPEG", keep_rgb=True),
        "JPEG and bytes behind it": saved(photo, "JPEG") + b"<!-- and more -->",
        "grey JPEG": saved(photo.convert("L"), "JPEG"),
        "CMYK JPEG": saved(photo.convert("CMYK"), "JPEG"),
        **{f"JPEG turned, EXIF {orientation}": turned(orientation) for orientation in range(1, 9)},
        "JPEG with broken EXIF": broken_exif,
        "PNG": saved(photo, "PNG"),
        "PNG of 16 bits": saved(deep, "PNG"),
        "PNG of one bit": saved(photo.convert("1"), "PNG"),
        "PNG half clear": saved(half_clear, "PNG"),
        "grey PNG half clear": saved(half_clear.convert("LA"), "PNG"),
        "PNG with a palette": saved(few, "PNG"),
        "PNG with a palette, a colour clear": saved(few, "PNG", transparency=3),
        "GIF": saved(few, "GIF"),
        "WEBP": saved(photo, "WEBP"),
        "BMP": saved(photo, "BMP"),
        "one pixel": saved(Image.new("RGB", (1, 1), "red"), "JPEG"),
        "tiny": saved(photograph(5, 3), "PNG"),
        "very wide": saved(photograph(900, 14), "JPEG"),
        "very tall": saved(photograph(14, 900), "JPEG"),
    }


KINDS = every_kind()


def by_pillow(content: bytes) -> Image.Image:
    """The picture as the plain way opens it."""
    image = Image.open(BytesIO(content))
    with suppress(SyntaxError, ValueError, KeyError):
        image = ImageOps.exif_transpose(image)
    if "A" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image.convert("RGB")


def square_by_pillow(image: Image.Image, side: int, fit: str) -> np.ndarray:
    if fit == "pad":
        return np.asarray(ImageOps.pad(image, (side, side), Image.Resampling.BICUBIC, color="white"))
    resize, crop = import_clip().clip._transform(side).transforms[:2]
    return np.asarray(crop(resize(image)))


def assert_alike(ours: np.ndarray, theirs: np.ndarray, equal: float) -> None:
    apart = np.abs(ours.astype(int) - theirs)
    assert apart.max() <= 2
    assert (apart == 0).mean() >= equal


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_decoded_as_pillow_does_and_fitted_nearly_so(kind):
    theirs = by_pillow(KINDS[kind])
    assert np.array_equal(decode(KINDS[kind]), np.asarray(theirs))
    assert np.array_equal(np.asarray(open_image(BytesIO(KINDS[kind]))), np.asarray(theirs))
    for side, fit in ((64, "crop"), (64, "pad"), (224, "crop"), (224, "pad")):
        if kind == "very wide" and fit == "pad" and side == 64:  # Pillow refuses to make it less than a pixel high
            continue
        assert_alike(to_pixels(theirs, side, fit), square_by_pillow(theirs, side, fit), equal=0.98)


def test_plain_jpegs_take_the_fast_way_and_others_pillows(monkeypatch):
    fast = []
    real = images.cv2.imdecode
    monkeypatch.setattr(images.cv2, "imdecode", lambda *given: fast.append(kind) or real(*given))
    for kind, content in KINDS.items():  # noqa: B007 - the lambda looks at it
        decode(content)
    assert {"JPEG 4:2:0", "progressive JPEG", "JPEG with restarts", "JPEG turned, EXIF 1"} <= set(fast)
    assert not set(fast) & {"grey JPEG", "CMYK JPEG", "JPEG turned, EXIF 6", "JPEG and bytes behind it", "PNG", "WEBP"}


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([64, 96, 224]), st.sampled_from(["crop", "pad"]))
@settings(deadline=None, max_examples=60)
def test_any_size_has_pillows_geometry(width, height, side, fit):
    image = photograph(width, height)
    if max(width, height) > 40 * min(width, height):
        return
    # a picture of a few pixels, enlarged, repeats each difference
    assert_alike(to_pixels(image, side, fit), square_by_pillow(image, side, fit), equal=0.97)


def test_strip_of_less_than_a_pixel_is_padded_to_one():
    assert (to_pixels(Image.new("RGB", (1000, 1), "black"), 64, "pad")[31:33] == 0).any()


def test_real_photographs_become_pillows_pixels(shared):
    files = (
        sorted((shared / "yoga82-photos").rglob("*.jpg"))[::90] + sorted((shared / "yoga-photos").rglob("*.jp*g"))[::12]
    )
    for file in files:
        image = by_pillow(file.read_bytes())
        assert np.array_equal(decode(file.read_bytes()), np.asarray(image)), file
        for fit in ("crop", "pad"):
            assert_alike(to_pixels(image, 224, fit), square_by_pillow(image, 224, fit), equal=0.99)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Bytes changed, taken out, put in, zeroed, cut off, or cut off and ended well."""
    place, broken = chance.randrange(len(content)), bytearray(content)
    match chance.randrange(6):
        case 0:
            for _ in range(chance.randrange(1, 20)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
        case 1:
            del broken[place : place + chance.randrange(1, 3000)]
        case 2:
            broken[place:place] = chance.randbytes(chance.randrange(1, 300))
        case 3:
            broken[place : place + 200] = bytes(len(broken[place : place + 200]))
        case 4:
            del broken[place:]
        case 5:
            broken[place:] = b"\xff\xd9"
    return bytes(broken)


@pytest.mark.parametrize("kind", ["JPEG 4:2:0", "progressive JPEG", "JPEG with restarts"])
def test_damaged_file_has_the_status_and_pixels_that_pillow_gives_it(kind, monkeypatch):
    chance = random.Random(kind)
    contents = [damaged(KINDS[kind], chance) for _ in range(150)]
    ours = [judge(content) for content in contents]
    monkeypatch.setattr(images, "_is_plain_jpeg", lambda *_: False)
    for (picture, *verdict), content in zip(ours, contents, strict=True):
        theirs, *their_verdict = judge(content)
        assert verdict == their_verdict
        assert np.array_equal(picture, theirs) if theirs is not None else picture is None
    assert {verdict[0] for _, *verdict in ours} >= {"kept", "damaged", "truncated"}


def test_hash_is_imagehashs_but_for_a_bit_or_two():
    for seed, size in enumerate([(331, 247), (64, 64), (40, 300), (20, 9), (1, 1), (1600, 900)]):
        picture = photograph(*size, seed)
        apart = int(perceptual_hash(np.asarray(picture)), 16) ^ int(str(imagehash.phash(picture)), 16)
        assert apart.bit_count() <= 4


@pytest.fixture
def indexed(tmp_path):
    """Photos of which one is too small and one is there twice, their index with pixels made ahead, and what was decoded."""
    folder = write_photos(tmp_path / "photos")
    first = min(folder.rglob("*.jpg"))
    Image.new("RGB", (16, 16)).save(first.with_name("icon.jpg"))
    first.with_name("same.jpg").write_bytes(first.read_bytes())
    ahead = Ahead([32, 48], "pad", tmp_path / "cache")
    index = refresh_index(folder, 64, None, tmp_path / "index.parquet", ahead)
    ahead.keep(select_subset(index, "all"))
    return Source(folder, tmp_path / "index.parquet", tmp_path / "cache", "pad"), select_subset(index, "all")


def test_pictures_that_the_index_read_are_not_decoded_again(indexed, monkeypatch):
    source, rows = indexed
    again = [to_pixels(decode((source.folder / path).read_bytes()), 48, "pad") for path in rows["path"]]
    monkeypatch.setattr(pixels, "decode", None)
    assert np.array_equal(source.pixels(rows, 48), np.stack(again))
    assert source.pixels(rows[5:9], 32).shape == (4, 32, 32, 3)
    assert len(rows) == 37
    assert {file.suffix for file in source.cache.iterdir()} == {".npy", ".lock"}  # the passing files have gone


def test_folder_that_changed_is_decoded_when_its_pixels_are_asked_for(indexed, tmp_path):
    source, rows = indexed
    photograph(80, 80).save(source.folder / Path(rows["path"].iloc[0]).parent / "new.jpg")
    ahead = Ahead([32], "pad", source.cache)
    index = refresh_index(source.folder, 64, None, source.index, ahead)
    made = set(source.cache.glob("*.npy"))
    ahead.keep(select_subset(index, "all"))
    assert set(source.cache.glob("*.npy")) == made
    assert len(source.pixels(select_subset(index, "all"), 32)) == 38


def test_index_of_another_folder_in_its_place_gives_no_other_pixels(indexed, tmp_path):
    """One profile run on two folders at a time: the later one's index lies where the earlier one's was."""
    source, rows = indexed
    right = source.pixels(rows.iloc[3:8], 32)
    other = tmp_path / "other"
    for number in range(40):
        pose = other / ("Tree Pose", "Boat Pose")[number % 2]
        pose.mkdir(parents=True, exist_ok=True)
        photograph(90, 80, seed=number).save(pose / f"{number}.jpg")
    refresh_index(other, 64, None, source.index)
    assert np.array_equal(source.pixels(rows.iloc[3:8], 32), right)


def test_pixels_are_made_ahead_only_where_that_saves_time(tmp_path, monkeypatch):
    ahead = Ahead([32], "pad", tmp_path)
    monkeypatch.delitem(pixels.sys.modules, "torch")
    assert not ahead.pays(10**6)
    assert ahead.pays(10**9)
    assert not Ahead([], "pad", tmp_path).pays(10**9)


def test_index_is_made_without_torch(photos, tmp_path):
    told = run_python(
        "import sys; from pathlib import Path; from yogalib.dataset.index import build_index\n"
        f"build_index(Path({str(photos)!r}), 64); print('torch' in sys.modules)"
    )
    assert told == "False\n"


@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 300), (150, 150)])
def test_crop_holds_all_joints_with_a_margin_and_stays_square(width, height):
    rng = np.random.default_rng(0)
    for _ in range(30):
        joints = rng.uniform(-0.1, 1.1, (33, 2)).round(2) * (width, height) * rng.uniform(0.2, 1)
        picture = np.full((height, width, 3), 90, np.uint8)
        inside = joints[((joints >= 0) & (joints < (width, height))).all(axis=1)].astype(int)
        picture[inside[:, 1], inside[:, 0]] = np.arange(len(inside))[:, None] + 100  # each its own grey
        square = pixels.square_around(picture, (*joints.min(axis=0), *joints.max(axis=0)))
        assert square.shape[0] == square.shape[1]
        assert set(picture[inside[:, 1], inside[:, 0], 0]) <= set(square[..., 0].ravel())
        rows, columns = np.nonzero((square[..., 0] >= 100) & (square[..., 0] < 200))
        least = min(rows.min(), columns.min(), *(len(square) - 1 - each.max() for each in (rows, columns)))
        longer = max(np.ptp(joints[:, axis].clip(0, most)) for axis, most in enumerate((width, height)))
        assert least >= pixels.MARGIN * longer - 2


def test_what_lies_beyond_the_border_of_a_crop_is_white():
    square = pixels.square_around(np.zeros((100, 60, 3), np.uint8), (20, 0, 40, 100))
    assert square.shape == (130, 130, 3)
    assert (square[:15] == 255).all() and (square[-15:] == 255).all() and (square[:, :35] == 255).all()
    assert (square[15:115, 35:95] == 0).all()


def test_photograph_without_a_person_is_whole():
    picture = np.array(photograph(90, 60))
    assert np.array_equal(to_pixels(picture, 48, "person", None), to_pixels(picture, 48, "pad"))
    assert np.array_equal(to_pixels(picture, 48, "person", (-50, -50, -9, -9)), to_pixels(picture, 48, "pad"))
    assert not np.array_equal(to_pixels(picture, 48, "person", (30, 20, 50, 40)), to_pixels(picture, 48, "pad"))


def test_crops_are_made_once_and_kept_apart_from_whole_pictures(indexed):
    source, rows = indexed
    asked = []

    def find(content: bytes) -> pixels.Box | None:
        asked.append(content)
        return (10, 10, 30, 30) if len(content) % 2 else None

    cropped = replace(source, fit="person", find=find)
    made = cropped.pixels(rows, 48)
    contents = [(source.folder / path).read_bytes() for path in rows["path"]]
    assert sorted(asked) == sorted(contents)
    whole = source.pixels(rows, 48)
    alike = [np.array_equal(one, other) for one, other in zip(made, whole, strict=True)]
    assert alike == [len(content) % 2 == 0 for content in contents]
    assert np.array_equal(cropped.pixels(rows, 48), made) and len(asked) == len(contents)
    assert np.array_equal(cropped.see(contents[0], 48), made[0])
