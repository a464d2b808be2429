"""Device and precision, decided once and passed as one object."""

from dataclasses import dataclass

import torch

from yogalib.errors import BadInput


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
        """Return the context in which models run: bf16 over fp32 weights on a GPU, plain fp32 elsewhere."""
        return torch.autocast(self.torch.type, dtype=torch.bfloat16, enabled=self.bf16)


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
