"""Whether what is shown belongs to the settings as they stand, and its files to the run: both are told in the page alone."""

from collections.abc import Sequence

import gradio as gr

CHANGED = """() => { const figure = document.querySelector('#%s'); if (figure) figure.dataset.stale = 'changed'; }"""
PRESSED = """() => {
  const figure = document.querySelector('#%s');
  if (figure.dataset.stale) figure.dataset.stale = 'pressed';
  (figure.underWay ??= new Set()).add(%d);
  figure.stopped = figure.taken = false;
  return Array(%d).fill({__type__: 'update', interactive: false});
}"""
ASKED = """() => {
  const figure = document.querySelector('#%s');
  if (figure?.dataset.stale) figure.dataset.stale = 'pressed';
}"""
ANSWERED = """() => {
  const figure = document.querySelector('#%s');
  if (figure?.dataset.stale === 'pressed') delete figure.dataset.stale;
}"""
NEW_RUN = """(view) => {
  const figure = document.querySelector('#%s');
  if (figure.dataset.run !== view?.run) delete figure.dataset.stale;
  figure.dataset.run = view?.run;
}"""
AGAIN = "(...values) => values.map((v) => ({__type__: 'update', interactive: !!v}))"
STOPPED = """() => { document.querySelector('#%s').stopped = true; }"""
HELD = """(v, ...rest) => {
  const figure = document.querySelector('#%s');
  figure.underWay.delete(%d);
  const another = figure.stopped ? figure.taken : figure.underWay.size;
  figure.taken ||= figure.stopped;
  const slim = another ? {} : {run: v?.run, status: v?.status, held: rest.map(Boolean)};
  return [slim, ...rest.map(() => null)];
}"""
"""Sends a viewer's value back to the server without its pictures, and which of the held components have a value. Where
another button of the figure was pressed meanwhile, what is shown is that one's affair, and after Stop that of the first
that asks: the others send no run at all, and then nothing changes."""


KEPT = """() => { document.querySelector('#%s .fv')?.dispatchEvent(new Event('fv-kept', {bubbles: true})); }"""
"""Tells a viewer that all is filled that follows its run."""


def held(kept: Sequence) -> list[gr.components.Component]:
    """Of what is filled after a run, what must not be had while another one goes on: its files, and a choice among its pictures."""
    return [c for c in kept if isinstance(c, (gr.DownloadButton, gr.Dropdown))]


def released(view: object, kept: Sequence) -> list:
    """What was held, as it was before: after a run that was stopped while it waited."""
    flags = view.get("held") if isinstance(view, dict) else None
    flags = iter(flags if isinstance(flags, list) else [])
    ours = held(kept)
    return [type(c)(interactive=bool(next(flags, False))) if c in ours else gr.skip() for c in kept]


def hold(start: gr.Button, stop: gr.Button, kept: Sequence, figure: str) -> str:
    """From the click on the button until its run is kept, the files of the run before are not to be had.

    Returns:
        The script of the step that keeps the run.
    """
    some = held(kept)
    start.click(None, None, some, js=PRESSED % (figure, start._id, len(some)), api_visibility="private")
    stop.click(None, None, None, js=STOPPED % figure, api_visibility="private")
    return HELD % (figure, start._id)


def release(job: gr.events.Dependency, kept: Sequence) -> None:
    """A run that is refused leaves what was held as it was before; nothing else follows it."""
    some = held(kept)
    job.failure(None, some, some, js=AGAIN, api_visibility="private")


def mark(inputs: Sequence, figure: str) -> None:
    """Whenever an input changes, the figure with that id belongs to other settings; the style sheet shows it."""
    gr.on([c.change for c in inputs], None, None, None, js=CHANGED % figure, api_visibility="private")


def unmark(view: gr.JSON, figure: str) -> None:
    """A new run in `view` renews the figure. A viewer does this by itself."""
    view.change(None, view, None, js=NEW_RUN % figure, api_visibility="private")


def follow(start: gr.Button, job: gr.events.Dependency, inputs: Sequence, figure: str) -> None:
    """The same for a figure that the one answer of `job` fills: it is renewed, unless an input changed meanwhile.

    Args:
        start: the button that starts the job.
        figure: the id of what is filled, or of the column around it.
    """
    mark(inputs, figure)
    start.click(None, None, None, js=ASKED % figure, api_visibility="private")
    job.success(None, None, None, js=ANSWERED % figure, api_visibility="private")
