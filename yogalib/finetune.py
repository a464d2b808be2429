"""Fine-tuning both towers on image-prompt pairs (paper, section 3.2.2, equations 1 and 2)."""

import math

import numpy as np
import pandas as pd
import torch
from scipy.stats import hypergeom
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample
from tqdm import tqdm

from yogalib.device import Device
from yogalib.encoders import Encoder
from yogalib.profile import Augmentation, FineTuning, Optimiser
from yogalib.zero_shot import classify, normalise, unit


def contrastive_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Symmetric cross-entropy of image-to-text and text-to-image logits (paper, equation 1).

    logits : (B, B), cosine similarity times the logit scale. targets : (B, B), rows sum to one.
    """
    image_loss = cross_entropy(logits, targets)
    text_loss = cross_entropy(logits.T, targets.T / targets.T.sum(1, keepdim=True))
    return (image_loss + text_loss) / 2


def batch_targets(labels: Tensor, kind: str) -> Tensor:
    """Return the targets of a batch, (B, B), rows sum to one.

    kind : `diagonal`, each picture's own caption alone is right, also when a class mate in the batch has the same words
    (the original training loop; the paper does not say); `multi-positive`, all captions of the picture's class share
    the weight.
    """
    if kind == "diagonal":
        return torch.eye(len(labels), device=labels.device)
    same = (labels[:, None] == labels[None, :]).float()
    return same / same.sum(1, keepdim=True)


def share_with_class_mate(labels: np.ndarray, batch: int) -> float:
    """Return the expected share of a random batch's pictures that have another picture of their class in it.

    For those, `diagonal` targets count a correct caption as wrong. labels : (N,), of the training part.
    """
    counts, others = np.bincount(labels), len(labels) - 1
    alone = hypergeom.pmf(0, others, np.maximum(counts - 1, 0), min(batch, len(labels)) - 1)
    return float(1 - (counts * alone).sum() / len(labels))


def augment(pixels: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Return the batch, (B, R, R, 3), each picture mirrored, cropped and recoloured at random, all at once on the device."""
    if settings.flip or settings.smallest_crop < 1:
        pixels = _crop_and_flip(pixels, settings, generator)
    return recolour(pixels, settings.colour, generator) if settings.colour else pixels


def recolour(pixels: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Return the batch with each picture's channels scaled by 1 +- strength, and all of it lighter or darker."""
    gain = 1 + strength * (2 * torch.rand(len(pixels), 1, 1, 3, generator=generator) - 1)
    shift = 200 * strength * (torch.rand(len(pixels), 1, 1, 1, generator=generator) - 0.5)
    return (pixels.float() * gain.to(pixels.device) + shift.to(pixels.device)).clamp(0, 255)


def _crop_and_flip(pixels: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    # drawn on the CPU, so that one seed means one sequence on every machine
    side, x, y, mirror = torch.rand(4, len(pixels), generator=generator)
    side = settings.smallest_crop + (1 - settings.smallest_crop) * side
    sign = torch.where(mirror < 0.5, -1.0, 1.0) if settings.flip else torch.ones_like(side)
    zero = torch.zeros_like(side)
    row_x = torch.stack([sign * side, zero, (2 * x - 1) * (1 - side)], dim=1)
    row_y = torch.stack([zero, side, (2 * y - 1) * (1 - side)], dim=1)
    theta = torch.stack([row_x, row_y], dim=1).to(pixels.device)
    image = pixels.permute(0, 3, 1, 2).float()
    grid = affine_grid(theta, list(image.shape), align_corners=False)
    return grid_sample(image, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)


def make_optimiser(model: torch.nn.Module, settings: Optimiser, steps: int):
    """Return AdamW over all weights, and its schedule (one `step()` per batch)."""
    adamw = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=tuple(settings.betas),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    warmup = settings.warmup * steps

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if settings.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return adamw, torch.optim.lr_scheduler.LambdaLR(adamw, factor)


def fine_tune(
    encoder: Encoder,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    prompts: list[str],
    settings: FineTuning,
    device: Device,
) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """Fine-tune the encoder in place; return its history, and its last answers as `classify` gives them.

    train, test : pixels uint8 (N, R, R, 3) and labels (N,), places in `prompts` (C). The test part is looked at after
    each epoch for the curve of Fig. 5; nothing is chosen on it, the last epoch is the result (the paper's way).

    The history has the columns epoch, loss (mean over the epoch's images), train_batches, top1 (on the test part).
    """
    model = encoder.model.to(device.torch)
    generator = torch.Generator().manual_seed(settings.seed)
    pixels, labels = (torch.from_numpy(np.array(part)).to(device.torch) for part in train)
    tokens = encoder.tokenise(prompts).to(device.torch)
    batches = math.ceil(len(labels) / settings.batch)
    optimiser, schedule = make_optimiser(model, settings.optimiser, batches * settings.epochs)
    history = []
    for epoch in tqdm(range(1, settings.epochs + 1), desc="fine-tuning", unit="epoch", mininterval=10, delay=2):
        model.train()
        total = torch.zeros((), device=device.torch)
        for chosen in torch.randperm(len(labels), generator=generator).to(device.torch).split(settings.batch):
            images = normalise(augment(pixels[chosen], settings.augmentation, generator))
            loss = batch_loss(model, images, labels[chosen], tokens, settings.targets, device)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(max=math.log(100))  # CLIP, section 2.5: no logit above 100 times the cosine
            total += loss.detach() * len(chosen)
        answers = classify(encoder, test[0], prompts, device)
        top1 = float((answers[0].argmax(1) == test[1]).mean())
        history.append({"epoch": epoch, "loss": float(total) / len(labels), "batches": batches, "top1": top1})
    return pd.DataFrame(history), answers


def batch_loss(model, images: Tensor, labels: Tensor, tokens: Tensor, targets: str, device: Device) -> Tensor:
    """Return the loss of one batch.

    images : (B, 3, R, R). labels : (B,), places in `tokens` (C, context length). targets : those of `batch_targets`, or
    `class-prompts`: plain cross-entropy over the prompts of all classes, whatever the batch holds.
    """
    # each distinct prompt is encoded once and repeated: the same logits as one caption per picture, for less work
    distinct, place = torch.unique(labels, return_inverse=True)
    with device.autocast():
        image_features = unit(model.encode_image(images))
        text_features = unit(model.encode_text(tokens if targets == "class-prompts" else tokens[distinct]))
    if targets == "class-prompts":
        return cross_entropy(model.logit_scale.exp() * image_features @ text_features.T, labels)
    logits = model.logit_scale.exp() * image_features @ text_features[place].T
    return contrastive_loss(logits, batch_targets(labels, targets))
