"""The inputs of a tab, made from its request: one widget per parameter, placed by the page."""

from collections.abc import Callable, Mapping, Sequence

import gradio as gr

from core.models.registry import MODELS
from core.runs.request import Choice, Kind, Model, Prompt, Real, Request, Seed, Several, Suggested, Text, Whole
from tabs.ui.inputs import CheckboxGroup, Dropdown, Number, Radio, Slider, Textbox


def text(kind: Prompt | Text, **how) -> gr.Textbox:
    """A text of one line or more."""
    return Textbox(lines=kind.lines, max_lines=kind.lines + 1, **how)


def suggested(kind: Suggested, **how) -> gr.Dropdown:
    """A list that takes other text too."""
    return Dropdown([(title, key) for key, title in kind.options.items()], allow_custom_value=True, **how)


def number(kind: Whole | Real, **how) -> gr.Slider | gr.Number:
    """A slider, a number to type, or a list of usual numbers that takes others too."""
    if getattr(kind, "usual", ()):
        return Dropdown([(f"{v:g}", v) for v in kind.usual], allow_custom_value=True, **how)
    if not getattr(kind, "slider", True):
        return Number(precision=0, **how)
    return Slider(kind.low, kind.high, step=kind.step, **how)


def seed(kind: Seed, **how) -> gr.Number:
    """A number to type; `Form.place` adds its dice."""
    return Number(precision=0, scale=4, **how)


def choice(kind: Choice, **how) -> gr.Radio | gr.Dropdown:
    """A radio button each, or a list."""
    options = [(title, key) for key, title in kind.options.items()]
    return Dropdown(options, **how) if kind.listed else Radio(options, **how)


def several(kind: Several, **how) -> gr.CheckboxGroup:
    """A box to check for each."""
    return CheckboxGroup([(title, key) for key, title in kind.options.items()], **how)


def model(kind: Model, **how) -> gr.Dropdown:
    """A list of the models that draw."""
    return Dropdown([(title, key) for key, title in kind.options().items()], **how)


WIDGETS: dict[type[Kind], Callable] = {
    Prompt: text, Suggested: suggested, Text: text, Seed: seed, Whole: number, Real: number, Choice: choice, Several: several, Model: model,
}  # fmt: skip


def widget(kind: Kind, **how) -> gr.components.Component:
    """The widget of a field. A kind without its own widget uses the widget of its nearest base class."""
    make = next(WIDGETS[k] for k in type(kind).__mro__ if k in WIDGETS)
    return make(kind, **{"label": kind.label, "info": kind.info or None} | how)


def begun(names: Sequence[str], updates: Sequence[dict]) -> dict[str, dict]:
    """Updates of widgets as the keywords with which they are made: what `Form` takes as `how`."""
    return {name: {k: v for k, v in u.items() if k != "__type__"} for name, u in zip(names, updates, strict=False)}


class Form:
    """Widgets by parameter. They are created at once and rendered where `place` is called.

    Args:
        request: gives the first values.
        special: widgets that the tab makes itself, by parameter, not yet rendered.
        how: keywords of the other widgets, by parameter: {"view_2": {"min_width": 130}}.
    """

    def __init__(
        self,
        request: Request,
        special: dict[str, gr.components.Component] | None = None,
        how: Mapping[str, dict] | None = None,
    ):
        self.kind, self.widgets = type(request), dict(special or {})
        for field, kind in self.kind.kinds().items():
            for name in kind.parts or (field,):
                if name not in self.widgets:
                    keywords = (how or {}).get(name, {})
                    value = request.parameters()[name]
                    self.widgets[name] = widget(kind.part(name), value=value, render=False, **keywords)

    def __getitem__(self, name: str) -> gr.components.Component:
        return self.widgets[name]

    @property
    def unplaced(self) -> list[str]:
        """The parameters without a widget on the page so far."""
        return [name for name, widget in self.widgets.items() if not widget.is_rendered]

    def place(self, *names: str) -> None:
        """Render these here, one below the other."""
        for name in names:
            if isinstance(self.kind.kinds().get(name), Seed):
                self._place_seed(name)
            else:
                self.widgets[name].render()

    def _place_seed(self, name: str) -> None:
        with gr.Row(equal_height=True):
            self.widgets[name].render()
            gr.Button("⚄", elem_classes="dice", scale=0)  # page.js throws it

    def follow_model(self) -> None:
        """Let the steps follow the choice of a student, which learned few numbers of them, and back."""
        if getattr(self.kind.kinds().get("model"), "few", False):
            how = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
            self["model"].input(self.steps_for, [self["model"], self["steps"]], self["steps"], **how)

    def steps_for(self, model: str, steps: float) -> float:
        """The number of steps that suits a model: the present one, if it can be."""
        counts = getattr(MODELS.get(model), "counts", ())
        if counts:
            return steps if steps in counts else MODELS[model].defaults["steps"]
        of_students = {n for spec in MODELS.values() for n in spec.counts}
        return self.kind().steps if steps in of_students else steps

    @property
    def inputs(self) -> list[gr.components.Component]:
        """All of them, in the order of the API's parameters."""
        return [self.widgets[name] for name in self.kind.names()]

    def values(self, request: Request, keep: Sequence[str] = ()) -> list:
        """A request as values of `inputs`; the parameters in `keep` are not changed."""
        return [gr.skip() if name in keep else value for name, value in request.parameters().items()]
