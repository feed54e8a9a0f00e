"""Whether a figure matches the current settings, and its files its run; both are tracked in the page only."""

from collections.abc import Callable, Sequence

import gradio as gr

from tabs.ui.canvas import Canvas

STALE = "changed(document.querySelector('#%s'));"
CHANGED = "() => { " + STALE + " }"
REDRAWN = "() => redraw(document.querySelector('#%s'))"
PRESSED = """() => {
  const figure = document.querySelector('#%s');
  if (figure.dataset.stale) figure.dataset.stale = 'pressed';
  (figure.underWay ??= new Set()).add(%d);
  figure.stopped = figure.taken = figure.redrawn = false;
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
  if (figure.dataset.run !== view?.run) {
    delete figure.dataset.stale;
    if (figure.underWay?.size) figure.dataset.live = '';
  }
  figure.dataset.run = view?.run;
}"""
AGAIN = "(...values) => values.map((v) => ({__type__: 'update', interactive: !!v}))"
STOPPED = """() => { document.querySelector('#%s').stopped = true; }"""
HELD = """(v, ...rest) => {
  const figure = document.querySelector('#%s');
  figure.underWay.delete(%d);
  delete figure.dataset.live;
  const another = figure.stopped ? figure.taken : figure.underWay.size;
  figure.taken ||= figure.stopped;
  const slim = another ? {} : {run: v?.run, status: v?.status, held: rest.map(Boolean)};
  if (slim.run) ownRuns.add(figure, slim.run);
  tellLine('facts');
  return [slim, ...rest.map(() => null)];
}"""
"""Sends the server a viewer's value without its pictures, and which held components have a value.
If another run of the figure is under way, it sends no run, and nothing changes. After Stop, only the first run that
ends sends itself. The header's line of facts is renewed."""


ASKED_FOR = """(view) => {
  document.querySelector('#%s').askedFor = view?.run;
  return [{run: view?.run}];
}"""
FITTING = """(view, ...rest) => {
  const figure = document.querySelector('#%s'), running = figure.underWay?.size;
  if (!running && view?.run === figure.askedFor) return rest.map(() => ({__type__: 'update'}));
  if (!running) figure.dispatchEvent(new Event('late'));
  return rest.map(() => ({__type__: 'update', interactive: false}));
}"""
"""Disables the files of an example that a run has replaced meanwhile, and asks for the run's own if it has ended."""


BACK = """() => [{run: ownRuns.of('%s')}]"""
"""Sends the id of the last run before a reload."""
FITS = "() => settled().then(() => fits(document.querySelector('#%s')))"


def come_back(asks: gr.HTML, back: Callable, outputs: Sequence, figure: str) -> None:
    """Connect the last run of a figure before a reload, `back(view)`, to what it fills, when `asks` triggers `submit`.

    It fills no canvas. A canvas keeps its own value. A canvas that is not on the page yet would take an answer
    without a value as all of its properties.
    """
    came = asks.submit(back, asks, outputs, js=BACK % figure, api_visibility="private", show_progress="hidden")
    came.then(None, None, None, js=FITS % figure, api_visibility="private")


def give_example(asks: gr.HTML, files_of: Callable, view: gr.Component, files: Sequence, figure: str, **how) -> None:
    """Connect the files of a figure's example, `files_of(view)`, when `asks` triggers `download`.

    They may come when a run has begun or even ended; its own files stay then.
    """
    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    given = asks.download(files_of, view, files, js=ASKED_FOR % figure, **quiet, **how)
    given.then(None, [view, *files], files, js=FITTING % figure, api_visibility="private")


def held(kept: Sequence) -> list[gr.components.Component]:
    """The components of `kept` that are disabled during a run: the files and the choice of a picture."""
    return [c for c in kept if isinstance(c, (gr.DownloadButton, gr.Dropdown))]


def released(view: object, kept: Sequence) -> list:
    """Restore the held components after a run that was stopped while queued."""
    flags = view.get("held") if isinstance(view, dict) else None
    flags = iter(flags if isinstance(flags, list) else [])
    ours = held(kept)
    return [type(c)(interactive=bool(next(flags, False))) if c in ours else gr.skip() for c in kept]


def hold(start: gr.Button, stop: gr.Button, kept: Sequence, figure: str) -> str:
    """Disable the held components of the previous run from the click on `start` until its run is kept.

    Returns:
        The script for the event that keeps the run.
    """
    some = held(kept)
    start.click(None, None, some, js=PRESSED % (figure, start._id, len(some)), api_visibility="private")
    stop.click(None, None, None, js=STOPPED % figure, api_visibility="private")
    return HELD % (figure, start._id)


def release(job: gr.events.Dependency, kept: Sequence) -> None:
    """After a refused run, restore the held components; nothing else happens."""
    some = held(kept)
    job.failure(None, some, some, js=AGAIN, api_visibility="private")


def mark(inputs: Sequence, figure: str) -> None:
    """Mark the figure with that id as stale when an input changes; the style sheet shows the mark."""
    canvases = [c for c in inputs if isinstance(c, Canvas)]
    for some, script in (canvases, REDRAWN), ([c for c in inputs if c not in canvases], CHANGED):
        if some:
            gr.on([c.change for c in some], None, None, None, js=script % figure, api_visibility="private")


def unmark(view: gr.JSON, figure: str) -> None:
    """Remove the mark when `view` shows a new run. A viewer does this by itself."""
    view.change(None, view, None, js=NEW_RUN % figure, api_visibility="private")


def follow(start: gr.Button, inputs: Sequence, figure: str) -> dict:
    """The same for a figure that one answer fills. Call it before the job is connected: a click starts things in order.

    Args:
        start: the button that starts the job.
        figure: the id of what is filled, or of the column around it.

    Returns:
        The keywords of the job's `success`: they renew the figure, unless an input changed meanwhile.
    """
    mark(inputs, figure)
    start.click(None, None, None, js=ASKED % figure, api_visibility="private")
    return {"fn": None, "js": ANSWERED % figure, "api_visibility": "private"}
