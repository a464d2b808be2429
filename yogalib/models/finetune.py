"""Fine-tuning both towers on image-prompt pairs (paper, section 3.2.2, equations 1 and 2)."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from scipy.stats import hypergeom
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from yogalib.facts.prompts import superclass_prompts
from yogalib.models.augment import augment, draws_for
from yogalib.models.device import Device
from yogalib.models.encoders import Encoder, open_encoder
from yogalib.models.lora import adapted
from yogalib.models.resident import Pictures, images_of
from yogalib.models.views import kept_views
from yogalib.models.zero_shot import before_training, classify, network_input, unit
from yogalib.profile import FineTuning, Optimiser

MEASURED = 256  # training pictures that batch norms are measured on, before they learn


def contrastive_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Symmetric cross-entropy of image-to-text and text-to-image logits (paper, equation 1).

    logits : (B, B), cosine similarity times the logit scale. targets : (B, B), rows sum to one.
    """
    image_loss = cross_entropy(logits, targets)
    text_loss = cross_entropy(logits.T, targets.T / targets.T.sum(1, keepdim=True))
    return (image_loss + text_loss) / 2


def levels_loss(logits: Tensor, labels: Tensor, above: Sequence[Tensor], smoothing: float = 0.0) -> Tensor:
    """Return the sum of the cross-entropies at all levels of a hierarchy (Verma et al. 2020, variant 1: a head for each level).

    logits : (B, C + C' + ...), of the classes, then of the superclasses of each level above. labels : (B,). above : which class belongs to
    which superclass, a level each, bool (C, C'). smoothing : the share of a target that all classes of its level get alike.
    """
    sizes = [each.shape[1] for each in above]
    parts = logits.split([logits.shape[1] - sum(sizes), *sizes], dim=1)
    right = [labels, *(each.long().argmax(dim=1)[labels] for each in above)]
    losses = [cross_entropy(part, of, label_smoothing=smoothing) for part, of in zip(parts, right, strict=True)]
    return torch.stack(losses).sum()


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


def make_optimiser(model: torch.nn.Module, settings: Optimiser, steps: int, without_images: int = 0):
    """Return AdamW over all weights that learn, and its schedule (one `step()` per batch).

    without_images : first steps in which the image tower's rate is zero (after LP-FT, Kumar et al. 2022: the classifier, here the text
    tower, before the features).
    """
    on_gpu = (device := next(model.parameters()).device).type == "cuda"
    learning = [weights for weights in model.parameters() if weights.requires_grad]  # CLIP-lite's first stages do not
    later = {id(weights) for weights in model.visual.parameters()} if without_images else set()
    parts = [[each for each in learning if (id(each) in later) == waits] for waits in (False, True)]
    adamw = torch.optim.AdamW(
        # a recorded graph reads the rate where it lies
        [
            {
                "params": part,
                "lr": torch.tensor(settings.learning_rate, device=device) if on_gpu else settings.learning_rate,
            }
            for part in parts
            if part
        ],
        capturable=on_gpu,
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

    factors = [factor, lambda step: factor(step) if step >= without_images else 0.0]
    return adamw, torch.optim.lr_scheduler.LambdaLR(adamw, factors[: len(adamw.param_groups)])


class Words:
    """The words of some prompts, which alone learn: within `with`, they are all that the model knows.

    The embedding's other 49,000 words have no gradient; to fill in their zeros, average and decay them took a fifth of a small step.

    tokens : (C, L), the prompts' words renumbered in their order, so that the end's number is still the highest, as CLIP has it.
    """

    def __init__(self, model, tokens: Tensor):
        self.model, self.all = model, model.token_embedding
        self.used, self.tokens = tokens.unique(return_inverse=True)
        weights, learns = self.all.weight, self.all.weight.requires_grad
        self.few = torch.nn.Embedding.from_pretrained(weights.detach()[self.used], freeze=not learns)

    def __enter__(self) -> Self:
        self.model.token_embedding = self.few
        return self

    def __exit__(self, *_) -> None:
        self.model.token_embedding = self.all
        with torch.no_grad():
            self.all.weight[self.used] = self.few.weight


def fine_tune(
    encoder: Encoder,
    train: tuple[np.ndarray | Pictures, np.ndarray],
    test: tuple[np.ndarray | Pictures, np.ndarray],
    prompts: list[str],
    settings: FineTuning,
    device: Device,
    views: Sequence[Pictures] = (),
    above: Sequence[tuple[list[str], np.ndarray]] = (),
) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """Fine-tune the encoder in place; return its history, and its last answers as `classify` gives them.

    train, test : pixels uint8 (N, R, R, 3) and labels (N,), places in `prompts` (C). The test part is looked at after
    each epoch for the curve of Fig. 5; nothing is chosen on it, the last epoch is the result (the paper's way). views : the
    training pictures as the frozen stages see them, one view an epoch in turn (yogalib.models.views); with none, every
    epoch augments them anew. above : levels of superclasses that are learnt too, with the targets `class-prompts`: the prompts of each,
    and which class belongs to which, bool (C, C').

    The history has the columns epoch, loss (mean over the epoch's images), train_batches, top1 (on the test part).
    """
    model = encoder.on(device.torch)
    generator = torch.Generator().manual_seed(settings.seed)
    labels = torch.from_numpy(train[1]).to(device.torch)
    views = views or [Pictures.of(train[0], device.torch)]
    # a last batch of a few pictures would spoil the norms' running means: so its pictures wait for another epoch
    learnt = (settings.batch_norm and len(labels) // settings.batch * settings.batch) or len(labels)
    orders = [torch.randperm(len(labels), generator=generator)[:learnt] for _ in range(settings.epochs)]
    if settings.batch_norm and hasattr(model.visual, "unfold"):
        some = orders[0][:MEASURED].to(views[0].places.device)
        model.visual.unfold(network_input(views[0][some].to(device.torch)))
    learnt_prompts = [*prompts, *(prompt for level, _ in above for prompt in level)]
    adapters = adapted(model, settings.rank) if settings.rank else None
    words = Words(model, encoder.tokenise(learnt_prompts).to(device.torch))
    belongs = [torch.as_tensor(of).to(device.torch) for _, of in above]
    batches = math.ceil(learnt / settings.batch)
    with words:
        steps = batches * settings.epochs, batches * settings.text_first
        optimiser, schedule = make_optimiser(model, settings.optimiser, *steps)
        mean = _mean_of_weights(model, batches) if settings.averaged else None
    total, history, judged = torch.zeros((), device=device.torch), [], before_training(encoder, test[0], device)
    step = train_step(model, optimiser, words.tokens, settings, total, device, belongs)
    for epoch, order in enumerate(tqdm(orders, desc="fine-tuning", unit="epoch", mininterval=10, delay=2), 1):
        model.train()
        draws = torch.rand(learnt, draws_for(settings.augmentation), generator=generator)
        with words:
            for images, right in _batches(views[(epoch - 1) % len(views)], labels, order, draws, settings, device):
                step(images, right)
                schedule.step()
                if mean is not None:
                    mean.update_parameters(model)
            if mean is not None and epoch == settings.epochs:
                model.load_state_dict(mean.module.state_dict())
        if epoch == settings.epochs:
            _finish(model, adapters)
        answers = classify(encoder, judged, prompts, device)
        top1 = float((answers[0].argmax(1) == test[1]).mean())
        history.append({"epoch": epoch, "loss": float(total) / learnt, "batches": batches, "top1": top1})
        total.zero_()
    return pd.DataFrame(history), answers


def _mean_of_weights(model, batches: int) -> AveragedModel:
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / batches), use_buffers=True)


def _finish(model, adapters) -> None:
    """Leave the plain layers that are kept: of CLIP-lite without its norms, of adapters without these."""
    if hasattr(model.visual, "fold"):
        model.visual.fold()
    if adapters is not None:
        adapters.merge_and_unload()


def train_step(
    model, optimiser, tokens: Tensor, settings: FineTuning, total: Tensor, device: Device, above: Sequence[Tensor] = ()
) -> Callable:
    """Return the function that takes a step on images (B, 3, R, R) and labels (B,), and adds B times the loss to `total`, ().

    The loss stays on the device: to read it after each step would wait for it.
    """

    def step(images: Tensor, labels: Tensor) -> None:
        loss = batch_loss(model, images, labels, tokens, settings.targets, device, settings.smoothing, above)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))  # CLIP, section 2.5: no logit above 100 times the cosine
        total.add_(loss.detach(), alpha=len(labels))

    # adapters change weights within a step, which no recorded graph would see
    return step if settings.rank else device.graphed(step)


def _batches(pictures: Pictures, labels: Tensor, order: Tensor, draws: Tensor, settings: FineTuning, device: Device):
    """Yield an epoch's batches: the network's input, (B, 3, R, R), and labels, (B,). order : (N,). draws : (N, `draws_for`)."""
    # chance was drawn on the CPU, so that one seed means one sequence on every machine, and comes for the whole epoch at once, so
    # that the GPU is not waited for
    where = pictures.places.device  # the CPU's, when a GPU has no room for the cache
    parts = (each.split(settings.batch) for each in (order.to(where), order.to(device.torch), draws.to(device.torch)))
    for taken, chosen, drawn in zip(*parts, strict=True):
        images = pictures[taken].to(device.torch)
        new = images.dtype == torch.uint8  # else what frozen stages made of a picture that was augmented
        yield network_input(augment(images, settings.augmentation, drawn) if new else images), labels[chosen]


def batch_loss(
    model,
    images: Tensor,
    labels: Tensor,
    tokens: Tensor,
    targets: str,
    device: Device,
    smoothing: float = 0.0,
    above: Sequence[Tensor] = (),
) -> Tensor:
    """Return the loss of one batch.

    images : (B, 3, R, R). labels : (B,), places in `tokens` (C, context length). targets : those of `batch_targets`, or
    `class-prompts`: plain cross-entropy over the prompts of all classes, whatever the batch holds. smoothing : the share of
    the latter's target that all classes get alike. above : of the latter, as `levels_loss` has it; the tokens of superclasses follow.
    """
    # each prompt is encoded once and repeated: the same logits as one caption per picture, for less work. On a CPU those of
    # the batch alone; which these are a GPU would have to be asked and waited for, and shapes would change from step to step
    place = labels
    if targets != "class-prompts" and not labels.is_cuda:
        distinct, place = torch.unique(labels, return_inverse=True)
        tokens = tokens[distinct]
    with device.autocast():
        image_features, text_features = unit(model.encode_image(images)), unit(model.encode_text(tokens))
    if targets == "class-prompts":
        logits = model.logit_scale.exp() * image_features @ text_features.T
        return levels_loss(logits, labels, above, smoothing)
    logits = model.logit_scale.exp() * image_features @ text_features[place].T
    return contrastive_loss(logits, batch_targets(labels, targets))


def answer(ask, at, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks); leaves history.csv, and model.safetensors where the model is kept."""
    encoder = open_encoder(ask.encoder, at.weights, ask.seed)
    parts = [
        (images_of(ask.source, rows, encoder.resolution, at.device.torch), np.searchsorted(ask.classes, rows["class"]))
        for rows in (ask.train, ask.test)
    ]
    # CLIP-lite's first stages alone are known before training
    views = kept_views(ask.source, ask.train, encoder, ask.settings) if hasattr(encoder.model.visual, "early") else ()
    above = superclass_prompts(ask.classes) if ask.settings.levels else ()
    history, answers = fine_tune(encoder, *parts, ask.prompts, ask.settings, at.device, views, above)
    history.to_csv(folder / "history.csv", index=False)
    if ask.kept:
        weights = {key: value.cpu().contiguous() for key, value in encoder.model.state_dict().items()}
        save_file(weights, folder / "model.safetensors")
    return answers
