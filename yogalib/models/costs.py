"""What networks cost, from their shapes alone: weights, operations and memory; and the pace that a machine keeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from yogalib.errors import BadInput
from yogalib.facts.paper import load_paper
from yogalib.models.device import Device
from yogalib.models.encoders import RANDOM, SHAPES, import_clip, open_encoder
from yogalib.models.finetune import batch_loss, make_optimiser
from yogalib.profile import FineTuning

# ultralytics' own table of its classifiers: weights, and operations for one picture of 640 pixels a side
YOLO_SIZES = {
    "n": (2.7e6, 4.3e9),
    "s": (6.4e6, 13.5e9),
    "m": (17.0e6, 42.7e9),
    "l": (37.5e6, 99.7e9),
    "x": (57.4e6, 154.8e9),
}


# to so many the study's prompts are cut (yogalib.models.encoders.tokenise): the longest of 82 in the paper's template, Sanskrit names
TOKENS = 22


@dataclass(frozen=True)
class Costs:
    """Of one network. A multiplication with its addition counts as two operations.

    weights : their number. picture, prompt : operations of one forward pass of the image and of the text tower. picture_kept,
    prompt_kept : bytes that a forward pass in fp32 keeps for the backward pass.
    """

    weights: int
    picture: float
    prompt: float = 0.0
    picture_kept: int = 0
    prompt_kept: int = 0


@cache
def encoder_costs(name: str, tokens: int = TOKENS) -> Costs:
    """Return an encoder's costs, counted on torch's meta device, where tensors have a shape and no content. tokens : of a prompt.

    Raises BadInput for a checkpoint of one's own, whose shape is not known before it is opened.
    """
    if name.removesuffix(RANDOM) not in SHAPES:
        raise BadInput(f"encoder {name} is a file: its costs are not known before it is opened")
    shape = SHAPES[name.removesuffix(RANDOM)]
    with torch.device("meta"):
        model, side = import_clip().model.CLIP(**shape), shape["image_resolution"]
        pictures = [torch.empty(count, 3, side, side) for count in (1, 2)]
        prompts = [torch.zeros(count, tokens, dtype=torch.long) for count in (1, 2)]
    costs = [_operations(model.encode_image, pictures[0]), _operations(model.encode_text, prompts[0])]
    # two pictures less one: what is kept once, such as the weights, drops out
    kept = [
        _kept(tower, parts[1]) - _kept(tower, parts[0])
        for tower, parts in ((model.encode_image, pictures), (model.encode_text, prompts))
    ]
    return Costs(sum(weights.numel() for weights in model.parameters()), *costs, *kept)


def yolo_costs(model: str, resolution: int) -> Costs:
    """Return YOLOv8-cls's costs by its file's name; operations grow with the picture's area."""
    weights, operations = YOLO_SIZES[model.removeprefix("yolov8")[0]]
    return Costs(int(weights), operations * (resolution / 640) ** 2)


def training_memory(costs: Costs, batch: int, prompts: int) -> int:
    """Return the bytes of one training step in fp32: weights, their gradients and AdamW's two averages, and what is kept."""
    return 16 * costs.weights + batch * costs.picture_kept + prompts * costs.prompt_kept


def pace(settings: FineTuning, device: Device) -> float:
    """Return the operations a second of fine-tuning on this device, measured on steps with random weights and noise."""
    name = settings.encoder.removesuffix(RANDOM) + RANDOM
    costs, encoder = encoder_costs(name), open_encoder(name, None)
    # a large network on a CPU would take minutes, and keeps its pace in small batches too
    batch = settings.batch if device.torch.type == "cuda" or costs.picture < 1e9 else 8
    model = encoder.on(device.torch).train()
    optimiser, _ = make_optimiser(model, settings.optimiser, 1)
    pictures = torch.randn(batch, 3, encoder.resolution, encoder.resolution, device=device.torch)
    labels, tokens = (
        torch.arange(batch, device=device.torch),
        encoder.tokenise(["pose " * (TOKENS - 2)] * batch).to(device.torch),
    )
    for _ in range(3):  # the last counts: before it libraries are loaded and kernels chosen
        start = time.perf_counter()
        loss = batch_loss(model, pictures, labels, tokens, "diagonal", device)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()  # waits for the device
    return 3 * batch * (costs.picture + costs.prompt) / (time.perf_counter() - start)


def timed(work: Callable[[], object], repeats: int, warm_up: int = 3) -> np.ndarray:
    """Return the seconds of each repeat, (repeats,), after some that are not counted; `work` must wait for the device."""
    taken = []
    for _ in range(warm_up + repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return np.array(taken[warm_up:])


def papers_pace() -> float:
    """Return the operations a second that the paper's RTX A4000 kept (section 4.3): five epochs, one caption per picture."""
    claims, costs = load_paper()["claims"], encoder_costs("ViT-B/32", tokens=77)
    trained = 5 * claims["section_3_1.train_images"]["value"]
    return 3 * trained * (costs.picture + costs.prompt) / (60 * claims["section_4_3.training_minutes"]["value"])


def _operations(tower, batch: Tensor) -> float:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        tower(batch)
    return float(counter.get_total_flops())


def _kept(tower, batch: Tensor) -> int:
    total = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.nbytes
        return tensor

    with saved_tensors_hooks(count, lambda tensor: tensor):
        tower(batch)
    return total
