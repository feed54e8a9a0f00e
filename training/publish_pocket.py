"""Write pocket's checkpoint from its training state:  python -m training.publish_pocket

The averaged weights become fp16 safetensors in shards under 10 MB, with a card and a row of samples beside them; the
numbers on the card come from `python -m benchmarks.pocket_quality --save-card`.
"""

import argparse
import datetime
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from core.datasets import DATA_VARIABLE
from core.datasets.five_styles import never_seen
from core.datasets.pictures import Subject, photos
from core.models.captions import DRAWING_STYLES, SMALL, words_of
from core.models.cards import write_card
from core.models.pocket import build_pocket
from core.models.registry import CHECKPOINTS
from core.pictures import images
from training import provenance
from training.pocket_data import FIVE_STYLES, named, taught
from training.pocket_sheet import LEARNED, samples
from training.state import UNSAID, hardware, load_state

SHARD = 9_500_000  # bytes: hosted Spaces take files under 10 MB without extra machinery

PHOTOS = "Tiny ImageNet photos (Stanford CS231n, from ImageNet; for research and education), 2 % of them held out"
DATA = f"Noto Emoji drawings (Google, Apache 2.0) with their Unicode names; {PHOTOS}"
DATA_OF_FIVE = (
    "drawings by five sets of artists, with their Unicode names: Noto Emoji (Google, Apache 2.0), Twemoji (Twitter and jdecked, "
    "CC BY 4.0), Fluent Emoji, both glossy and flat (Microsoft, MIT), and OpenMoji (CC BY-SA 4.0), some of them held out; "
    f"{PHOTOS}"
)
LIMITS = (
    "64x64 pixels. Knows the drawings and the kinds of photo on this card, and English words from their names; other words are "
    "left out. For research and teaching; not a product of ImageNet's owners, and not DeepFloyd IF."
)


def shards(weights: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Weights as fp16 in ordered groups of less than SHARD bytes."""
    groups, size = [{}], 0
    for name, value in weights.items():
        half = value.detach().cpu().half().contiguous()
        if size + half.nbytes > SHARD:
            groups.append({})
            size = 0
        groups[-1][name] = half
        size += half.nbytes
    return groups


def run_of(facts: dict) -> dict:
    """The run of a state, for the card's history."""
    recipe = UNSAID | facts["recipe"]
    # the first states kept only the kind of device, which was the CPU
    device = hardware(torch.device("cpu")) if facts["device"] == "cpu" else facts["device"]
    return recipe | {
        "seed": facts["seed"],
        "steps_done": facts["step"],
        "pictures_seen": facts["step"] * recipe["batch"] * recipe["processes"],
        "seconds": round(facts["seconds"]),
        "device": device,
        "precision": f"{facts['precision']} autocast",
        "date": facts.get("date", datetime.date.today().isoformat()),
        "torch": facts.get("torch", torch.__version__).split("+")[0],
    }


def write_shards(out: Path, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Write the weights as files in `out`, replacing old ones; returns file name -> checksum."""
    for old in out.glob("weights-*.safetensors"):
        old.unlink()
    groups, sums = shards(tensors), {}
    for i, group in enumerate(groups, 1):
        file = out / f"weights-{i}-of-{len(groups)}.safetensors"
        save_file(group, file)
        sums[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return sums


def write_samples(out: Path, drawn: np.ndarray, history: Sequence[dict]) -> None:
    """Write the samples as one row; the file is named after the pictures seen so far, and older files stay."""
    *before, seen = (f"after-{n}.webp" for n in accumulate(run["pictures_seen"] for run in history))
    places = [Path(history[-1]["init"] or out), out]
    rows = {name: (place / name).read_bytes() for name in before for place in places if (place / name).exists()}
    rows[seen] = images.webp(images.grid(drawn, len(drawn), gap=0))
    for old in out.glob("after-*.webp"):
        old.unlink()
    for name, row in rows.items():
        (out / name).write_bytes(row)


def seen_only_in(drawings: Sequence[Subject], kinds: Sequence[Subject]) -> dict[str, list[str]]:
    """Kind ("drawing", "photo") -> last words of names that no name and no caption of the other kind has."""
    words = [{w for s in some for caption in s.captions() for w in words_of(caption)} for some in (drawings, kinds)]
    things = [{words_of(name)[-1] for s in some for name in s.names} - SMALL for some in (drawings, kinds)]
    return {"drawing": sorted(things[0] - words[1]), "photo": sorted(things[1] - words[0])}


def styles(drawings: Sequence[Subject]) -> dict[str, dict]:
    """By style of drawing: the words that ask for it, what it looks like, and how many things were seen in it."""
    seen = Counter(s.style for s in drawings)
    return {name: asdict(style) | {"things": seen[name]} for name, style in DRAWING_STYLES.items() if seen[name]}


def publish(state: Path, folder: Path, data: str | None = None, reached: str = "") -> dict:
    """Weights, card and provenance table from a training state; `reached` describes its progress in words."""
    parts, facts = load_state(state)
    run, out = run_of(facts), folder / "pocket"
    out.mkdir(parents=True, exist_ok=True)
    _, drawings = taught(run["emoji"], data)
    _, kinds = photos(data)
    asked_for = named(run["emoji"], kinds)
    architecture = {name: run[name] for name in ("widths", "text", "depth", "middle")}
    architecture |= {"parameters": sum(v.numel() for v in parts["ema"].values()), "words": facts["words"]}
    drawn = samples(build_pocket(architecture, parts["ema"]), LEARNED)
    card = {
        "name": "pocket",
        "architecture": architecture,
        "command": provenance.pocket_command(run),
        "hardware": f"{run['device']}, {run['seconds'] / 60:.0f} min, {run['precision']}",
        "history": [*facts.get("history", []), run],
        "data": DATA_OF_FIVE if run["emoji"] == FIVE_STYLES else DATA,
        "limits": LIMITS,
        "reached": reached,
        "drawings": list(dict.fromkeys(s.names[0] for s in drawings)),
        "photos": [s.names[0] for s in asked_for],
        "photos_without_a_name": [s.names[0] for s in kinds if s not in asked_for],
        "styles": styles(drawings),
        "never_seen": never_seen(data) if run["emoji"] == FIVE_STYLES else {},
        "seen_only_in": seen_only_in(drawings, asked_for),
        "curve": [[step, round(loss, 4)] for step, loss in facts["curve"][:: max(1, len(facts["curve"]) // 300)]],
        "validation": facts["validation"],
        "samples": LEARNED,
        "metrics": {},
        "sha256": write_shards(out, parts["ema"]),
    }
    write_card(out / "card.json", card)
    write_samples(out, drawn, card["history"])
    provenance.write(folder)
    return card


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--state", type=Path, default=Path(".training/pocket/state.safetensors"))
    p.add_argument("--out", type=Path, default=CHECKPOINTS)
    p.add_argument(
        "--data",
        help=f"folder with photos64, emoji64 and drawings256 (default: the variable {DATA_VARIABLE}, else ./data)",
    )
    p.add_argument("--reached", default="", help="how far it got, in words, for the card and the provenance table")
    args = p.parse_args(argv)
    card = publish(args.state, args.out, args.data, args.reached)
    print(f"{card['architecture']['parameters']:,} parameters in {len(card['sha256'])} files")


if __name__ == "__main__":
    main()
