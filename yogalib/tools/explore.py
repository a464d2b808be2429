"""A finished run and one picture: what it answers, where it looks, which training pictures are like it, what other words change."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from yogalib.dataset.images import FORMATS, decode
from yogalib.dataset.index import data_hash
from yogalib.dataset.pixels import to_pixels
from yogalib.errors import BadInput
from yogalib.facts.prompts import class_names, class_prompts
from yogalib.models.blazepose import finder, landmarks_of
from yogalib.models.encoders import Encoder
from yogalib.models.kept import tuned_encoder
from yogalib.models.published import blazepose_is_here
from yogalib.models.skeleton import joints_of
from yogalib.models.zero_shot import classify, encode_images
from yogalib.paths import Paths
from yogalib.results.card import Card
from yogalib.results.style import packed
from yogalib.runs.store import Run, find_run
from yogalib.study import Study
from yogalib.synthetic.poses import read_poses, written_entries

CHANNELS = 300  # that gScoreCAM asks, as the paper has it


@dataclass(frozen=True)
class Explorer:
    """A finished fine-tuning at hand. train, test : the rows that it learned from and was judged on."""

    study: Study
    run: Run
    encoder: Encoder
    train: pd.DataFrame
    test: pd.DataFrame

    @classmethod
    def open(cls, study: Study, run: str = "last") -> "Explorer":
        """Open a run by its folder's name, or `last`.

        Raises BadInput when there is none, or it was trained on other pictures than the study's first split holds.
        """
        found = find_run(run, study.paths.runs)
        train, test = study.split(study.subset(study.profile.fine_tuning.subset))
        if data_hash(train) != found.config.get("train"):
            raise BadInput(
                f"run '{run}' was not trained on the pictures of profile '{study.profile.name}': set `profile` to the one "
                f"that made it (with its DATA=), or run 'make reproduce PROFILE={study.profile.name}' first"
            )
        return cls(study, found, tuned_encoder(found), train, test)

    @cached_property
    def device(self):
        """Where the encoder answers (yogalib.models.device.Device)."""
        return self.study.device.for_answers(self.encoder)

    @cached_property
    def features(self) -> np.ndarray:
        """Unit features of the training pictures, (N, D)."""
        pixels = self.study.source.pixels(self.train, self.encoder.resolution)
        return encode_images(self.encoder, pixels, self.device).cpu().numpy()

    def pictures(self) -> list[tuple[str, Path]]:
        """Return one test picture of each pose: its label and its file."""
        first = self.test.groupby("class").head(1)
        files = [self.study.folder / path for path in first["path"]]
        return sorted(
            (f"{both_names(number)}: {file.name}", file) for number, file in zip(first["class"], files, strict=True)
        )

    def opened(self, picture: Path | bytes) -> np.ndarray:
        """Return a picture, a file or its content, uint8 (height, width, 3). Raises BadInput when it is none."""
        try:
            return decode(content_of(picture))
        except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything on bad bytes
            raise BadInput(
                f"not readable as a picture ({type(error).__name__}): choose a file of the kind {', '.join(FORMATS)}"
            ) from None

    def read(self, picture: Path | bytes, resolution: int | None = None) -> np.ndarray:
        """Return a picture as the encoder sees it, uint8 (R, R, 3), or in another resolution. Raises BadInput when it is none."""
        fit, pixels = self.run.config["fit"], self.opened(picture)
        find = finder(fit, self.study.paths.weights, self.study.source.cache)
        return to_pixels(pixels, resolution or self.encoder.resolution, fit, find and find(content_of(picture)))

    def probabilities(self, pixels: np.ndarray, prompts: list | None = None) -> np.ndarray:
        """Return the probability of each of the run's classes, (C,), for its own prompts or others, one per class."""
        prompts = prompts or self.run.config["prompts"]
        return classify(self.encoder, pixels[None], prompts, self.device)[0][0]

    def best(self, pixels: np.ndarray, top: int = 5) -> pd.DataFrame:
        """Return the most probable poses. Columns: class, pose (Sanskrit and English), probability."""
        probabilities = self.probabilities(pixels)
        places = np.argsort(-probabilities, kind="stable")[:top]
        poses = [both_names(number) for number in self.run.classes[places]]
        return pd.DataFrame({"class": self.run.classes[places], "pose": poses, "probability": probabilities[places]})

    def differences(self, picture: Path | bytes, number: int) -> list[str]:
        """Return in words what differs most between the body in a picture and the pose of that class number, as it is written.

        Raises BadInput where BlazePose's files are not here, which finds the body's joints, and where it finds nobody.
        """
        from yogalib.models.posture import compare  # seconds, and not for every picture

        weights = self.study.paths.weights
        if not blazepose_is_here(weights):
            raise BadInput(
                "what differs from the pose as it is written can be told when BlazePose is here: python -m yogalib weights blazepose"
            )
        found = landmarks_of(content_of(picture), weights, self.study.source.cache)
        _, world = joints_of(found[None])
        if np.isnan(world).any():
            raise BadInput(
                "BlazePose finds nobody in this picture, so it can't be held against the pose as it is written"
            )
        folder, entry = written_entries()[number]
        return compare(world[0], read_poses({folder: entry})[folder]).words()

    def activation_map(self, pixels: np.ndarray) -> np.ndarray:
        """Return gScoreCAM's map for the most probable pose, (R, R), 0 to 1 (Fig. 6)."""
        from yogalib.models.cam import activation_maps  # grad-cam: seconds

        target = self.probabilities(pixels).argmax(keepdims=True)
        return activation_maps(self.encoder, pixels[None], self.run.config["prompts"], target, CHANNELS)[0]

    def nearest(self, pixels: np.ndarray, count: int = 8) -> pd.DataFrame:
        """Return the training rows most like the picture, with the column cosine: that of the tuned encoder's image features."""
        feature = encode_images(self.encoder, pixels[None], self.device).cpu().numpy()[0]
        cosine = self.features @ feature
        places = np.argsort(-cosine, kind="stable")[:count]
        return self.train.iloc[places].assign(cosine=cosine[places])

    def in_other_words(self, pixels: np.ndarray, template: str, names: str, top: int = 5) -> pd.DataFrame:
        """Return the poses that either wording puts first. Columns: pose, the run's own prompt, this prompt (probabilities).

        Raises BadInput for a template without <category>.
        """
        classes = self.run.classes
        answers = [self.probabilities(pixels), self.probabilities(pixels, class_prompts(classes, template, names))]
        table = pd.DataFrame(dict(zip(["the run's own prompt", "this prompt"], answers, strict=True)))
        table.insert(0, "pose", class_names(classes))
        return table.loc[np.argsort(-np.maximum(*answers), kind="stable")[:top]]


def both_names(number: int) -> str:
    """Return a pose's Sanskrit and English name, by its official number."""
    sanskrit, english = (class_names([number], kind)[0] for kind in ("sanskrit", "english"))
    return f"{sanskrit} ({english})"


def content_of(picture: Path | bytes) -> bytes:
    """Return the bytes of a picture that is given by its file or by them."""
    return picture if isinstance(picture, bytes) else picture.read_bytes()


def study_of(run: str, profile: str, overrides: dict) -> Study:
    """Return the study that made a run: that of the profile given, or, where none is, of the one that the run's names tell.

    Raises BadInput where there is no such run, or its profile can't be told.
    """
    found = find_run(run, Paths.of("").runs)
    name = profile or (Card(found).profile or "").removesuffix("-changed")
    if not name:
        raise BadInput(f"no name tells which profile made run '{run}': say it, such as profile = \"mini\"")
    return Study.open(name, overrides)


def live(draw: Callable[..., tuple[str, Figure]], **controls):
    """Return a widget that shows draw's words (HTML) and figure, made anew whenever a control's value changes; a BadInput is shown in words.

    ipywidgets' own interactive_output would do, but nbclient answers its Output widget with messages of its own, and with many of
    them in a row a kernel sometimes waits for ever (nbclient 0.11, ipykernel 7): such a notebook can't run without a browser.
    """
    import ipywidgets as widgets  # a second
    from matplotlib.pyplot import close

    image, words = widgets.Image(format="png", layout={"align_self": "flex-start"}), widgets.HTML()

    def refresh(change=None) -> None:
        try:
            said, figure = draw(**{name: control.value for name, control in controls.items()})
            image.value, image.layout.display, words.value = packed(figure, format="png").getvalue(), "", said
            close(figure)
        except BadInput as error:
            image.layout.display, words.value = "none", f"<b>{escape(str(error))}</b>"

    for control in controls.values():
        control.observe(refresh, "value")
    refresh()
    return widgets.VBox([words, image])
