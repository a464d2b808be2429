"""What networks cost, from their shapes alone: weights, operations and memory; read from a table, so that a plan need not wait for torch."""

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from yogalib.errors import BadInput
from yogalib.facts.paper import load_paper
from yogalib.models.encoders import RANDOM

# ultralytics' own table of its classifiers: weights, and operations for one picture of 640 pixels a side
YOLO = {"n": (2.7e6, 4.3e9), "s": (6.4e6, 13.5e9), "m": (17.0e6, 42.7e9), "l": (37.5e6, 99.7e9), "x": (57.4e6, 154.8e9)}
TABLE = Path(__file__).with_name("costs.csv")  # counted by yogalib.models.counting, and tested against it


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


def encoder_costs(name: str, tokens: int = TOKENS) -> Costs:
    """Return an encoder's costs. tokens : of a prompt.

    Raises BadInput for a checkpoint of one's own, whose shape is not known before it is opened.
    """
    if (costs := _table().get((name.removesuffix(RANDOM), tokens))) is None:
        raise BadInput(f"encoder {name} is a file: its costs are not known before it is opened")
    return costs


@cache
def _table() -> dict[tuple[str, int], Costs]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {
            (row["encoder"], int(row["tokens"])): Costs(
                int(row["weights"]),
                float(row["picture"]),
                float(row["prompt"]),
                int(row["picture_kept"]),
                int(row["prompt_kept"]),
            )
            for row in csv.DictReader(file)
        }


def yolo_costs(model: str, resolution: int) -> Costs:
    """Return YOLOv8-cls's costs by its file's name; operations grow with the picture's area."""
    weights, operations = YOLO[model.removeprefix("yolov8")[0]]
    return Costs(int(weights), operations * (resolution / 640) ** 2)


def training_memory(costs: Costs, batch: int, prompts: int) -> int:
    """Return the bytes of one training step in fp32: weights, their gradients and AdamW's two averages, and what is kept."""
    return 16 * costs.weights + batch * costs.picture_kept + prompts * costs.prompt_kept


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
