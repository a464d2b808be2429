"""Poses told apart by the body's joints: 20 joints out of BlazePose's 33, what is measured on them, and classifiers.

A skeleton is two arrays: `picture`, (N, 20, 2), where the joints are in the photograph, x right and y down, in any
unit; and `world`, (N, 20, 3), where they are about the hips in metres, x right, y down, z away from the camera.
Features don't change with the body's place and size. A body and its mirror image are one pose: classifiers see both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from blazepose import Landmarks

_PAIRS = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "heel", "toe")
JOINTS = ("nose", "head", *(f"{side}_{name}" for name in _PAIRS for side in "lr"))
# Each joint as the mean of BlazePose's landmarks: the head between the ears, the hand between two knuckles.
_OF_BLAZEPOSE = ((0,), (7, 8), *((i,) for i in range(11, 17)), (17, 19), (18, 20), *((i,) for i in range(23, 33)))
_OTHER_SIDE = np.array([0, 1, *(i + 1 if i % 2 == 0 else i - 1 for i in range(2, 20))])
_AT = {name: index for index, name in enumerate(JOINTS)}
_HIPS = [_AT["l_hip"], _AT["r_hip"]]
_BONES = np.array([(_AT[a], _AT[b]) for a, b in (
    *((f"{side}_{a}", f"{side}_{b}") for side in "lr" for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"), ("hip", "knee"), ("knee", "ankle"),
        ("ankle", "toe"), ("hip", "shoulder"))),
    ("l_shoulder", "r_shoulder"), ("l_hip", "r_hip"), ("head", "nose"))])  # fmt: skip
_FIRST, _SECOND = np.triu_indices(len(JOINTS), 1)


def joints_of(landmarks: Landmarks) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture (N, 20, 2) and world (N, 20, 3) joints of landmarks; NaN where nobody was found."""
    picture = [landmarks.points[:, of, :2].mean(axis=1) for of in map(list, _OF_BLAZEPOSE)]
    world = [landmarks.world[:, of].mean(axis=1) for of in map(list, _OF_BLAZEPOSE)]
    return np.stack(picture, axis=1), np.stack(world, axis=1)


def mirror(joints: np.ndarray) -> np.ndarray:
    """Swap left and right of joints (N, 20, 2 or 3) about the hips' vertical."""
    mirrored = joints[:, _OTHER_SIDE].copy()
    mirrored[..., 0] *= -1
    return mirrored


def features(picture: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Measure skeletons: float32 (N, F), finite; zeros where nobody was found.

    Places in the picture and in space about the hips, over the body's spread (root mean square distance from its
    middle); directions of the bones in space; distances between all pairs of joints in space.
    """
    flat, solid = _centred(picture), _centred(world)
    bones = solid[:, _BONES[:, 1]] - solid[:, _BONES[:, 0]]
    bones /= np.linalg.norm(bones, axis=2, keepdims=True) + 1e-6
    distances = np.linalg.norm(solid[:, _FIRST] - solid[:, _SECOND], axis=2)
    parts = (flat, solid, bones, distances)
    return np.nan_to_num(np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)).astype(np.float32)


def _centred(joints: np.ndarray) -> np.ndarray:
    """Return joints about the middle of the hips, over their spread."""
    spread = np.sqrt(((joints - joints.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1))
    return (joints - joints[:, _HIPS].mean(axis=1, keepdims=True)) / (spread[:, None, None] + 1e-9)


def network(inputs: int, classes: int, widths: Sequence[int] = (512, 256), dropout: float = 0.2) -> nn.Sequential:
    """Return a small network from features (N, inputs) to logits (N, classes); it standardises its input itself."""
    layers: list[nn.Module] = [nn.BatchNorm1d(inputs, affine=False)]
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def train(
    model: nn.Module, x: np.ndarray, targets: np.ndarray, *, epochs: int, seed: int, learning_rate: float = 3e-3,
    batch: int = 256, smoothing: float = 0.05, weight_decay: float = 1e-2,
) -> nn.Module:  # fmt: skip
    """Train a model on features (N, F) and class numbers (N,) in place: AdamW, one cycle; the same by the same seed."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout draws from the global generator
    rows, answers = torch.as_tensor(x), torch.as_tensor(targets)
    batch = min(batch, len(rows))
    steps = max(2, epochs * (len(rows) // batch))
    optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=0.1)
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(rows), generator=generator)
        for chosen in order.split(batch)[: len(rows) // batch]:
            loss = cross_entropy(model(rows[chosen]), answers[chosen], label_smoothing=smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def train_on_photographs(
    picture: np.ndarray, world: np.ndarray, targets: np.ndarray, classes: int, *, epochs: int = 40, seed: int = 0,
    start: nn.Module | None = None, learning_rate: float = 3e-3,
) -> nn.Module:  # fmt: skip
    """Train a network on the skeletons of photographs and their mirror images, from `start` (changed) if given."""
    x = np.concatenate([features(picture, world), features(mirror(picture), mirror(world))])
    torch.manual_seed(seed)  # the first weights too
    model = start if start is not None else network(x.shape[1], classes, dropout=0.4)
    return train(model, x, np.tile(targets, 2), epochs=epochs, seed=seed, learning_rate=learning_rate)


@torch.inference_mode()
def predict(models: Sequence[nn.Module], picture: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Return probabilities (N, classes): mean of log-probabilities over models and both sides; even where nobody is."""
    views = [torch.as_tensor(features(picture, world)), torch.as_tensor(features(mirror(picture), mirror(world)))]
    logs: list[Tensor] = [model.eval()(x).log_softmax(1) for model in models for x in views]
    probabilities = torch.stack(logs).mean(0).softmax(1).numpy().copy()
    probabilities[np.isnan(world).any(axis=(1, 2))] = 1 / probabilities.shape[1]
    return probabilities


class InvariantKernel:
    """Kernel ridge regression on one-hot answers with a Gaussian kernel averaged over a skeleton and its mirror image.

    What it answers is the same for both sides to the last digit. Temperature: of the left-one-out scores that training
    gives for nothing, so that probabilities are honest. One linear system of the photographs' number: seconds.

    width : of the kernel, over the features' mean squared distance from their mean; ridge : added to the diagonal.
    """

    def __init__(self, width: float = 1.0, ridge: float = 0.02):
        self.width, self.ridge = width, ridge

    def fit(self, picture: np.ndarray, world: np.ndarray, targets: np.ndarray, classes: int) -> InvariantKernel:
        """Learn from photographs in which somebody was found."""
        sides = features(picture, world), features(mirror(picture), mirror(world))
        both = np.concatenate(sides)
        self._mean, self._scale = both.mean(axis=0), both.std(axis=0) + 1e-6
        self._known = [(side - self._mean) / self._scale for side in sides]
        self._gamma = self.width / (2 * both.shape[1])
        inverse = np.linalg.inv(self._kernel(self._known[0]) + self.ridge * np.eye(len(targets)))
        answers = np.eye(classes)[targets] - 1 / classes
        self._weights = inverse @ answers
        left_out = answers - self._weights / np.diag(inverse)[:, None]
        self.temperature = _temperature(left_out, targets)
        return self

    def predict(self, picture: np.ndarray, world: np.ndarray) -> np.ndarray:
        """Return probabilities (N, classes); even where nobody was found."""
        asked = (features(picture, world) - self._mean) / self._scale
        scores = torch.as_tensor(self._kernel(asked) @ self._weights) / self.temperature
        probabilities = scores.softmax(1).numpy().copy()
        probabilities[np.isnan(world).any(axis=(1, 2))] = 1 / probabilities.shape[1]
        return probabilities

    def _kernel(self, asked: np.ndarray) -> np.ndarray:
        """Return the kernel of asked (N, F) and known skeletons, (N, K), float64."""
        squares = [
            (asked**2).sum(1)[:, None] + (known**2).sum(1)[None] - 2 * asked @ known.T for known in self._known
        ]
        return sum(np.exp(-self._gamma * np.maximum(square, 0).astype(np.float64)) for square in squares)


def _temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature at which scores are likeliest, out of forty between 0.02 and 1."""
    temperatures = np.geomspace(0.02, 1, 40)
    x, y = torch.as_tensor(scores), torch.as_tensor(targets)
    return float(min(temperatures, key=lambda t: float(cross_entropy(x / t, y))))
