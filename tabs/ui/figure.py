"""Figures of small pictures in rows under their labels, as HTML."""

import html
from collections.abc import Sequence

import numpy as np

from tabs.ui.viewer import as_uri


def tile(pixels: np.ndarray | None, caption: str, lines: Sequence[str] = ()) -> str:
    """A picture with lines under it; an empty place of the same size where there is no picture yet."""
    body = (
        f'<img alt="{html.escape(caption)}" src="{as_uri(pixels)}">'
        if pixels is not None
        else '<div class="place"></div>'
    )
    below = "".join(f"<span>{html.escape(line)}</span>" for line in lines)
    return body + below


def figure(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Rows of tiles, each with its label on the left, under the labels in `head`, which stand over each tile on a phone."""
    cells = ["<span></span>", *(f'<span class="head">{html.escape(h)}</span>' for h in head)]
    for label, tiles in rows:
        cells.append(f'<span class="row">{html.escape(label)}</span>')
        cells += [f'<div data-head="{html.escape(h)}">{t}</div>' for h, t in zip(head, tiles, strict=True)]
    return f'<div class="tiles" style="--n:{len(head)}">{"".join(cells)}</div>'
