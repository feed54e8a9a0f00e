"""Fun with Diffusion Models:  python app.py [--host --port --share --model --device]"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Sequence

import gradio as gr
from gradio.route_utils import delete_files_created_by_app
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from core.checks import ModelError
from core.models.device import DEVICES, pick_device
from core.models.registry import of_task
from tabs import TABS, tab
from tabs.ui import memory, page
from tabs.ui.controls import Shared
from tabs.ui.failures import check_inputs
from tabs.ui.fairness import fair
from tabs.ui.headers import outermost
from tabs.ui.page_cache import PageCache
from tabs.ui.send import connect
from tabs.ui.strangers import Strangers
from tabs.ui.theme import look
from tabs.ui.uploads import Uploads

TITLE = "Fun with Diffusion Models"
RUNS, EVENTS = 200, 5000
"""The most waiting runs of all users, several per person in a lecture room, and the most waiting events of any kind."""
TIDIED, CLEANED, OLD = 2, 600, 10_800
"""Seconds between returns of freed memory, between deletions of old files, and their minimum age: a class's run is 5 MB,
and a Space has 50 GB."""
SESSIONS = 200
"""The number of open pages whose last values Gradio keeps, some MB each. The app itself needs none."""
AROUND = (
    Middleware(Uploads),
    Middleware(PageCache),
    Middleware(GZipMiddleware, minimum_size=2000, compresslevel=4),
    Middleware(Strangers),
)
"""A class opens the page together, and its description is 2 MB of text. Streams and pictures are not compressed."""


def create_app(device: str = "auto", model: str | None = None, names: Sequence[str] = TABS) -> gr.Blocks:
    """The page: a header and one tab per name, an entry of tabs.TABS."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(OLD, OLD)) as demo:
        picker, facts = page.build(TITLE, device)
        with gr.Tabs(overflow_behavior="wrap", elem_id="tabs") as tabs:
            offered = [tab(name) for name in TABS if name in names]
            takers = {t.ID: getattr(t, "SHORT", t.TITLE) for t in offered if getattr(t, "TAKES_PICTURES", False)}
            shared = Shared(picker, facts, tabs, model, takers)
            for t in offered:
                with gr.Tab(t.TITLE, id=t.ID, elem_id=f"{t.ID}-tab"):
                    t.build(shared)
            connect(shared)
    return check_inputs(fair(page.spare(demo, facts).queue(max_size=EVENTS, api_open=False), RUNS))


def around() -> dict:
    """The keyword argument `app_kwargs` of `launch()`: what stands between a browser and the page."""
    return {"middleware": AROUND, "lifespan": outermost}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; refuse a missing device in one sentence."""
    p = argparse.ArgumentParser(description=TITLE)
    p.add_argument("--host", help="address to listen on (default: this machine only; 0.0.0.0 for the whole network)")
    p.add_argument("--port", type=int, help="default: 7860, or the next free one")
    p.add_argument("--share", action="store_true", help="also open a public link through Gradio's servers")
    p.add_argument("--model", choices=[m.name for m in of_task("text", "digits")])
    p.add_argument("--device", choices=DEVICES, default="auto")
    p.add_argument("--tabs", nargs="+", choices=TABS, default=TABS, metavar="TAB",
                   help=f"open these alone, for a page that opens faster: {', '.join(TABS)}")  # fmt: skip
    args = p.parse_args(argv)
    try:
        pick_device(args.device)
    except ModelError as e:
        p.error(str(e))
    return args


def clean(demo: gr.Blocks) -> None:
    """Return freed memory and delete old files while the app runs. Gradio's own cleaning stops for good if a file arrives
    during it."""
    while True:
        for _ in range(CLEANED // TIDIED):
            time.sleep(TIDIED)
            memory.give_back()
        with contextlib.suppress(RuntimeError, OSError):
            delete_files_created_by_app(demo, OLD)


def main(argv: list[str] | None = None) -> None:
    """Parse the flags and serve until interrupted or terminated; what was written on the way is then removed."""
    args = parse(argv)
    memory.share_pools()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    demo = create_app(args.device, args.model, args.tabs)
    threading.Thread(target=clean, args=[demo], daemon=True).start()
    try:
        serve(demo, args)
    except OSError as e:
        if "empty port" not in str(e):
            raise
        sys.exit(f"Port {args.port or 7860} is in use; end what uses it, or choose another with --port.")


def serve(demo: gr.Blocks, args: argparse.Namespace) -> None:
    """Open the page at the address that the flags ask for; returns when it is closed."""
    # _frontend=False skips Gradio's check that the page answers within 3 seconds. On a busy machine the check ends an
    # app that already serves; nothing else depends on it.
    demo.launch(
        server_name=args.host, server_port=args.port, share=args.share, max_file_size="20mb",
        state_session_capacity=SESSIONS, _frontend=False, app_kwargs=around(), **look(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
