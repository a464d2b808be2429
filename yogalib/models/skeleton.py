"""Poses told apart by the body's joints: 20 joints out of BlazePose's 33, what is measured on them, and a network that does.

A skeleton is two arrays: `picture`, (N, 20, 2), where the joints are in the photograph, x right and y down, in any
unit; and `world`, (N, 20, 3), where they are about the hips in metres, x right, y down, z away from the camera.
Features don't change with the body's place and size. A body and its mirror image are one pose.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

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


def joints_of(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture (N, 20, 2) and world (N, 20, 3) joints of landmarks (N,), as yogalib.models.blazepose has them; NaN for nobody."""
    picture = [landmarks["points"][:, of, :2].mean(axis=1) for of in map(list, _OF_BLAZEPOSE)]
    world = [landmarks["world"][:, of].mean(axis=1) for of in map(list, _OF_BLAZEPOSE)]
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


def network(classes: int, widths: Sequence[int] = (512, 256), dropout: float = 0.2) -> nn.Sequential:
    """Return a small network from features (N, F) to logits (N, classes); it standardises its input itself."""
    inputs = 5 * len(JOINTS) + 3 * len(_BONES) + len(_FIRST)  # of `features`
    layers: list[nn.Module] = [nn.BatchNorm1d(inputs, affine=False)]
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def train(
    model: nn.Module,
    draw: Callable[[], tuple[np.ndarray, np.ndarray]],
    *,
    epochs: int,
    seed: int,
    learning_rate: float = 3e-3,
    batch: int = 256,
) -> list[float]:
    """Train a model in place by AdamW and one cycle of its rate; return each epoch's mean loss. The same by the same seed.

    draw : gives an epoch's features (N, F) and class numbers (N,), always as many.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout draws from the global generator
    losses, optimiser = [], torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=1e-2)
    model.train()
    for epoch in range(epochs):
        rows, answers = map(torch.as_tensor, draw())
        steps = max(1, len(rows) // batch)
        if epoch == 0:
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, learning_rate, total_steps=max(2, epochs * steps), pct_start=0.1
            )
        total = 0.0
        for chosen in torch.randperm(len(rows), generator=generator).split(batch)[:steps]:
            loss = cross_entropy(model(rows[chosen]), answers[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        losses.append(total / steps)
    model.eval()
    return losses


@torch.inference_mode()
def predict(models: Sequence[nn.Module], picture: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Return probabilities (N, classes): the mean of log-probabilities over models and both sides; NaN where nobody is."""
    views = [torch.as_tensor(features(picture, world)), torch.as_tensor(features(mirror(picture), mirror(world)))]
    logs: list[Tensor] = [model.eval()(x).log_softmax(1) for model in models for x in views]
    probabilities = torch.stack(logs).mean(0).softmax(1).numpy().copy()
    probabilities[np.isnan(world).any(axis=(1, 2))] = np.nan
    return probabilities
