"""What can run here, and what is missing: said before any work starts."""

import importlib.util
import os
import platform
import shutil

from yogalib.dataset.index import unknown_folders
from yogalib.errors import BadInput
from yogalib.models.encoders import OPENAI, weights_file
from yogalib.models.meter import gpu_name
from yogalib.models.published import weights_of
from yogalib.profile import profile_names, read_profile
from yogalib.study import Study


def check(profile: str) -> Study:
    """Open a profile and try all that could stop it later: encoders, data, subsets, splits, device.

    Raises BadInput with the first thing that is wrong.
    """
    study = Study.open(profile)
    zero_shot, tuning = study.profile.zero_shot, study.profile.fine_tuning
    check_weights(study)
    if study.profile.machine.device == "cuda":
        _ = study.device  # only then is it worth the seconds that torch takes to load
    study.subset(zero_shot.subset)
    for subset in (tuning.subset, *study.profile.small_runs.grid_subsets):
        study.validation(study.split(study.subset(subset))[0])
    other = study.validation_set()
    if other is not None and other.images is not None:  # a drawn one lacks nothing
        _ = other.index
    return study


def check_weights(study: Study) -> None:
    """Look for the weights of every model that the profile names. Raises BadInput with all published ones that are not there."""
    missing, weights = {}, study.paths.weights
    for encoder in study.profile.encoders:
        try:
            weights_file(encoder, weights)
        except BadInput as error:
            missing[encoder] = error
    published = [encoder for encoder in missing if encoder in OPENAI]
    if len(published) > 1:  # one line that mends all of it, not nine in turn
        raise BadInput(
            f"weights of {', '.join(published)} not found: run 'python -m yogalib weights {' '.join(published)}', or put "
            f"OpenAI's files into {weights}"
        )
    for error in missing.values():
        raise error
    weights_of(study.profile.yolo, weights)


def examine() -> list[str]:
    """Return the doctor's lines: the machine, then one verdict per profile."""
    free = shutil.disk_usage(".").free / 2**30
    lines = [
        f"machine    Python {platform.python_version()}, {os.cpu_count()} cores, {_memory():.0f} GiB, {_gpu()}, {free:.0f} GiB disk free"
    ]
    missing = [
        name
        for name in ("cv2", "papermill", "nbconvert", "jupyterlab", "ipywidgets", "clip", "ultralytics")
        if not importlib.util.find_spec(name)
    ]
    lines.append(f"packages   {'missing: ' + ', '.join(missing) + '; run make setup' if missing else 'all there'}")
    if not importlib.util.find_spec("ai_edge_litert"):
        lines[-1] += (
            "; no ai-edge-litert, so no BlazePose: there is none for Macs with an Intel processor, else run make setup"
        )
    for name in profile_names():
        try:
            verdict = f"ready: make reproduce PROFILE={name}{_data_for(name)}"
        except BadInput as error:
            verdict = f"not yet: {error}"
        lines.append(f"{name:<10} {verdict}")
    return lines


def _data_for(profile: str) -> str:
    """Return what follows the profile's name on the make line, and its number of images. Raises BadInput as `check` does."""
    synthetic = read_profile(profile).data.synthetic
    if synthetic is None:
        study = check(profile)
        lost = unknown_folders(study.index)
        return (
            " DATA=..." if "DATA" in os.environ else ""
        ) + f" ({len(study.subset('all'))} images){'; ' * bool(lost)}{lost}"
    check_weights(Study.open(profile))  # nothing else can be missing; drawing the pictures is not a doctor's task
    return f" ({synthetic.images} images, drawn by itself)"


def _gpu() -> str:
    name = gpu_name()
    if name is None:
        return "no GPU"
    import torch  # seconds; worth them only where there is a GPU that it may not be able to use

    return name if torch.cuda.is_available() else f"{name} (torch can't use it: look at its driver)"


def _memory() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError):  # Windows
        return float("nan")
