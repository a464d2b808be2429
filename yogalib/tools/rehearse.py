"""`make rehearse PROFILE=paper`: a whole profile, end to end, before anyone spends a day of GPU on it.

What the real study would find is made small: Yoga-82 as `download` leaves it, from lists of links of which a third is dead; the
official split lists; YoPo's folders; OpenAI's archives and YOLO's weights under their published names, of small random networks that
take small images. The profile is cut in length (SHORT) and in nothing else, and reproduced by make; so whatever breaks here would break
there.
"""

import json
import os
import shlex
import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import torch
import yaml

from yogalib.dataset.download import download
from yogalib.dataset.fetch import Limits
from yogalib.dataset.lists import LINK_FOLDER, SPLIT_FILES, read_split_lists
from yogalib.dataset.yopo import load_folders
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.checkpoints import STAND_INS, import_clip, sha256_of
from yogalib.models.encoders import OPENAI
from yogalib.models.published import archive_name, bring_weights
from yogalib.models.yolo import write_untrained
from yogalib.paths import ROOT, partial_folder, swap_folder
from yogalib.profile import Profile, read_profile
from yogalib.synthetic.world import write_world

# all that tells the rehearsed profile from the real one, beside its name and the words on top of its pages
SHORT = {
    "split.repeats": 2,
    "small_runs.repeats": 2,
    "fine_tuning.epochs": 1,
    "small_runs.epochs": 1,
    "yolo.epochs": 1,
    "yolo.resolution": 64,
    "beyond.joints": None,  # drawn bodies are small for BlazePose, and its files would be fetched
    "beyond.open_clip": [{"model": "ViT-S-32", "pretrained": ""}],  # random weights: nothing is fetched
    "beyond.networks": ["test_resnet-random"],
    "machine.device": "auto",
    "machine.threads": 1,
}
ON_TOP = (
    "This is a rehearsal of profile '{name}' ({title}): drawn images in Yoga-82's place, small networks with random weights in the place "
    "of the published ones, two splits, one epoch. It shows that every page can be made; no figure and no verdict on it means anything."
)
LISTED, ELSEWHERE = 1500, 500  # images drawn for Yoga-82's lists, and for YoPo
DEAD = 3  # of so many links one
# the split lists write two folders otherwise than the link lists
OTHERWISE = {"Sitting_pose_1_normal": "Sitting pose 1 (normal)", "Split_pose": "Split pose"}


def rehearse(name: str, folder: Path) -> list[str]:
    """Write what a rehearsal of the profile needs into `folder`, where it is not there yet, and return make's words for it.

    A rehearsal that failed goes on there, as the study does; to begin anew, delete the folder.

    Raises BadInput for a profile that is unknown or wrong.
    """
    profile = rehearsed(name)
    file = folder / f"{profile.name}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(profile.model_dump(), sort_keys=False, allow_unicode=True), encoding="utf-8")
    words = {"PROFILE": file} | {
        f"{kind.upper()}_DIR": folder / kind for kind in ("data", "runs", "reports", "weights")
    }
    _once(folder / "weights", partial(write_weights, profile))
    words["WEIGHTS_STAND_INS"] = folder / "weights" / "stand_ins.json"
    if profile.data.synthetic is None:
        _once(folder / "images", write_images)
        places = {"DATA": "yoga82", "LISTS": "lists", "VALIDATION": "yopo"}
        words |= {word: folder / "images" / place for word, place in places.items()}
    # from the project's root, for make takes no path with a space in it, and the checkout's may have one
    return [f"{word}={shlex.quote(os.path.relpath(value, ROOT))}" for word, value in words.items()]


def rehearsed(name: str) -> Profile:
    """Return the profile as it is rehearsed."""
    profile = read_profile(name)
    update = {"name": f"{profile.name}-rehearsal", "stand_in": ON_TOP.format(name=profile.name, title=profile.title)}
    return read_profile(name, SHORT).model_copy(update=update)


def _once(folder: Path, write: Callable[[Path], None]) -> None:
    if not folder.exists():
        print(f"yogalib: making the rehearsal's {folder.name} in {folder}", file=sys.stderr)
        passing = partial_folder(folder)
        write(passing)
        swap_folder(passing, folder)


def write_images(out: Path) -> None:
    """Write lists/, as Yoga-82's authors publish them; yoga82/, as `download` leaves it; yopo/, as it is unzipped."""
    web, lists = out / "web", out / "lists"
    write_world(web, LISTED, seed=0)
    (lists / LINK_FOLDER).mkdir(parents=True)
    for name in SPLIT_FILES.values():
        text = (web / name).read_text(encoding="utf-8")
        for link, split in OTHERWISE.items():
            text = text.replace(f"{link}/", f"{split}/")
        (lists / name).write_text(text, encoding="utf-8")
    files = sorted(web.glob("*/*"))
    with _served(web) as address:
        for pose, shown in groupby(files, lambda file: file.parent.name):
            paths = [f"{pose}/{file.name}" for file in shown]
            lines = [f"{path}\t{address}/{quote(path)}\n" for path in paths]
            (lists / LINK_FOLDER / f"{pose}.txt").write_text("".join(lines), encoding="utf-8")
        # never two neighbours of the official lists, so that the rarest pose keeps images in both parts
        for path in read_split_lists(lists)["path"][::DEAD]:
            (web / path).unlink()
        download(lists, out / "yoga82", Limits(allow_private=True))
    _write_yopo(out / "yopo", out / "elsewhere")
    for spent in (web, out / "elsewhere"):
        shutil.rmtree(spent)


@contextmanager
def _served(folder: Path):
    """Serve the folder on this machine alone; yields its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _write_yopo(out: Path, drawn: Path) -> None:
    """Write images under YoPo's 107 names; those that are none of the 82 poses show one of them all the same."""
    write_world(drawn, ELSEWHERE, seed=1, shifted=True)
    names, folders = load_taxonomy()["folder"], load_folders()
    files = {number: sorted((drawn / name).iterdir()) for number, name in names.items()}
    for place, (name, number) in enumerate(zip(folders["folder"], folders["class"], strict=True)):
        target = out / "dataset" / name
        target.mkdir(parents=True)
        for _ in range(2):
            file = files[number].pop() if number >= 0 else files[place % len(names)][0]
            shutil.copy(file, target)


def write_weights(profile: Profile, out: Path) -> None:
    """Write the profile's published weights, all but the first encoder's brought as `python -m yogalib weights` brings them.

    The digests by which they are known, in the place of the published ones, stand in stand_ins.json.
    """
    encoders = [encoder for encoder in profile.encoders if encoder in OPENAI]
    yolo = [profile.yolo.model] if profile.yolo.model.endswith(".pt") else []
    given, digests = out / "given", out / "stand_ins.json"
    given.mkdir()
    for seed, encoder in enumerate(encoders):
        write_archive(encoder, given / archive_name(encoder), seed)
    for name in yolo:
        write_untrained("yolov8n-cls.yaml", given / name)
    found = {file.name: sha256_of(file) for file in given.iterdir()}
    digests.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    os.environ[STAND_INS] = str(digests)
    for name in [*encoders[1:], *yolo]:
        bring_weights(name, out, given)
    del os.environ[STAND_INS]
    for encoder in encoders[:1]:  # as an archive, which is opened anew each time
        shutil.copy(given / archive_name(encoder), out)
    shutil.rmtree(given)


def write_archive(encoder: str, file: Path, seed: int) -> None:
    """Write a TorchScript archive as OpenAI published that encoder's: fp16, with three numbers among the tensors.

    It takes the same prompts; its weights are random, its towers as narrow and low as they can be, its images a quarter as large.
    """
    shape = small_shape(encoder)
    side, length = shape["image_resolution"], shape["context_length"]
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit|Converting a tensor to a Python boolean")
        torch.manual_seed(seed)
        model = import_clip().model.CLIP(**shape).eval()
        numbers = {"input_resolution": side, "context_length": length, "vocab_size": shape["vocab_size"]}
        for key, number in numbers.items():
            vars(model).pop(key, None)
            model.register_buffer(key, torch.tensor(number))
        seen = torch.zeros(1, 3, side, side), torch.zeros(1, length, dtype=torch.int)
        torch.jit.trace(model, seen, check_trace=False).half().save(str(file))


def small_shape(encoder: str) -> dict:
    """Return clip.model.CLIP's arguments for a published encoder's stand-in; its positional embedding says how large its images are."""
    shape = OPENAI[encoder]
    patch = shape["vision_patch_size"]
    unit = patch or 32  # what one place of the positional embedding sees
    vision = {"vision_layers": 2, "vision_width": 64} if patch else {"vision_layers": (1, 1, 1, 1), "vision_width": 8}
    vision["image_resolution"] = unit * max(2, round(shape["image_resolution"] / 4 / unit))
    return shape | vision | {"embed_dim": 64, "transformer_width": 64, "transformer_heads": 1, "transformer_layers": 1}
