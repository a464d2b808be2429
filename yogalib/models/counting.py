"""What costs.csv holds, counted by torch on its meta device; and the pace that this machine keeps."""

import csv
import time
from dataclasses import asdict

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from yogalib.models.costs import TABLE, TOKENS, Costs, encoder_costs
from yogalib.models.device import Device
from yogalib.models.encoders import RANDOM, SHAPES, new_clip, open_encoder
from yogalib.models.finetune import batch_loss, make_optimiser
from yogalib.paths import write_whole
from yogalib.profile import FineTuning


def counted_costs(name: str, tokens: int = TOKENS) -> Costs:
    """Return an encoder's costs, counted on torch's meta device, where tensors have a shape and no content. tokens : of a prompt."""
    with torch.device("meta"):
        model, side = new_clip(name), SHAPES[name]["image_resolution"]
        pictures = [torch.empty(count, 3, side, side) for count in (1, 2)]
        prompts = [torch.zeros(count, tokens, dtype=torch.long) for count in (1, 2)]
    costs = [_operations(model.encode_image, pictures[0]), _operations(model.encode_text, prompts[0])]
    # two pictures less one: what is kept once, such as the weights, drops out
    kept = [
        _kept(tower, parts[1]) - _kept(tower, parts[0])
        for tower, parts in ((model.encode_image, pictures), (model.encode_text, prompts))
    ]
    return Costs(sum(weights.numel() for weights in model.parameters()), *costs, *kept)


def write_table() -> None:
    """Write costs.csv anew, for all encoders of which the shapes are known: python -c "import yogalib.models.counting as c; c.write_table()"."""
    counted = [(name, TOKENS) for name in SHAPES] + [("ViT-B/32", 77)]
    rows = [{"encoder": name, "tokens": tokens} | asdict(counted_costs(name, tokens)) for name, tokens in counted]

    def write(path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)

    write_whole(TABLE, write)


def pace(settings: FineTuning, device: Device) -> float:
    """Return the operations a second of fine-tuning on this device, measured on steps with random weights and noise.

    A CPU's seconds are those that it spends on this process, so that others at work beside it are not counted against it.
    """
    name, on_gpu = settings.encoder.removesuffix(RANDOM) + RANDOM, device.torch.type == "cuda"
    costs, encoder = encoder_costs(name), open_encoder(name, None)
    # a large network on a CPU would take minutes, and keeps its pace in small batches too
    batch = settings.batch if on_gpu or costs.picture < 1e9 else 4
    model = encoder.on(device.torch).train()
    optimiser, _ = make_optimiser(model, settings.optimiser, 1)
    pictures = torch.randn(batch, 3, encoder.resolution, encoder.resolution, device=device.torch)
    labels = torch.arange(batch, device=device.torch)
    tokens = encoder.tokenise(["pose " * (TOKENS - 2)] * batch).to(device.torch)
    clock = time.perf_counter if on_gpu else time.process_time
    for _ in range(2):  # the second counts: before it libraries are loaded and kernels chosen
        start = clock()
        loss = batch_loss(model, pictures, labels, tokens, "diagonal", device)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()  # waits for the device
    seconds = (clock() - start) / (1 if on_gpu else torch.get_num_threads())
    return 3 * batch * (costs.picture + costs.prompt) / seconds


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
