"""`make bench`: our path beside the naive loop (yogalib.tools.bench.naive) and open_clip's training step, in one run, as ratios.

Pictures are noise of a photograph's size and weights are random, which is fair for speed. The paths take turns, so that whatever
else the machine does hits all of them. Timings of one machine say little about another: read the ratios.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from yogalib.models.device import pick_device
from yogalib.models.meter import gpu_name, processor_name
from yogalib.tools.bench.answers import answer_rows, flow_row, precision_row
from yogalib.tools.bench.commands import command_rows
from yogalib.tools.bench.images import image_rows
from yogalib.tools.bench.setting import SIZES, Bench
from yogalib.tools.bench.training import step_rows, tuning_rows
from yogalib.tools.bench.turns import Row, keep, table


def parts(bench: Bench) -> Iterator[Callable[[], list[Row]]]:
    """Yield what makes the rows, in their order."""
    for make in (image_rows, step_rows, tuning_rows):
        yield partial(make, bench)
    for name in bench.sizes.answers:
        yield partial(answer_rows, bench, name)
    yield lambda: [precision_row(bench, name) for name in bench.sizes.answers]
    yield lambda: [flow_row(bench)]
    yield partial(command_rows, bench)


def main(save: Path | None = None) -> None:
    """Print the table; `save` names the folder in which it is kept as JSON and CSV, too."""
    device = pick_device("auto", "auto", os.cpu_count())
    processor = gpu_name() or processor_name()
    print(f"{processor}, {os.cpu_count()} cores, {device.precision} (naive: fp32), torch {torch.__version__}")
    print(
        "medians (lowest to highest); ratio: naive to ours, to peer: open_clip to ours; noise pictures, random weights"
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.open(device, SIZES[device.torch.type], Path(folder))
        print(table([])[0], flush=True)
        rows = []
        for make in parts(bench):
            rows += (made := make())
            print("\n".join(table(made)[1:]), flush=True)
    if save is not None:
        keep(rows, processor, save)
