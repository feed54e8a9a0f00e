"""A tab's runs, from its inputs to its files. A tab with a viewer declares its plans; the rest is here."""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import ModelError, Refused
from core.models.registry import spec
from core.pictures import images
from core.runs import cost
from core.runs.licence import observe
from core.runs.plan import Plan
from core.runs.prompts import left_out
from core.runs.recording import Recording
from core.runs.request import Request
from tabs.ui.examples import PLANNERS, pointer
from tabs.ui.failures import explained
from tabs.ui.files import saved, trajectory
from tabs.ui.gpu import placed
from tabs.ui.inside import inside, numbered
from tabs.ui.lines import titled
from tabs.ui.saved import settings_in
from tabs.ui.viewer import RUNS, face, finished, live


@dataclass(frozen=True)
class Source:
    """A widget from which a run gets pictures, beside its request.

    Args:
        widget: the component.
        read: turns its value into pictures by name, as in `Plan.inputs`. Raises Refused.
        write: turns those pictures back into its value; None if saved settings do not carry them.
        only: the one experiment that takes it; "" for all.
    """

    widget: gr.components.Component
    read: Callable[[Any], Mapping[str, np.ndarray]]
    write: Callable[[Mapping[str, np.ndarray]], Any] | None = None
    only: str = ""


class Job:
    """The runs of one tab.

    Args:
        tab: its ID, the prefix of its element ids.
        request: what it asks for.
        plans: experiment -> function from a checked request to its plan; the primary button runs the first.
        titles: the button titles of the other experiments.
        sources: widgets that give pictures, by API parameter; they come first.
        carries: the names of the pictures that saved settings carry.
        first: the index of the picture that is chosen at first.
    """

    may_carry: ClassVar[Sequence[str]] = ()
    """The names of further pictures that some saved settings carry."""
    LAST: ClassVar[Sequence[str]] = ()
    """The parameters that came later: they stand behind the device, so that programs that call by position keep their order."""

    def __init__(
        self,
        tab: str,
        request: type[Request],
        plans: Mapping[str, Callable[[Request], Plan]],
        titles: Mapping[str, str] | None = None,
        carries: Sequence[str] = (),
        first: int = 0,
    ):
        self.first = first
        self.tab, self.request, self.plans, self.titles, self.carries = tab, request, plans, titles or {}, carries
        self.sources: dict[str, Source] = {}
        PLANNERS[tab] = self.recalled

    @property
    def pick_id(self) -> str:
        """The id of the number field of the chosen picture."""
        return f"{self.tab}-pick"

    def button_id(self, experiment: str) -> str:
        """The id of the button of an experiment."""
        return f"{self.tab}-run-{experiment or next(iter(self.plans))}"

    def face(self, plan: Plan) -> dict:
        """The labels around the pictures in the viewer."""
        return face(plan, f"#{self.pick_id}")

    def example(self) -> dict:
        """The viewer's value before the first run."""
        return pointer(self.tab)

    # ---- from inputs and settings to a plan ----

    def sources_of(self, experiment: str) -> dict[str, Source]:
        """The sources that an experiment takes, by API parameter."""
        return {name: source for name, source in self.sources.items() if source.only in ("", experiment)}

    def parameters(self, experiment: str) -> list[inspect.Parameter]:
        """The parameters of an experiment's handler: the sources, the request's parameters, the device, then `LAST`."""
        defaults = self.request().parameters()
        one = lambda name, **how: inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, **how)  # noqa: E731
        every = [
            *(one(name, default=None) for name in self.sources_of(experiment)),
            *(one(name, default=value) for name, value in defaults.items()),
            one("device", default="auto"),
        ]
        return sorted(every, key=lambda p: p.name in self.LAST)

    def planned(self, experiment: str, request: Request, pictures: Mapping[str, np.ndarray]) -> Plan:
        """The plan of an experiment with its input pictures. Raises Refused if they do not fit each other."""
        name = experiment if len(self.plans) > 1 else ""
        return replace(self.plans[experiment](request), experiment=name, inputs=pictures).agreed()

    def asked(self, experiment: str, values: Mapping) -> Plan:
        """The plan of an experiment for the values of its handler's parameters. Raises Refused or ModelError."""
        request = self.request.of_parameters(**{name: values[name] for name in self.request.names()})
        pictures = {}
        for name, source in self.sources_of(experiment).items():
            pictures |= source.read(values[name])
        return self.planned(experiment, request, pictures)

    def recalled(self, settings: Mapping) -> Plan:
        """The plan that belongs to the settings of an earlier run; they are not checked again."""
        return self.planned(self._experiment(settings), self.request.recalled(settings), self._pictures(settings))

    def _experiment(self, settings: Mapping) -> str:
        name = settings.get("experiment")
        return name if name in self.plans else next(iter(self.plans))

    def _pictures(self, settings: Mapping) -> dict[str, np.ndarray]:
        names = [*self.carries, *(name for name in self.may_carry if name in settings)]
        return {name: images.unpacked(settings.get(name)) for name in names}

    # ---- handlers ----

    def handler(self, experiment: str, **fixed: object) -> Callable[..., Iterator[dict]]:
        """The handler of an experiment. It yields the viewer's value: status, fraction, and pictures as data URIs.

        Args:
            fixed: parameters with a fixed value; the values sent for them are ignored.
        """
        signature = inspect.Signature(self.parameters(experiment))

        @explained
        def run(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            values = bound.arguments | fixed
            yield from self.stream(self.asked(experiment, values), values["device"])

        run.__signature__ = signature
        run.__name__ = experiment.replace("-", "_")
        return run

    def stream(self, plan: Plan, device: str) -> Iterator[dict]:
        """The viewer's values during a run and at its end. The time from the first answer to the last corrects the next
        cost line."""
        recording = Recording(plan, withheld=spec(plan.model).withholds)
        price = plan.cost()
        answered = []  # the times of the first answer and of the last

        def observed() -> Iterator:
            for step in recording.follow(placed(plan.run, plan.model, device, price, plan.prompts)):
                answered[1:] = [time.monotonic()]
                yield step
            observe(recording, plan.model, plan.ours)

        value = {}
        for value in live(recording, observed(), self.face(plan)):
            if value["running"]:
                yield value
        if price and price[0] > 1:  # the first call may have waited for the model to load
            cost.learn(plan.model, device, price[0] - 1, price[1], answered[-1] - answered[0])
        recording.notes += tuple(filter(None, [plan.judged(recording.result, device)]))
        yield value | {"caption": caption_of(recording)}

    def price(self, *values) -> str:
        """The cost line for the request's parameters as they stand; the last value is the device. The buttons of the other
        experiments get their own cost, or why they would refuse."""
        *given, device = values
        request = self.request.of_values(given)
        titles = {self.button_id(name): self.brief(name, request, device) for name in self.titles}
        return cost.line(self.plans[next(iter(self.plans))](request), device) + titled(titles)

    def brief(self, experiment: str, request: Request, device: str) -> str:
        """The expected time of an experiment, or why it does not fit the request."""
        try:
            return cost.brief(self.plans[experiment](request), device)
        except (Refused, ModelError) as e:
            return str(e)

    def seconds(self, experiment: str, request: Request, device: str) -> float:
        """The expected time of an experiment. Raises Refused or ModelError if it does not fit the request."""
        return cost.expected(self.plans[experiment or next(iter(self.plans))](request), device)

    def restore(self, path: str) -> list:
        """The settings inside a PNG that this tab saved, back into its inputs."""
        return self.refilled(settings_in(path, self.request.KIND))

    def refilled(self, settings: Mapping) -> list:
        """The settings of an earlier run as values of the inputs."""
        request, pictures = self.request.restored(settings), self._pictures(settings)
        first, further = ([source.write(pictures) for source in some] for some in self.written())
        return [*first, *request.parameters().values(), *self.extra(request), *further]

    def written(self) -> tuple[list[Source], list[Source]]:
        """The sources that saved settings fill: the first ones, and the sources of a single experiment, which come
        last."""
        some = [source for source in self.sources.values() if source.write]
        return [s for s in some if not s.only], [s for s in some if s.only]

    def extra(self, request: Request) -> list:
        """The values that a request fills besides its inputs: values of `Layout.extra`."""
        return []

    def keep(self, view: dict):
        """After a run or Stop: the viewer with all frames, the first picture's number, its look inside, the files."""
        recording = RUNS.get(view)
        value = self.value(recording)
        k = self.first
        return [value, k + 1, self.look(recording, k), *saved(recording, value, trajectory(recording, value))]

    def value(self, recording: Recording) -> dict:
        """The viewer's value after a run or Stop, with every frame."""
        observe(recording, recording.plan.model, recording.plan.ours)
        return finished(recording, self.face(recording.plan)) | {"caption": caption_of(recording)}

    def look(self, recording: Recording, k: int) -> dict:
        """The look inside picture k."""
        return inside(recording, k)

    def look_at(self, view: dict, index: float) -> dict:
        """`look` for the picture with that number, counted from 1 row by row."""
        recording = RUNS.get(view)
        return self.look(recording, numbered(recording, index, recording.plan.count))

    def pick(self, view: dict, index: float) -> Image.Image:
        """One picture of the current run, for another tab."""
        recording = RUNS.get(view)
        return images.to_pil(recording.result[numbered(recording, index)])


def caption_of(recording: Recording, k: int | None = None, plan: Plan | None = None) -> str:
    """A run's caption: what its pictures are, the notes on them, and where it was stopped.

    Args:
        k: the index of the one picture it stands under; the notes on the others are left out. None for all.
        plan: the plan that gives the caption; by default the recording's.
    """
    plan = plan or recording.plan
    notes = [note for note in recording.notes if k is None or note.startswith(f"Picture {k + 1}:")]
    return " ".join([plan.caption, *left_out(plan.model, plan.prompts), *notes, *so_far(recording)])


def so_far(recording: Recording) -> list[str]:
    """A sentence on where a run was stopped; empty if it reached its end."""
    last = recording.frames[-1]
    return [] if recording.done else [f"Stopped at step {last.i + 1} of {last.n}: the clean estimate so far."]
