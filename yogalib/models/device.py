"""Device and precision, decided once and passed as one object."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from yogalib.errors import BadInput

LARGE = 20_000_000  # weights of an image tower: ViT-B/32 has 88 million, CLIP-mini-RN 1.4


@dataclass(frozen=True)
class Device:
    """Where tensors live and whether the forward pass runs in bf16."""

    torch: torch.device
    bf16: bool

    @property
    def precision(self) -> str:
        """`bf16` or `fp32`: part of what decides a run."""
        return "bf16" if self.bf16 else "fp32"

    def autocast(self):
        """Return the context in which models run: bf16 over fp32 weights, or plain fp32."""
        return torch.autocast(self.torch.type, dtype=torch.bfloat16, enabled=self.bf16)

    def graphed(self, step: Callable) -> Callable:
        """Return `step`, a function of tensors on the device, as a CUDA graph on a GPU and as it is elsewhere."""
        return Graphed(step) if self.torch.type == "cuda" else step

    def for_answers(self, encoder) -> "Device":
        """Return the device with the precision that is fastest for an encoder's answers, which no stored run holds.

        That is bf16 on a CPU that multiplies in it, for a large image tower, whose weights take longer to fetch than to use; there
        it takes half the time (`make bench`). A small tower is slower for the casting. Stored runs keep the precision that names them.
        """
        large = sum(weights.numel() for weights in encoder.model.visual.parameters()) > LARGE
        return replace(self, bf16=self.bf16 or (self.torch.type == "cpu" and large and has_bf16()))


def has_bf16() -> bool:
    """Return whether this CPU multiplies in bf16 (AVX512-BF16 or AMX); others only pretend to, at a loss."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)


class Graphed:
    """A function of tensors, recorded as a CUDA graph and replayed: one launch in place of a thousand small ones.

    The first calls run as they are, since libraries must be loaded before recording; so do inputs of other shapes than the
    first (an epoch's last batch). What the function does beside its answer, such as to weights, is done by the replay too.
    The answer is overwritten by the next call. Where a recording fails, the function goes on as it is, with a warning.
    """

    WARM_UP = 3

    def __init__(self, step: Callable):
        self.step, self.calls, self.shapes, self.graph, self.warm_up = step, 0, None, None, self.WARM_UP

    def __call__(self, *inputs: Tensor):
        """Return what the function returns."""
        self.calls, shapes = self.calls + 1, [each.shape for each in inputs]
        self.shapes = self.shapes or shapes
        if self.calls <= self.warm_up or shapes != self.shapes:
            return self._aside(*inputs)
        if self.graph is None:
            try:
                self._record(*inputs)
            except RuntimeError as error:  # an operation or a driver that can't be recorded must not cost the study
                warnings.warn(f"no CUDA graph, so slower: {str(error).splitlines()[0]}", stacklevel=2)
                self.warm_up, self.graph = math.inf, None
                return self._aside(*inputs)
        for held, given in zip(self.held, inputs, strict=True):
            held.copy_(given)
        self.graph.replay()
        return self.answer

    def _aside(self, *inputs: Tensor):
        # autograd remembers the stream that a weight was first used on, and what is recorded may not wait for the usual one
        aside, usual = torch.cuda.Stream(), torch.cuda.current_stream()
        aside.wait_stream(usual)
        with torch.cuda.stream(aside):
            answer = self.step(*inputs)
        usual.wait_stream(aside)
        return answer

    def _record(self, *inputs: Tensor) -> None:
        self.held, self.graph = [each.clone() for each in inputs], torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):  # nothing is computed yet
            self.answer = self.step(*self.held)


def pick_device(name: str, precision: str, threads: int) -> Device:
    """Fix the number of threads and return the device.

    name : `auto`, `cpu` or `cuda`. precision : `auto` (bf16 on a GPU that has it) or `fp32`.

    Raises BadInput when a GPU is asked for and there is none.
    """
    torch.set_num_threads(threads)  # the order of a sum's terms, so its last bits, depends on it
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("machine.device is cuda, but no GPU is visible: use machine.device: auto, or check the driver")
    kind = "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
    bf16 = precision == "auto" and kind == "cuda" and torch.cuda.is_bf16_supported()
    return Device(torch.device(kind), bf16)
