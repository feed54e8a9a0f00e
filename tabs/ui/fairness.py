"""Decide whose run may wait for the network. Nobody fills the queue alone, and a refused person reads the reason.

Gradio's own bound also refuses quick handlers, with the answer "Queue is full". A page that is refused because of other
pages asks again by itself: see `full` in tabs/ui/assets/page.js.
"""

import contextlib
import math
import time
from collections.abc import Iterator

import fastapi
import gradio as gr
from gradio.queueing import Event, Queue

from tabs.ui.controls import NETWORK

ID = NETWORK["concurrency_id"]
MOST_OWN = 3
"""The most runs of one page at a time: one under way and two that wait."""
USUAL = 5.0
"""The assumed seconds of a run, until a run of its kind is timed."""
PATIENCE = 60.0
"""Seconds before a run without a reader is dropped."""


def fair(demo: gr.Blocks, most: int) -> gr.Blocks:
    """Limit the app's queue to `most` waiting runs, half of them from one address. One page has at most MOST_OWN runs,
    waiting or under way. Only pages that listen have their runs started. Returns the same app.

    Args:
        demo: has its queue already; Gradio's own bound should be far above `most`.
    """
    queue, push, take = demo._queue, demo._queue.push, demo._queue.get_events
    since: dict[str, float] = {}

    async def checked(body, request, username):
        fn = demo.fns.get(body.fn_index)
        own = fn and fn.concurrency_id == ID
        words = refusal(queue, body.session_hash, most, address(request)) if own else ""
        return (False, words, "error") if words else await push(body=body, request=request, username=username)

    def next_events():
        with listening(queue, since):
            return take()

    queue.push, queue.get_events = checked, next_events
    return demo


def address(request: fastapi.Request | None) -> str | None:
    """The address of a request; None if it is not known. A class may share one address."""
    return request.client.host if request and request.client else None


def refusal(queue: Queue, session: str | None, most: int, where: str | None = None) -> str:
    """The reason why a page may not add a run to the queue now; "" if it may."""
    line = waiting(queue)
    runs = [*line, *under_way(queue)]
    if sum(e.session_hash == session for e in runs) >= MOST_OWN:
        return f"{MOST_OWN} of your runs are under way or waiting; let one of them finish, or stop it."
    near = [e for e in line if where and address(e.request) == where]
    if len(line) < most and (not near or len(near) < most // 2):
        return ""
    many = f"{len(line)} runs are waiting" if len(line) >= most else f"{len(near)} runs are waiting from your network"
    minutes = math.ceil(sum(seconds(queue, e) for e in runs) / 60)
    return f"{many}, some {minutes} min of work. Try again then; your settings stay."


@contextlib.contextmanager
def listening(queue: Queue, since: dict[str, float]) -> Iterator[None]:
    """Inside this context, the queue holds only runs whose page reads its messages. After PATIENCE seconds without a
    reader a run is dropped.

    Args:
        since: event -> when it was first found without a listener; kept from call to call.
    """
    line, now = queue.event_queue_per_concurrency_id.get(ID), time.monotonic()
    deaf = {e._id for e in line.queue if unread(queue, e)} if line else set()
    for known in set(since) - deaf:
        del since[known]
    if not deaf:
        yield
        return
    gone = {e for e in deaf if now - since.setdefault(e, now) > PATIENCE}
    before = [e for e in line.queue if e._id not in gone]
    line.queue = [e for e in before if e._id not in deaf]
    try:
        yield
    finally:
        line.queue = [e for e in before if e._id in deaf or e in line.queue]


def unread(queue: Queue, event: Event) -> bool:
    """Whether the page of an event leaves its messages unread: its stream was never opened."""
    messages = queue.pending_messages_per_session.get(event.session_hash)
    return messages is not None and messages.qsize() > 0


def waiting(queue: Queue) -> list[Event]:
    """The runs that wait for the network."""
    line = queue.event_queue_per_concurrency_id.get(ID)
    return line.queue if line else []


def under_way(queue: Queue) -> Iterator[Event]:
    """The runs that use the network now."""
    return (e for job in queue.active_jobs if job for e in job if e.concurrency_id == ID)


def seconds(queue: Queue, event: Event) -> float:
    """The expected seconds of a run, from earlier runs of its kind."""
    timed = queue.process_time_per_fn.get(event.fn)
    return timed.avg_time if timed and timed.count else USUAL
