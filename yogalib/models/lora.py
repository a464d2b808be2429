"""Low-rank adapters in the attention of both towers (LoRA, Hu et al. 2022; on CLIP: Zanella and Ben Ayed 2024), by peft."""

from torch import nn

TARGETS = r".*transformer\.resblocks\.\d+\.attn"  # of a vision transformer's and the text tower's blocks


def adapted(model: nn.Module, rank: int):
    """Put adapters of a rank into a CLIP with a vision transformer; they alone learn. `merge_and_unload()` of what is returned folds them in.

    The model is changed in place: it answers as before until they learn.
    """
    from peft import LoraConfig  # transformers: seconds
    from peft.tuners.lora import LoraModel

    return LoraModel(model, LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS), "default")
