"""People who open a page, each in a browser context of their own."""

import contextlib

LOOK = {"reduced_motion": "reduce"}
"""How the browser of a test is set: a figure that plays by itself would keep a core busy. Playing is tested on the plane."""


@contextlib.contextmanager
def visitors(browser, address: str):
    """Opens a page for each person; fails if a script breaks or anything outside is asked for."""
    contexts, bad = [], []

    def person():
        context = browser.new_context(viewport={"width": 1360, "height": 1000}, **LOOK)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda e: bad.append(str(e)))
        page.on("request", lambda r: bad.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None)
        page.goto(address)
        return page

    yield person
    for context in contexts:
        context.close()
    assert not bad
