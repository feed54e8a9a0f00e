"""What pocket knows."""

import functools
import html

from core.models.registry import availability, card


@functools.cache
def known_words() -> str:
    """All words of pocket's training, as HTML."""
    if not availability("pocket")[0]:
        return html.escape(availability("pocket")[1])
    c = card("pocket")
    drawn, seen = (", ".join(html.escape(n) for n in sorted(c[k], key=str.lower)) for k in ("drawings", "photos"))
    return (
        f'<div class="words"><p><b>{len(c["drawings"])} drawings</b>, as “an emoji of a …” or “a drawing of a …”: {drawn}.</p>'
        f"<p><b>{len(c['photos'])} kinds of photo</b>, as “a photo of a …”: {seen}.</p><p>{html.escape(c['limits'])}</p></div>"
    )
