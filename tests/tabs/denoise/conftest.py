"""A toy in place of every model, and the tab alone on a page."""

import grey as toys
import pytest

from tabs.denoise import job, page
from tabs.ui.page import alone


@pytest.fixture(autouse=True)
def grey(monkeypatch):
    """A denoiser in place of every model, and no filter that takes its time."""
    monkeypatch.setattr(job, "PREVIEW_SECONDS", 0.0)
    return toys.in_place_of_models(monkeypatch)


@pytest.fixture(scope="module")
def built():
    """The tab alone on a page."""
    return alone(page.TITLE, page.build)
