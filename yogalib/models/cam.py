"""Activation maps of an encoder: gScoreCAM on grad-cam's BaseCAM (paper, Fig. 6; Chen et al. 2022, "gScoreCAM").

What part of a picture speaks for a prompt? Channels of a late layer are ranked by the gradient of the picture-prompt logit; each
of the best becomes a mask on the picture, and counts by the logit that the masked picture still gets.
"""

import numpy as np
import torch
from pytorch_grad_cam.activations_and_gradients import ActivationsAndGradients
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.metrics.road import ROADCombined
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn.functional import interpolate

from yogalib.models.encoders import Encoder
from yogalib.models.zero_shot import normalise, unit

BATCH = 32  # masked pictures at a time: more leave a CPU's cache


class PromptLogits(nn.Module):
    """Logits of pictures (N, 3, R, R) against fixed prompts, (N, C): what grad-cam takes for a classifier."""

    def __init__(self, encoder: Encoder, prompts: list[str]):
        super().__init__()
        self.model = encoder.model.float()
        tokens = encoder.tokenise(prompts).to(next(self.model.parameters()).device)
        with torch.no_grad():
            self.texts, self.scale = unit(self.model.encode_text(tokens)), self.model.logit_scale.exp()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.scale * unit(self.model.encode_image(images)) @ self.texts.T


class GScoreCAM(BaseCAM):
    """ScoreCAM on the `top` channels of the largest mean gradient alone; the paper takes 300.

    known : of the same model and layer, what each channel answers, (K,), by image and class, NaN before it was asked; is added to.
    """

    def __init__(self, model: nn.Module, layer: nn.Module, top: int, reshape=None, known: dict | None = None):
        super().__init__(model, [layer], reshape)
        self.top, self.known = top, known

    @torch.no_grad()
    def get_cam_weights(self, input_tensor, target_layer, targets, activations, grads) -> np.ndarray:
        """Return the channels' weights, (N, K): softmax over all channels, of which only the best were scored."""
        self.activations_and_grads.release()  # or each masked picture's activations would be kept
        weights = np.stack([self._weigh(*each) for each in zip(input_tensor, targets, activations, grads, strict=True)])
        self.activations_and_grads = ActivationsAndGradients(self.model, self.target_layers, self.reshape_transform)
        return weights

    def _weigh(self, image: Tensor, target, activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        mean = gradients.mean(axis=(1, 2))  # signed: a channel that speaks against the prompt is not asked
        best = np.argsort(-mean, kind="stable")[: self.top]
        memory = {} if self.known is None else self.known
        known = memory.setdefault((image.cpu().numpy().tobytes(), target.category), np.full(len(mean), np.nan))
        if len(asked := best[np.isnan(known[best])]):
            known[asked] = self._ask(image, target, activations[asked])
        scores = torch.zeros(len(mean), dtype=torch.float64)
        scores[best] = torch.from_numpy(known[best])
        return scores.softmax(dim=0).numpy()

    def _ask(self, image: Tensor, target, activations: np.ndarray) -> list[float]:
        """Return what the image masked by each of the activations, (k, h, w), still answers."""
        answers = []
        for part in torch.from_numpy(activations).to(image.device).split(BATCH):
            maps = interpolate(part[None], size=image.shape[1:], mode="bilinear", align_corners=False)[0]
            low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
            maps = (maps - low) / (high - low + 1e-8)
            answers += [float(target(answer)) for answer in self.model(image * maps[:, None])]
        return answers


def watched_layer(model: nn.Module) -> tuple[nn.Module, object, int]:
    """Return the layer whose channels are asked, how its output becomes (N, K, h, w), and K.

    For a ResNet the last stage, or the one before it where the last has but 2 x 2 places: on drawn figures, whose pixels are known, those
    tell little of where the body is, and the stage before does (the card of CLIP-mini has the numbers). For EfficientNet-Lite0 what is
    pooled, behind its activation; for a ViT the first normalisation of the last block, since at that block's output no gradient reaches
    the patches.
    """
    visual = model.visual
    if hasattr(visual, "layer4"):
        stage = visual.layer4 if visual.input_resolution // 32 > 2 else visual.layer3
        return stage, None, stage[-1].conv3.out_channels
    if hasattr(visual, "trunk"):
        return visual.trunk.bn2, None, visual.projection.in_features

    def as_map(tokens: Tensor) -> Tensor:  # (1 + h * w, N, K), the class token first
        side = int((len(tokens) - 1) ** 0.5)
        return tokens[1:].permute(1, 2, 0).unflatten(2, (side, side))

    return visual.transformer.resblocks[-1].ln_1, as_map, visual.conv1.out_channels


def activation_maps(
    encoder: Encoder, pixels: np.ndarray, prompts: list[str], targets: np.ndarray, top: float
) -> np.ndarray:
    """Return gScoreCAM's maps of an encoder, float (N, R, R), 0 to 1.

    pixels : uint8 (N, R, R, 3). prompts : C. targets : (N,), the place of the prompt that each picture is asked about.
    top : channels asked, as their number (never more than there are) or, under 1, as their share.
    """
    return activation_maps_by_channels(encoder, pixels, prompts, targets, {"all": top})["all"]


def activation_maps_by_channels(
    encoder: Encoder, pixels: np.ndarray, prompts: list[str], targets: np.ndarray, tops: dict[str, float]
) -> dict[str, np.ndarray]:
    """Return the maps for several numbers of channels, by their names: each channel is asked once."""
    layer, reshape, channels = watched_layer(encoder.model)
    network, images = _asked(encoder, pixels, prompts)
    maps, known = {}, {}
    for name, top in tops.items():
        cam = GScoreCAM(network, layer, max(1, round(top * channels)) if top < 1 else int(top), reshape, known)
        maps[name] = maps_of(cam, images, targets)
    return maps


def maps_of(cam: BaseCAM, images: Tensor, targets: np.ndarray) -> np.ndarray:
    """Return a method's maps, float (N, R, R), 0 to 1. images : the network's input, (N, 3, R, R). targets : (N,), class numbers."""
    with cam:
        maps = [
            cam(image[None].to(cam.device), [ClassifierOutputTarget(int(target))])[0]
            for image, target in zip(images, targets, strict=True)
        ]
    return np.stack(maps)


def road(encoder: Encoder, pixels: np.ndarray, prompts: list[str], targets: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return the ROAD score of each map of an encoder, (N,); arguments as `activation_maps` has them."""
    return road_of(*_asked(encoder, pixels, prompts), targets, maps)


def road_of(network: nn.Module, images: Tensor, targets: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return grad-cam's combined ROAD score of each map, (N,): higher is better, 0 is what a map without meaning gets.

    Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods": half the difference of the logit when
    the least and when the most relevant pixels are blurred away; here in units of the standard deviation of the image's logits over
    the classes, so that models with other scales, such as one before and after training, can be compared.
    """
    with torch.no_grad():
        unit = network(images).std(dim=1).cpu().numpy()
    score = ROADCombined(percentiles=[20, 40, 60, 80])
    with torch.random.fork_rng():  # what is blurred away gets a little noise
        torch.manual_seed(0)
        return score(images, maps, [ClassifierOutputTarget(int(target)) for target in targets], network) / unit


def _asked(encoder: Encoder, pixels: np.ndarray, prompts: list[str]) -> tuple[nn.Module, Tensor]:
    """Return what grad-cam needs: the encoder as a classifier, and its input."""
    network = PromptLogits(encoder, prompts).eval()
    return network, normalise(torch.from_numpy(pixels.copy()).to(network.texts.device))


def mass_inside(maps: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the share of each map's mass that lies inside, (N,). maps : (N, R, R), not negative. inside : bool (N, R, R)."""
    return (maps * inside).sum((1, 2)) / np.maximum(maps.sum((1, 2)), 1e-12)
