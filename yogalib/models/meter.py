"""What a piece of work takes, seconds, memory and energy, and on what machine."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("torch", "clip-anytorch", "numpy", "pandas", "scikit-learn", "pillow", "yogalib")
STATUS, REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Meter:
    """Measures from its making to `read`, on a GPU its memory and energy, elsewhere the process's own memory."""

    def __init__(self):
        import torch  # seconds

        self.torch = torch
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        else:
            with suppress(OSError):  # Linux alone keeps a peak that can be reset
                REFS.write_text("5", encoding="ascii")
        self.joules, self.start = _joules(), time.perf_counter()

    def read(self) -> dict:
        """Return seconds, peak_memory in bytes, joules; None for what this machine does not tell.

        Without a GPU, peak_memory is of the whole process, its libraries and all that it held before included.
        """
        if self.torch.cuda.is_available():
            self.torch.cuda.synchronize()
        seconds, now = time.perf_counter() - self.start, _joules()
        peak = self.torch.cuda.max_memory_allocated() if self.torch.cuda.is_available() else _peak_of_process()
        spent = None if now is None or self.joules is None else round(now - self.joules, 1)
        return {"seconds": round(seconds, 3), "peak_memory": peak, "joules": spent}


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Let a run's seconds be those of what is done within: not of looking at pictures, which is kept and serves other runs too."""
    start = time.perf_counter()
    yield
    cost = {"seconds": round(time.perf_counter() - start, 3)}
    (folder / "cost.json").write_text(json.dumps(cost), encoding="utf-8")


def _peak_of_process() -> int | None:
    with suppress(OSError):
        for line in STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return None


def _joules() -> float | None:
    """Return the energy that the first GPU has taken since its driver was loaded."""
    try:
        import pynvml  # not there on every machine

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(0)) / 1e3
    except Exception:  # noqa: BLE001 - no driver, no GPU or a GPU that does not tell: each has an error class of its own
        return None


def processor_name() -> str:
    """Return what the processor calls itself."""
    with suppress(OSError):  # Linux
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def gpu_name() -> str | None:
    """Return the name of the first GPU that its driver shows to this process, without loading torch; None without one."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    try:
        import pynvml  # not there on every machine

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0))
    except Exception:  # noqa: BLE001 - as in _joules
        return None


def machine() -> dict:
    """Return where the numbers are made: processor, cores, threads, GPU, versions."""
    import torch  # seconds

    return {
        "platform": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }
