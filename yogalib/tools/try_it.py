"""Try it: the widgets of notebook 00_try_it, which ask a finished fine-tuning about one picture."""

from functools import cached_property
from html import escape

import ipywidgets as widgets
import pandas as pd
from matplotlib.figure import Figure

from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.results.card import Card
from yogalib.results.figures import probability_bars
from yogalib.results.galleries import answer_figure, picture_grid
from yogalib.tools.explore import Explorer, both_names, live

SHOWN = 256  # pixels a side of the picture on the screen
WIDE = {"width": "32em"}
CLOSE = '<div style="line-height: 1.4">{}</div>'


class TryIt:
    """One picture and all that is shown of it: `screen`, `like_it` and `in_other_words` are widgets that follow the choice above them.

    picture, upload, meant : the controls: a picture, one's own, and the pose that it is held against (None: the first answer, if sure).
    """

    def __init__(self, explorer: Explorer, top: int = 5):
        self.explorer, self.card, self.top = explorer, Card(explorer.run), top
        self.picture = widgets.Dropdown(options=explorer.pictures(), description="picture", layout=WIDE)
        self.upload = widgets.FileUpload(accept="image/*", description="your own")
        self.upload.observe(self._add, "value")
        poses = sorted((both_names(number), number) for number in range(len(load_taxonomy())))
        options = [("the first answer", None), *poses]
        self.meant = widgets.Dropdown(options=options, description="compare with", layout=WIDE)
        self.meant.style.description_width = "initial"

    def _add(self, change) -> None:
        own = [(file["name"], bytes(file["content"])) for file in change["new"]]
        self.picture.options = [*own, *self.picture.options]
        self.picture.index = 0

    @cached_property
    def screen(self) -> widgets.Widget:
        """Controls, who answers, the picture, its answers and the map, and what differs from the pose as written."""
        about = widgets.HTML(CLOSE.format("<br>".join(map(escape, self.card.lines[:2]))))
        controls = widgets.HBox([self.picture, self.upload, self.meant], layout={"flex_flow": "row wrap"})
        return widgets.VBox([controls, about, live(self._answer, picture=self.picture, meant=self.meant)])

    def _answer(self, picture, meant: int | None) -> tuple[str, Figure]:
        explorer = self.explorer
        pixels = explorer.read(picture)
        answers = explorer.best(pixels, self.top)
        first = answers.iloc[0]
        sure = self.card.sure(answers[["probability"]].to_numpy()[:1], [picture])[0]
        said = f"{escape(first['pose'])}, {first['probability']:.0%}"
        words = f"<b>{said}</b>" if sure else f"<b>Unsure.</b> Perhaps {said}"
        words += f"<br>{escape(self._beside(picture, first['class'] if sure and meant is None else meant))}"
        shown = explorer.read(picture, SHOWN)
        figure = answer_figure(shown, answers, self.card.limit(picture), explorer.activation_map(pixels))
        return CLOSE.format(words), figure

    def _beside(self, picture, number: int | None) -> str:
        """Return a sentence of what differs from a pose as it is written, or why nothing can be said."""
        if number is None:
            return "To hear what differs from a pose as it is written, choose the pose under “compare with”."
        try:
            differs = self.explorer.differences(picture, int(number))
        except BadInput as error:
            return f"{str(error)[0].upper()}{str(error)[1:]}"
        beside = f"Beside {both_names(number)} as it is written"
        return (
            f"{beside}: {'; '.join(differs)}."
            if differs
            else f"{beside}: nothing differs by more than the joint finder may err."
        )

    @cached_property
    def like_it(self) -> widgets.Widget:
        """The training pictures that are most like the picture, to the tuned encoder."""
        return live(self._like_it, picture=self.picture)

    def _like_it(self, picture) -> tuple[str, Figure]:
        rows = self.explorer.nearest(self.explorer.read(picture))
        names = [f"{both_names(row['class'])}, {row['cosine']:.3f}" for _, row in rows.iterrows()]
        return "", picture_grid(self.explorer.study.source.thumbnails(rows), names)

    @cached_property
    def in_other_words(self) -> widgets.Widget:
        """The answer to another template or other names, beside the run's own."""
        template = widgets.Text("Yoga pose <category>", description="template", continuous_update=False, layout=WIDE)
        names = widgets.Dropdown(options=["sanskrit", "english", "number", "description"], description="names")

        def ask(picture, template: str, names: str) -> tuple[str, Figure]:
            table: pd.DataFrame = self.explorer.in_other_words(self.explorer.read(picture), template, names, self.top)
            return "", probability_bars(table)

        shown = live(ask, picture=self.picture, template=template, names=names)
        return widgets.VBox([widgets.HBox([template, names]), shown])
