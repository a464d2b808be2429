"""Published weights, OpenAI's encoders, ultralytics' YOLO and MediaPipe's BlazePose: where they are, how they are fetched, and what they are held against."""

import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from yogalib.errors import BadInput
from yogalib.models.checkpoints import (
    archive_digests,
    converted,
    import_clip,
    open_archive,
    read_weights,
    sha256_of,
    stand_ins,
    write_converted,
)
from yogalib.paths import write_whole
from yogalib.profile import Yolo

YOLO_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
# ultralytics publishes no digests. That of n is the one that four public projects pin, between them for the releases v8.2.0,
# v8.3.0 and v8.4.0; those of m and x stand in one public repository's Git LFS pointers, with sizes that fit the same release.
# None: found nowhere (November 2026), so it is recorded when the file is first seen, and held against that from then on.
YOLO = {
    "yolov8n-cls.pt": "11fa19f2aea79bc960d680a13f82f22105982b325eb9e17a4a5e1a9f8245980a",
    "yolov8s-cls.pt": None,
    "yolov8m-cls.pt": "864010e833b46be542ed849b2eb0fdacf51e4679dc677c18dcc4505244d08ec1",
    "yolov8l-cls.pt": None,
    "yolov8x-cls.pt": "78eee110c8dddafcd5b0b7742eba9a351f117a2f67944c86019bd53138f00954",
}
# ours, in the place of published ones (yogalib.tools.pretrain_yolo)
MINI_YOLO = Path(__file__).parent / "mini" / "yolov8n-cls-mini.safetensors"
# Detector and full landmark model (Apache-2.0) lie in a wheel that any package index has. It is unpacked and never installed: it
# pins an old numpy, and there is none for a newer Python, so that of one system and Python is taken everywhere.
MEDIAPIPE = "mediapipe==0.10.21"
WHEEL = {"--python-version": "3.12", "--platform": "manylinux_2_28_x86_64", "--only-binary": ":all:"}
BLAZEPOSE = {
    "pose_detection.tflite": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
}
CLIP_CACHE = Path("~/.cache/clip")  # where clip.load keeps OpenAI's archives


@dataclass(frozen=True)
class Published:
    """A file of weights on the web. file : its published name. sha256 : None where it is not known."""

    file: str
    url: str
    sha256: str | None


def published(name: str) -> Published:
    """Return where weights are published: an encoder by clip's own table, YOLO or BlazePose. Raises BadInput for another name."""
    if name == "blazepose":
        return Published(MEDIAPIPE, "the package index", None)
    if name in YOLO:
        return Published(name, f"{YOLO_RELEASE}/{name}", _yolo_digest(name))
    urls = import_clip().clip._MODELS
    if name not in urls:
        raise BadInput(f"no weights named '{name}' are published: choose {', '.join([*urls, *YOLO, 'blazepose'])}")
    return Published(archive_name(name), urls[name], archive_digests()[archive_name(name)])


def archive_name(encoder: str) -> str:
    """Return the published file's name of one of OpenAI's encoders: ViT-B-32.pt for ViT-B/32."""
    return encoder.replace("/", "-").replace("@", "-") + ".pt"


def find_encoder(name: str, weights: Path) -> Path | None:
    """Return the file of one of OpenAI's encoders: its tensors, else the archive, in `weights` or where clip.load keeps it."""
    archive = archive_name(name)
    places = [converted(archive, weights), weights / archive, CLIP_CACHE.expanduser() / archive]
    return next((file for file in places if file.is_file()), None)


def weights_of(settings: Yolo, weights: Path) -> str:
    """Return what YOLO starts from: the path of published weights or of ours, or the name of a shape to fill at random.

    Raises BadInput for another name; when the weights are not there, since ultralytics would fetch them without asking; and when they
    are not those that were published or first seen.
    """
    if settings.model == MINI_YOLO.stem:
        if MINI_YOLO.is_file():
            return str(MINI_YOLO)
        raise BadInput(
            f"weights of {settings.model} do not come with this version: make them with 'make pretrain-yolo'"
        )
    if settings.model.endswith((".yaml", ".yml")):
        return settings.model
    if not settings.model.endswith(".pt"):
        raise BadInput(
            f"yolo.model '{settings.model}' is unknown: give {MINI_YOLO.stem}, a file of weights such as yolov8n-cls.pt, or "
            "a shape such as yolov8n-cls.yaml, for random weights"
        )
    file = weights / settings.model
    if not file.is_file():
        fetch = f"run 'python -m yogalib weights {file.name}', or " if file.name in YOLO else ""
        raise BadInput(f"weights of {file.name} not found: {fetch}put ultralytics' file into {weights}")
    _check_yolo(file)
    return str(file.resolve())


def start_digest(settings: Yolo, weights: Path) -> str | None:
    """Return what stands for the weights that YOLO starts from in a run's configuration, 16 hexadecimal digits; None for a shape."""
    start = weights_of(settings, weights)
    return sha256_of(Path(start))[:16] if Path(start).is_file() else None


def bring_weights(name: str, weights: Path, source: Path | None = None) -> Path:
    """Put published weights into `weights`, checked, and return their file.

    OpenAI's archives are opened here, once, and kept as safetensors; what was downloaded is deleted then, what the user has never.

    source : for machines without internet, a folder with the file under its published name, or as another machine keeps it. The
    two files of BlazePose lie in a folder of their own, which is returned.

    Raises BadInput for a name that nobody publishes, and when the file can't be had or is not the published one.
    """
    known = published(name)
    if source is not None and not source.is_dir():
        raise BadInput(f"{source} is no folder: give the one that holds {known.file}")
    try:
        if name == "blazepose":
            return bring_blazepose(weights, source)
        return (_bring_yolo if name in YOLO else _bring_encoder)(known, weights, source)
    except OSError as error:
        raise BadInput(
            f"could not write {known.file} into {weights} ({error}): mend that, or set WEIGHTS_DIR"
        ) from None


def _bring_yolo(known: Published, weights: Path, source: Path | None) -> Path:
    file = weights / known.file
    if not file.is_file() and source is None:
        download(known, weights).replace(file)
    elif not file.is_file():
        given = _given(source, known.file)
        _check(given, known.sha256)
        write_whole(file, lambda path: shutil.copyfile(given, path))
    _check_yolo(file)
    return file


def bring_blazepose(weights: Path, source: Path | None = None) -> Path:
    """Return the folder of BlazePose's two files, put there first where they are not, or not whole.

    source : a folder that holds the two files, or mediapipe's wheel. Raises BadInput as `bring_weights` does.
    """
    folder = weights / "blazepose"
    if all((folder / name).is_file() and sha256_of(folder / name) == sha256 for name, sha256 in BLAZEPOSE.items()):
        return folder
    with TemporaryDirectory() as passing:
        place = source or _fetch_wheel(Path(passing))
        for wheel in place.glob("mediapipe-*.whl"):
            place = _unpack(wheel, Path(passing))
        for name, sha256 in BLAZEPOSE.items():
            if not (place / name).is_file():
                raise BadInput(f"{place} holds no {name} and no wheel of {MEDIAPIPE}")
            _check(place / name, sha256)
            write_whole(folder / name, lambda path, name=name: shutil.copyfile(place / name, path))
    return folder


def blazepose_is_here(weights: Path) -> bool:
    """Return whether BlazePose can be asked without fetching anything: its two files are in `weights`, and what runs them is installed."""
    return find_spec("ai_edge_litert") is not None and all(
        (weights / "blazepose" / name).is_file() for name in BLAZEPOSE
    )


def _fetch_wheel(passing: Path) -> Path:
    """Bring mediapipe's wheel, or BlazePose's files out of it, into a folder through whatever package index pip or uv has."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}") or shutil.which("uv") or "uv"
    options = [word for pair in WHEEL.items() for word in pair]
    ways = (
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *options, "--dest", str(passing), MEDIAPIPE],
        # uv has no download: into a passing folder it unpacks as it would install
        [uv, "pip", "install", "--quiet", "--no-deps", "--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28",
         "--target", str(passing), MEDIAPIPE],
    )  # fmt: skip
    told = ""
    for way in ways:
        try:
            done = subprocess.run(way, capture_output=True, text=True, timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            told = f"{type(error).__name__}: {error}"
            continue
        if done.returncode == 0:
            for file in passing.glob("mediapipe/**/*.tflite"):  # uv's
                if file.name in BLAZEPOSE:
                    file.rename(passing / file.name)
            return passing
        told = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
    raise BadInput(
        f"could not fetch {MEDIAPIPE}, whose wheel holds BlazePose, from the package index ({told.strip()[:200]}): fetch the wheel where it "
        "can be had, and give its folder: python -m yogalib weights blazepose --from FOLDER"
    )


def _unpack(wheel: Path, folder: Path) -> Path:
    """Take BlazePose's files, and nothing else, out of a wheel; return the folder."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                if (name := entry.filename.rpartition("/")[2]) in BLAZEPOSE:
                    (folder / name).write_bytes(archive.read(entry))
    except zipfile.BadZipFile:
        raise BadInput(f"{wheel} is no wheel, or cut short: fetch it again") from None
    return folder


def _bring_encoder(known: Published, weights: Path, source: Path | None) -> Path:
    file = converted(known.file, weights)
    with suppress(BadInput):  # not there, or damaged: made anew
        read_weights(file, weights, known.sha256)
        return file
    places = [weights / known.file, CLIP_CACHE.expanduser() / known.file]
    if source is not None:
        given = _given(source, converted(known.file, source).name, known.file)
        if given.suffix == ".safetensors":
            read_weights(given, weights, known.sha256)
            write_whole(file, lambda path: shutil.copyfile(given, path))
            return file
        _check(given, known.sha256)
        places = [given]
    archive = next((place for place in places if place.is_file() and sha256_of(place) == known.sha256), None)
    fetched = download(known, weights) if archive is None else None
    write_converted(open_archive(archive or fetched), known.sha256, file)
    if fetched:
        fetched.unlink()
    return file


def _given(source: Path, *names: str) -> Path:
    for name in names:
        if (source / name).is_file():
            return source / name
    raise BadInput(f"{source} holds no {' and no '.join(names)}")


def download(known: Published, weights: Path) -> Path:
    """Download a file into `weights` under a passing name, going on where an earlier download stopped; return it, checked.

    Raises BadInput when it can't be had, with what has come kept, and when it is not the published file, with nothing kept.
    """
    import httpx  # half a second, and seldom wanted

    weights.mkdir(parents=True, exist_ok=True)
    partial = weights / f".{known.file}.partial"
    try:
        _receive(known.url, partial)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadInput(
            f"could not fetch {known.file} ({type(error).__name__}: {error}): the same command goes on where it stopped; "
            "without internet, give the folder that holds the file: --from FOLDER"
        ) from None
    try:
        if not zipfile.is_zipfile(partial):  # both kinds of .pt are zip archives; a server's regrets are not
            raise BadInput(f"{known.url} sent no weights: try again, or fetch the file by hand and give --from FOLDER")
        _check(partial, known.sha256)
    except BadInput:
        partial.unlink()
        raise
    return partial


def _receive(url: str, partial: Path) -> None:
    """Append to the file what it lacks of a URL's body."""
    import httpx  # half a second, and seldom wanted
    from tqdm import tqdm

    there = partial.stat().st_size if partial.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # it is there, whole
        answer.raise_for_status()
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            there = 0
        total = there + int(answer.headers.get("Content-Length", 0))
        with (
            partial.open("ab" if there else "wb") as out,
            tqdm(total=total or None, initial=there, unit="B", unit_scale=True, desc=partial.stem[1:], delay=1) as bar,
        ):
            for part in answer.iter_bytes():
                bar.update(out.write(part))


def _check(file: Path, sha256: str | None) -> None:
    if sha256 is not None and (found := sha256_of(file)) != sha256:
        raise BadInput(f"{file} is not the published file: its sha256 differs ({found}, not {sha256})")


def _yolo_digest(name: str) -> str | None:
    return stand_ins().get(name) or YOLO.get(name)


def _check_yolo(file: Path) -> None:
    """Hold a file against its known digest, or the one recorded when it was first seen, in a line that `sha256sum -c` reads."""
    record = file.with_name(f"{file.name}.sha256")
    if digest := _yolo_digest(file.name):
        _check(file, digest)
    elif not record.is_file():
        with suppress(OSError):  # a folder that can't be written to
            write_whole(record, lambda path: path.write_text(f"{sha256_of(file)}  {file.name}\n", encoding="utf-8"))
    elif sha256_of(file) != record.read_text(encoding="utf-8").split()[0]:
        raise BadInput(
            f"{file} is not what it was when first seen: fetch it again, or delete {record.name} if it should"
        )
