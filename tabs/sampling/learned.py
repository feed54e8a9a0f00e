"""How pocket learned: the same prompts and noise at several stages of training."""

import html
from pathlib import Path

import numpy as np
from PIL import Image

from core.models.registry import CHECKPOINTS, availability, card
from tabs.ui.figure import figure, tile

SIDE = 64


def how_pocket_learned() -> str:
    """The rows of samples that its checkpoint keeps, one per run of training, as HTML."""
    ready, sentence = availability("pocket")
    if not ready:
        return html.escape(sentence)
    about, rows, remarks, seen, seconds = card("pocket"), [], [], 0, 0
    prompts = about.get("samples", ())
    for run in about["history"]:
        seen, seconds = seen + run["pictures_seen"], seconds + run["seconds"]
        file = CHECKPOINTS / "pocket" / f"after-{seen}.webp"
        tiles = pieces(file)
        if tiles and len(tiles) == len(prompts):
            label = f"{seen:,} pictures, {seconds / 60:.0f} min"
            rows.append((label, [tile(t, f"{p}, after {label}") for t, p in zip(tiles, prompts, strict=True)]))
            if "note" in run:
                remarks.append(f"At {seen:,} pictures: {run['note']}.")
    if not rows:
        return "This checkpoint keeps no samples of its training."
    said = (
        "Every row starts from the same noises; guidance 3, 30 steps, after more and more training, counted in pictures seen. "
        "Places and colours come first, then outlines, then things; "
        "drawings, which are few and clean, long before photos, which are many and all different."
    )
    heads = [prompt.removeprefix("an ").removeprefix("a ") for prompt in prompts]
    return (
        f'<div class="figure-box learned">{figure(heads, rows)}<p>{html.escape(" ".join([said, *remarks]))}</p></div>'
    )


def pieces(file: Path) -> list[np.ndarray]:
    """A row of pictures in a file as (64, 64, 3) uint8 each; none if the file is missing or damaged."""
    try:
        with Image.open(file) as picture:
            row = np.asarray(picture.convert("RGB"))
    except OSError:
        return []
    return [row[:, x : x + SIDE] for x in range(0, row.shape[1], SIDE)]
