"""Poses told apart by the joints that are found in the pictures: classifiers that learn from photographs, alone or after written poses."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn
from tqdm import tqdm

from yogalib.models.blazepose import LANDMARKS, landmarks_of
from yogalib.models.meter import fitting
from yogalib.models.probe import by_library
from yogalib.models.skeleton import features, joints_of, mirror, network, predict, train
from yogalib.models.written import KEPT, kept_network, landmarks_on, project, simulate
from yogalib.profile import Joints
from yogalib.synthetic.poses import read_poses, written_entries
from yogalib.synthetic.world import drawn_bodies

Skeletons = tuple[np.ndarray, np.ndarray]  # picture (N, 20, 2) and world (N, 20, 3), as in yogalib.models.skeleton


def found_in(source, rows, joints: str, weights: Path) -> Skeletons:
    """Return the skeletons in the rows' pictures, NaN for nobody. joints : `blazepose`, or `drawn`, the truth of a drawn world.

    Raises BadInput where BlazePose can't be had, or the world keeps no bodies.
    """
    if joints == "drawn":
        bodies, turn, distance = drawn_bodies(source.folder, rows["sha256"])
        return project(landmarks_on(bodies), turn, distance)

    def look(path: str) -> np.ndarray:
        return landmarks_of((source.folder / path).read_bytes(), weights, source.cache)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(look, rows["path"])
        told = tqdm(found, total=len(rows), desc="look for bodies", unit="image", mininterval=10, delay=2)
        return joints_of(np.fromiter(told, LANDMARKS, len(rows)))


def both_sides(skeletons: Skeletons) -> np.ndarray:
    """Return the features of bodies and of their mirror images, float32 (2, N, F)."""
    return np.stack([features(*skeletons), features(*map(mirror, skeletons))])


class MarginSVC(SVC):
    """scikit-learn's support vectors (Cortes and Vapnik 1995), whose margins of each class against the rest go through a softmax.

    The order of the answers is that of the margins. To fit a temperature to cross-validated margins, for surer probabilities of the same
    order, takes 2.3 times as long.
    """

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities, (N, C). features : (N, F)."""
        margins = self.decision_function(features)
        return softmax(margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1), axis=1)


def kernel_ridge(
    known: Skeletons, labels: np.ndarray, asked: Skeletons, classes: int, ridge: float = 0.02
) -> np.ndarray:
    """Return probabilities (N, C) of kernel ridge regression on one-hot answers, the same for a body and its mirror image.

    The kernel is Gaussian, summed over both sides of a known body, as wide as its F standardised features' number. The softmax has the
    temperature at which the left-one-out answers, which ridge regression gives for nothing, are likeliest (Rifkin and Lippert 2007).
    """
    scaler = StandardScaler().fit(np.concatenate(both_sides(known)))
    sides = [scaler.transform(side) for side in both_sides(known)]

    def kernel(skeletons: np.ndarray) -> np.ndarray:
        return sum(rbf_kernel(skeletons, side, 1 / (2 * side.shape[1])) for side in sides)

    inverse = np.linalg.inv(kernel(sides[0]) + ridge * np.eye(len(labels)))
    targets = np.eye(classes)[labels] - 1 / classes
    weights = inverse @ targets
    left_out = targets - weights / np.diag(inverse)[:, None]

    def surprise(temperature: float) -> float:
        return -log_softmax(left_out / np.exp(temperature), axis=1)[np.arange(len(labels)), labels].mean()

    temperature = np.exp(minimize_scalar(surprise, bounds=(-4, 0), method="bounded").x)
    return softmax(kernel(scaler.transform(both_sides(asked)[0])) @ weights / temperature, axis=1)


LIBRARY = {"logistic regression": LogisticRegression(C=0.1, max_iter=1000), "SVC": MarginSVC(C=10)}


def learn(known: Skeletons, labels: np.ndarray, classes: list[int], settings: Joints, start: nn.Module | None):
    """Return a network that has learnt both sides of each body, and each epoch's mean loss.

    start : a network of the written poses, in the classes' order, which goes on: half of each epoch are bodies bent by their writing, so
    that what it knew is not lost over a few photographs.
    """
    rng = np.random.default_rng(settings.seed)
    photographs, answers = np.concatenate(both_sides(known)), np.tile(labels, 2)
    many = max(1, settings.least // max(1, len(photographs)))
    poses = {} if start is None else read_poses(dict(map(written_entries().get, classes)))
    each = -(-many * len(photographs) // max(1, len(poses)))

    def draw() -> tuple[np.ndarray, np.ndarray]:
        rows, right = np.tile(photographs, (many, 1)), np.tile(answers, many)
        if start is None:
            return rows, right
        *bodies, place = simulate(poses, each, rng)
        return np.concatenate([rows, features(*bodies)]), np.concatenate([right, place])

    torch.manual_seed(settings.seed)  # the first weights too
    model, rate = (network(len(classes), dropout=0.4), 3e-3) if start is None else (start, settings.learning_rate)
    return model, train(model, draw, epochs=settings.passes, seed=settings.seed, learning_rate=rate)


def of_classes(model: nn.Sequential, classes: list[int]) -> nn.Sequential:
    """Return the network of the written poses, its answers only those of some classes, (C,)."""
    head = nn.Linear(model[-1].in_features, len(classes))
    with torch.no_grad():
        head.weight[:], head.bias[:] = model[-1].weight[classes], model[-1].bias[classes]
    return nn.Sequential(*model[:-1], head)


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks); where nobody is found, there is no answer: NaN.

    A network is kept, and goes on from the written poses of the run `ask.of`, where there is one; without photographs it is theirs.
    """
    known, asked = (found_in(ask.source, rows, ask.settings.joints, at.weights) for rows in (ask.train, ask.test))
    seen = np.isfinite(known[1]).all(axis=(1, 2))
    known = tuple(each[seen] for each in known)
    labels = np.searchsorted(ask.classes, ask.train["class"])[seen]
    start = None if ask.of is None else of_classes(kept_network(at.run(ask.of)), ask.classes)
    with fitting(folder):
        answers = _ways(ask, known, labels, asked, start, folder)
    answers[np.isnan(asked[1]).any(axis=(1, 2))] = np.nan
    return (answers,)


def _ways(
    ask, known: Skeletons, labels: np.ndarray, asked: Skeletons, start: nn.Module | None, folder: Path
) -> np.ndarray:
    if not len(labels) and start is None:  # nobody was found to learn from
        return np.full((len(asked[1]), len(ask.classes)), np.nan, np.float32)
    if ask.settings.method in LIBRARY:
        sides = np.concatenate(both_sides(known)), np.tile(labels, 2)
        return by_library(LIBRARY[ask.settings.method], *sides, both_sides(asked), len(ask.classes))
    if ask.settings.method == "kernel ridge":
        return kernel_ridge(known, labels, asked, len(ask.classes))
    model = learn(known, labels, ask.classes, ask.settings, start)[0] if len(labels) else start
    if ask.kept:
        save_file(model.state_dict(), folder / KEPT)
    return predict([model], *asked)
