"""Profiles: every knob of the study, read from YAML and validated whole before any work starts."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from yogalib.errors import BadInput
from yogalib.facts.prompts import SYNTAXES, check_template
from yogalib.paths import ROOT, read_yaml

FOLDER = Path(__file__).with_name("profiles")
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Pair = Annotated[list[Positive], Field(min_length=2, max_length=2)]
SubsetName = Literal["all", "subset_i", "subset_ii"]
Targets = Literal["diagonal", "multi-positive", "class-prompts"]  # what is right in a batch (yogalib.models.finetune)
JointsWay = Literal["logistic regression", "SVC", "kernel ridge", "network"]  # yogalib.models.joints
ProbeWay = Literal[  # yogalib.models.probe
    "linear probe", "nearest mean", "LDA", "Tip-Adapter", "Tip-Adapter-F", "ProLIP", "linear probe and words"
]
# of fine-tuning (yogalib.runs.questions)
Variant = Literal["text tower first", "mean of weights", "three levels", "LoRA"]
OpenWay = Literal["linear probe", "LDA"]  # of encoders by open_clip
# a key that came later: where nothing is asked of it, runs keep the names that they had before
Later = Field(exclude_if=lambda value: not value)
Names = Literal["sanskrit", "english", "number", "description", "captions"]  # captions: 24 of each pose, averaged


class _Strict(BaseModel):
    # strict: YAML reads 1e-5 as a string, and a string must not pass for a number
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Synthetic(_Strict):
    """The drawn world (yogalib.synthetic): about so many pictures of about so many pixels a side."""

    images: Count
    size: Count
    seed: int
    classes: list[str] | None  # official folder names; None: all 82
    shifted: bool = False  # other styles and another camera than usual: another data set


class Data(_Strict):
    """Where the images are and which of them count."""

    synthetic: Synthetic | None  # None: a folder
    folder: str | None  # None: DATA= on the make line
    lists: str | None  # folder of the official lists; None: the data folder itself, if they are there
    minimum_side: Count
    # crop is CLIP's own preprocessing; pad keeps hands and feet of wide poses; person is pad of a square around whom BlazePose finds
    fit: Literal["crop", "pad", "person"]


class Split(_Strict):
    """How the images are parted (paper, section 4.1: random 80/20)."""

    method: Literal["stratified", "official"]
    test_share: Share
    seed: int  # of the first random split; the others follow
    twins: Literal["ignored", "one_side"]  # near-duplicates may fall to both sides, as in the paper, or to one alone
    validation_share: Share  # of the training images, where an epoch or a setting is chosen
    repeats: Count  # random splits that means and intervals are taken over (Table 9: 78)


class Prompt(_Strict):
    """A template and the kind of class name that takes the place of `<category>` (paper, Table 5).

    Several templates are an ensemble: their prompts' features are averaged.
    """

    template: str | list[str]
    names: Names

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.names if isinstance(self.template, str) else f"{self.names}, {len(self.template)} templates"

    _check = field_validator("template")(check_template)


class ZeroShot(_Strict):
    """Section 3.2.1: encoders compared without training."""

    encoders: Annotated[list[str], Field(min_length=1)]
    fetched: list[str] = []  # published ones, asked too where their weights are on disk
    subset: SubsetName
    prompt: Prompt
    other_prompts: list[Prompt]  # beyond the paper: other words for the same poses
    worlds: Count  # drawn anew so many times, for the luck of the drawing; real pictures are there once


class Optimiser(_Strict):
    """AdamW and its schedule (paper, section 3.2.2)."""

    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)]
    epsilon: Positive
    schedule: Literal["constant", "cosine"]
    warmup: Annotated[float, Field(ge=0, lt=1)]  # share of the steps


class Augmentation(_Strict):
    """Random changes of the training images; the paper names none."""

    flip: bool
    smallest_crop: Annotated[float, Field(gt=0, le=1)]  # share of the picture's side; 1: no crop
    colour: Annotated[float, Field(ge=0, lt=1)]  # how far brightness and each channel may stray; 0: not at all
    turn: Annotated[float, Field(ge=0, le=180), Later] = 0.0  # degrees, to either side


class FineTuning(_Strict):
    """Section 4.2: the full fine-tuning."""

    encoder: str
    subset: SubsetName
    prompt: Prompt
    targets: Targets
    compared_targets: Annotated[list[Targets], Later] = []  # beside `targets`, on all poses; []: all kinds
    batch: Count
    epochs: Count
    optimiser: Optimiser
    augmentation: Augmentation
    smoothing: Annotated[float, Field(ge=0, lt=1), Later] = 0.0  # share of a class-prompts target that all classes get
    # an epoch sees one of so many augmented views, of which what CLIP-lite's frozen stages make is kept; 0: always a new one
    views: Annotated[int, Field(ge=0), Later] = 0
    fit: Annotated[Literal["crop", "pad", "person"] | None, Later] = (
        None  # of what is fine-tuned, where another than data.fit; of six poses too
    )
    batch_norm: Annotated[bool, Later] = False  # in CLIP-lite's learning stages while they learn; then folded again
    text_first: Annotated[int, Field(ge=0), Later] = 0  # epochs in which the image tower stays as it was
    averaged: Annotated[bool, Later] = False  # the result is the weights' exponential mean over about the last epoch
    levels: Annotated[bool, Later] = False  # superclasses are learnt too, with class-prompts
    # of the low-rank adapters that learn alone (LoRA); 0: the weights themselves learn
    rank: Annotated[int, Field(ge=0), Later] = 0
    precision: Literal["fp32", "auto"]  # auto: bf16 autocast on a GPU, fp32 elsewhere
    seed: int


class SmallRuns(_Strict):
    """The six-pose experiments (Tables 5, 6, 7 and 11, Fig. 4): all else as in the full fine-tuning."""

    subset: SubsetName
    batch: Count
    epochs: Count
    repeats: Count  # random splits, over which means are taken
    seeds: Count = 1  # training seeds on each split, with the profile's pair: what the seed does, beside the split; 1: is not asked
    other_subsets: list[SubsetName]  # that the pairs are tried on too (Table 6: subset_i; Table 7: subset_ii)
    pairs: list[Pair]  # Tables 6, 7: learning rate and weight decay
    pair: Pair  # of all small runs but those of the grid
    rate_scale: Positive  # times these learning rates: a small encoder needs larger steps than ViT-B/32
    per_class: list[Count]  # Table 11: training images per class, on a fixed test part
    equal_steps: list[Count]  # those sizes of per_class are trained once more for as many steps as all images take
    other_syntaxes: dict[str, Prompt]  # beside the four of Table 5: name to prompt

    @property
    def syntaxes(self) -> dict[str, Prompt]:
        """The paper's four syntaxes, the default first, and the profile's own."""
        return {name: Prompt(**syntax) for name, syntax in SYNTAXES.items()} | self.other_syntaxes

    @property
    def grid_subsets(self) -> list[str]:
        """The subsets that the pairs are tried on, each once."""
        return sorted({self.subset, *self.other_subsets})


class Yolo(_Strict):
    """Section 5: YOLOv8-cls, trained by ultralytics' own code on the same split."""

    # yolov8n-cls-mini: ours, pre-trained on drawn bodies; yolov8x-cls.pt: published weights, or a file beside them; yolov8n-cls.yaml: a
    # shape, from random weights
    model: str
    resolution: Count
    batch: Count
    epochs: Count
    learning_rate: Positive
    repeats: Count  # random splits
    no_warmup: Annotated[bool, Later] = (
        False  # else the rate rises over ultralytics' 3 epochs, or 100 steps if that is more
    )
    seed: int


class Written(_Strict):
    """Beyond the paper: a network that learns the poses as they are written, from no photograph (yogalib.models.written)."""

    bodies: Count = 300  # of each pose, drawn anew in each epoch
    epochs: Count = 6
    seed: int = 0
    added: list[str] = []  # poses beyond the 82, in the order of their numbers


class Joints(_Strict):
    """Beyond the paper: a classifier of the joints found in photographs (yogalib.models.joints)."""

    method: JointsWay
    joints: Literal["blazepose", "drawn"]
    passes: Count = 20  # through the skeletons, which take milliseconds; this and the next three are a network's
    learning_rate: Positive = 2.0e-3  # of one that goes on from the written poses
    least: Count = 2500  # skeletons that it sees of photographs in an epoch, however few they are
    seed: int = 0


class Probe(_Strict):
    """Beyond the paper: a frozen encoder's features, and what is made of them (yogalib.models.probe)."""

    method: ProbeWay


class OpenClip(_Strict):
    """An encoder by the names that open_clip has for it; with an empty tag, random weights."""

    model: str  # such as ViT-L-16-SigLIP2-256; local-dir:FOLDER for one of your own
    pretrained: str

    @property
    def label(self) -> str:
        """What tables call it."""
        return f"{self.model} ({self.pretrained or 'random'})"


class OpenProbe(_Strict):
    """Beyond the paper: such an encoder's frozen features, and what is made of them (yogalib.models.openclip)."""

    method: OpenWay
    by: OpenClip


class Network(_Strict):
    """Beyond the paper: EfficientNet-Lite0 as ImageNet trained it, frozen, or with `tuning` fine-tuned (yogalib.models.network)."""

    resolution: Count
    tuning: FineTuning | None = None
    network: Annotated[str, Later] = ""  # timm's name of another one
    heads: Annotated[bool, Later] = (
        False  # the superclasses of levels 1 and 2 are learnt too (Verma et al. 2020, variant 1)
    )

    @property
    def epochs(self) -> int:
        """How often it goes through the training images."""
        return 1 if self.tuning is None else self.tuning.epochs


class Wise(_Strict):
    """Beyond the paper: weights between those before and after fine-tuning (yogalib.models.wise)."""

    share: Share


class Adjust(_Strict):
    """Beyond the paper: stored answers, adjusted for rare poses (yogalib.models.adjust)."""

    tau: Positive = 1.0  # the paper's own; not tuned


class Beyond(_Strict):
    """Beyond the paper (notebook 09): other ways to tell poses apart, on the profile's first split."""

    joints: Literal["blazepose", "drawn"] | None = "blazepose"  # drawn: the drawn world's own; null: no skeletons
    written: Written = Written()
    per_class: list[Count] = [1, 2, 5, 10, 20]  # training images per class, on a fixed test part
    prompt: Prompt = Prompt(template="a person <category>", names="description")  # of what is asked in words
    weigh: bool = True  # the blend's models by what they answer to a validation part, for which they learn once more; else all alike
    open_clip: list[OpenClip] = []  # more encoders, frozen, by the names that open_clip has for them
    networks: list[str] = []  # more networks that ImageNet trained, frozen and fine-tuned, by timm's names
    variants: list[Variant] = []  # of CLIP's fine-tuning, as long again each
    tune_network: bool = True  # fine-tune ImageNet's network too, by the settings of section fine_tuning


class ValidationSet(_Strict):
    """Section 5: pictures from elsewhere, on which both models are judged; with neither, the test part stands in."""

    drawn: Count | None  # so many, from another seed, in other styles, by another camera
    folder: str | None  # or VALIDATION=... on the make line: one sub-folder per pose (the paper: YoPo)


class Report(_Strict):
    """The pages.

    pictures : whether they hold small copies of the test images that numbers open; else paths stand in their place.
    judged : figures drawn of each of a dozen poses, on which activation maps are judged; 0 judges none.
    """

    pictures: bool = False  # photographs may be somebody's
    judged: int = Field(2, ge=0)


class Machine(_Strict):
    """Where the numbers are made. The number of threads decides the last bits of a sum."""

    device: Literal["auto", "cpu", "cuda"]
    threads: Count


class Profile(_Strict):
    """One profile; see profiles/*.yaml for what each key means."""

    name: str
    title: str
    stand_in: str | None  # a sentence for the top of each page where the data or the encoder is not the paper's
    not_comparable: str | None  # why the paper's figures can't be held against this profile's; None: they can
    data: Data
    split: Split
    zero_shot: ZeroShot
    fine_tuning: FineTuning
    other_encoders: list[str]  # fine-tuned on the same splits, to hold beside fine_tuning.encoder
    small_runs: SmallRuns
    yolo: Yolo
    validation_set: ValidationSet
    beyond: Beyond = Beyond()
    report: Report = Report()
    machine: Machine

    @property
    def tuned(self) -> list[str]:
        """The encoders that are fine-tuned, and so see all pictures."""
        return list(dict.fromkeys([self.fine_tuning.encoder, *self.other_encoders]))

    @property
    def encoders(self) -> list[str]:
        """All encoders that the study opens, each once."""
        return list(dict.fromkeys([*self.zero_shot.encoders, *self.tuned]))


def profile_names() -> list[str]:
    """Return the names of the profiles that come with yogalib."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_profile(name: str | Path, overrides: dict | None = None) -> Profile:
    """Read a profile by name, or from a YAML file of one's own.

    overrides : dotted key to value, such as ``{"fine_tuning.epochs": 3}``; the profile's name then ends in ``-changed``,
    so that its pages stand apart from the unchanged profile's.

    Raises BadInput for an unknown profile, an unknown key, a missing key or a value of the wrong type.
    """
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        path = ROOT / path  # a notebook in JupyterLab runs in its own folder
    if not path.is_file():
        raise BadInput(
            f"profile '{name}' is unknown: choose {', '.join(profile_names())}, or give a path to a .yaml file"
        )
    try:
        values = read_yaml(path)
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise BadInput(f"{path}: a profile is a mapping of keys to values, such as profiles/photos.yaml")
    for key, value in (overrides or {}).items():
        _override(values, key, value)
    try:
        return Profile(**{"name": path.stem + ("-changed" if overrides else ""), **values})
    except ValidationError as error:
        raise BadInput(f"{path}: {_in_one_line(error)}") from None


def _override(values: dict, key: str, value) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        values = values.get(parent)
        if not isinstance(values, dict):
            raise BadInput(f"override '{key}': the profile has no section '{parent}'")
    values[last] = value


def _in_one_line(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(map(str, problem["loc"])) or "profile"
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key '{key}'")
        elif problem["type"] == "missing":
            lines.append(f"key '{key}' is missing")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            hint = "; YAML needs 1.0e-5 for 1e-5" if problem["type"] == "float_type" else ""
            lines.append(f"key '{key}' is {problem['input']!r}: {message[0].lower()}{message[1:]}{hint}")
    return "; ".join(lines)
