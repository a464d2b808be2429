"""Activation maps of the study's models, before and after training (Figs. 6 and 10), and how good they are."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from yogalib.dataset.pixels import Source
from yogalib.models.cam import activation_maps, activation_maps_by_channels, mass_inside, road
from yogalib.models.encoders import Encoder, open_encoder
from yogalib.models.kept import tuned_encoder
from yogalib.models.published import weights_of
from yogalib.models.yolo import KEPT, ask_yolo
from yogalib.paths import kept_array
from yogalib.profile import Yolo
from yogalib.runs.store import Run
from yogalib.synthetic.likeness import draw_with_parts, telling

VERSION = 1  # part of the kept files' names: raise it when maps change
CHANNELS = {"300": 300, "a tenth": 0.1}  # that gScoreCAM asks: the paper's number, chosen for 3,072, and a share


def example_rows(rows: pd.DataFrame, poses: int, count: int = 8) -> pd.DataFrame:
    """Return at most `count` rows, the first of every so manieth of the poses."""
    return rows.groupby("class").head(1).iloc[:: max(1, poses // count)].head(count)


def both_encoders(run: Run, weights: Path) -> dict[str, Encoder]:
    """Return the encoder of a kept run before and after it. weights : folder of the published weights."""
    return {"before": open_encoder(run.config["encoder"], weights), "after": tuned_encoder(run)}


def encoder_maps(
    encoders: dict[str, Encoder], run: Run, pixels: np.ndarray, numbers: np.ndarray, cache: Path
) -> dict[str, np.ndarray]:
    """Return each encoder's maps for the right prompt, (N, R, R), kept in the folder `cache`: two figures may show the same images.

    encoders : as `both_encoders` has them of the run. pixels : (N, R, R, 3). numbers : official class numbers, (N,).
    """
    right = np.searchsorted(run.classes, numbers)

    def of(name: str) -> np.ndarray:
        decides = f"{VERSION} {run.folder.name} {name} {right.tolist()}".encode() + pixels.tobytes()
        file = cache / f"maps-{sha256(decides).hexdigest()[:16]}.npy"
        asked = pixels, run.config["prompts"], right, CHANNELS["300"]
        return kept_array(file, lambda: activation_maps(encoders[name], *asked))

    return {name: of(name) for name in encoders}


def scores_on_drawn(encoders: dict[str, Encoder], run: Run, each: int) -> dict[tuple[str, str], dict]:
    """Judge maps on figures drawn anew, of which each pixel is known: about a dozen poses, `each` figures of a pose; nothing of none.

    Returns by encoder and channels (first those of even grey, whose mass lies where the area does) each measure's values, (N,):
    the mass on the body and on the limbs that tell a pose from its nearest twin, and ROAD.
    """
    if not each:
        return {}
    prompts, classes = run.config["prompts"], [int(number) for number in run.classes]
    chosen = classes[:: max(1, len(classes) // 12)]
    drawn, parts, labels = draw_with_parts(chosen, each, encoders["after"].resolution, seed=0)
    numbers = np.array(chosen)[labels]
    right = np.searchsorted(classes, numbers)
    inside = {"mass on the body": parts > 0, "mass on telling limbs": telling(parts, labels, classes)}
    scores = {("even grey", "none"): {measure: part.mean((1, 2)) for measure, part in inside.items()}}
    for name, encoder in encoders.items():
        for asked, maps in activation_maps_by_channels(encoder, drawn, prompts, right, CHANNELS).items():
            found = {measure: mass_inside(maps, part) for measure, part in inside.items()}
            scores[name, asked] = found | {"ROAD": road(encoder, drawn, prompts, right, maps)}
    return scores


def benchmark_maps(
    models: dict[str, Run], settings: Yolo, rows: pd.DataFrame, source: Source, weights: Path, device: str
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[tuple[str, str], dict]]:
    """Return the images as CLIP sees them, each model's maps by name (Fig. 10), and the ROAD of those after training, by model and method.

    models : the kept runs of CLIP and of YOLO. rows, source : of the images. device : as torch names it, for YOLO.
    """
    (clip, tuned), (yolo, trained) = models.items()
    encoders, numbers = both_encoders(tuned, weights), rows["class"].to_numpy()
    pixels = source.pixels(rows, encoders["after"].resolution)
    found = encoder_maps(encoders, tuned, pixels, numbers, source.cache)
    maps = {f"{clip} {when}, gScoreCAM": part for when, part in found.items()}
    files = [source.folder / path for path in rows["path"]]
    start, end = (
        ask_yolo("explain", model, files, settings.resolution, device, targets=numbers.tolist(), top=CHANNELS["300"])
        for model in (weights_of(settings, weights), trained.folder / KEPT)
    )
    maps |= {f"{yolo} before, EigenCAM": start["EigenCAM"], f"{yolo} after, EigenCAM": end["EigenCAM"]}
    maps |= {f"{yolo} after, gScoreCAM": end["gScoreCAM"]}
    right, after = np.searchsorted(tuned.classes, numbers), maps[f"{clip} after, gScoreCAM"]
    scores = {(clip, "gScoreCAM"): {"ROAD": road(encoders["after"], pixels, tuned.config["prompts"], right, after)}}
    scores |= {(yolo, method): {"ROAD": end[f"{method}_road"]} for method in ("gScoreCAM", "EigenCAM")}
    return pixels, maps, scores
