"""The things and styles that pocket knows."""

import functools
import html
from collections.abc import Iterable

from core.models.registry import availability, card


@functools.cache
def known_words() -> str:
    """All words of pocket's training, by kind of picture and style of drawing, as HTML."""
    if not availability("pocket")[0]:
        return html.escape(availability("pocket")[1])
    c = card("pocket")
    styles = "".join(
        f"<li><b>{html.escape(s['prompt'])} …</b>: {html.escape(s['about'])}; {s['things']} things</li>"
        for s in c["styles"].values()
    )
    never = "; ".join(
        f"{html.escape(c['styles'][style]['prompt'])} {listed_names(things)}"
        for style, things in c["never_seen"].items()
        if things
    )
    limits = c["limits"].replace("on this card", "in this list")
    return (
        f'<div class="words"><p><b>{len(c["drawings"])} things to draw</b>, in five styles:</p><ul>{styles}</ul>'
        f"<p>{listed_names(c['drawings'])}.</p>"
        f"<p><b>{len(c['photos'])} kinds of photo</b>, as “a photo of a …”: {listed_names(c['photos'])}."
        f"{named_words(c['metrics'])}</p>"
        f"<p>{html.escape(limits)}</p><p><b>Never seen</b> in a style, so that it must put thing and style together: "
        f"{never}.</p>{measured_words(c['metrics'])}</div>"
    )


def measured_words(metrics: dict) -> str:
    """The measures of the styles, as HTML; "" before the measurement."""
    said = []
    if never := metrics.get("never-seen"):
        said.append(
            f"Of {never['n']} pairs that were held out, the style is right in {never['style']:.0%} and the thing in "
            f"{never['thing']:.0%}."
        )
    if spread := metrics.get("spread"):
        usual = [row["3"] for row in spread.values() if isinstance(row, dict)]
        said.append(
            f"Drawings seen often are nearly remembered: pictures of {spread['seeds']} seeds differ by "
            f"{min(usual):.0%} to {max(usual):.0%} of what two things differ by, at guidance 3."
        )
    return f"<p>{' '.join(said)}</p>" if said else ""


def named_words(metrics: dict) -> str:
    """The kinds of photo that an eye told from the pictures alone, as HTML; "" if nobody was asked."""
    told = metrics.get("named_blind")
    if not told:
        return ""
    return (
        f" Somebody who saw one picture of each, guidance {told['guidance']:g}, and no prompt named {len(told['photos'])} "
        f"of {told['of']}: {listed_names(told['photos'])}. The others are hard to tell."
    )


def listed_names(names: Iterable[str]) -> str:
    """Names in alphabetical order, escaped."""
    return ", ".join(html.escape(n) for n in sorted(names, key=str.lower))
