"""Write pocket-up's checkpoint from its training state:  python -m training.publish_upsampler

The averaged weights become one file of fp16 safetensors, with a card beside it; the numbers on the card come from
`python -m benchmarks.upsampler_quality --save-card`.
"""

import argparse
import hashlib
from pathlib import Path

from safetensors.torch import save_file

from core.models.cards import write_card
from core.models.registry import CHECKPOINTS
from core.models.upsampler_unet import DETAIL, TRUST
from training import provenance
from training.state import load_state
from training.upsampler_run import WEIGHTS

NAME = "pocket-up"
DRAWINGS = (
    "1,561 things in up to five styles, 256x256, 52 things held out in all styles: Noto Emoji (Google; Apache 2.0), Twemoji "
    "(Twitter and jdecked; CC BY 4.0), Fluent Emoji, glossy and flat (Microsoft; MIT), OpenMoji (CC BY-SA 4.0)"
)
PHOTOS = "Tiny ImageNet photos (Stanford CS231n, from ImageNet; for research and education), 32 to 64 pixels, 2 % of them held out"
LIMITS = (
    "64x64 to 256x256 pixels. Made for drawings on white; of photos it has seen no more than 64 pixels, so it keeps them soft. "
    "For research and teaching; not a product of ImageNet's owners."
)


def command(run: dict, seed: int, bf16: bool) -> str:
    """The command line of a run, from its recipe."""
    budget = f"--steps {run['steps']}" if run["steps"] else f"--minutes {run['minutes']:g}"
    lists = [f"--{name} {' '.join(map(str, run[name]))}" for name in ("widths", "depths")]
    words = [f"--{name.replace('_', '-')} {run[name]}" for name in ("photo_share", "batch", "optimiser", "lr", "ema")]
    words += [f"--init {run['init']}"] * bool(run.get("init"))
    words += ["--fp32"] * (not bf16)
    return f"python -m training.train_upsampler {budget} {' '.join(lists + words)} --seed {seed}"


def publish(state: Path, folder: Path, reached: str = "") -> dict:
    """Weights, card and provenance table from a training state; `reached` says in words how far it got."""
    parts, facts = load_state(state)
    run, out = facts["recipe"], folder / NAME
    out.mkdir(parents=True, exist_ok=True)
    file, half = out / WEIGHTS, {k: v.half().contiguous() for k, v in parts["ema"].items()}
    save_file(half, file)
    curve = facts["curve"]
    card = {
        "name": NAME,
        "architecture": {"widths": run["widths"], "depths": run["depths"]}
        | {"parameters": sum(v.numel() for v in half.values()), "detail": DETAIL, "trust": TRUST},
        "command": command(run, facts["seed"], facts["bf16"]),
        "hardware": f"{facts['device']}, {facts['seconds'] / 60:.0f} min, {'bf16 autocast' if facts['bf16'] else 'float32'}",
        "recipe": run
        | {"seed": facts["seed"], "steps_done": facts["step"], "crops_seen": facts["step"] * run["batch"]}
        | {"seconds": round(facts["seconds"]), "date": facts["date"], "torch": facts["torch"].split("+")[0]},
        "history": facts.get("history", []),
        "data": f"{DRAWINGS}; {PHOTOS}" if run["photo_share"] else DRAWINGS,
        "limits": LIMITS,
        "reached": reached,
        "curve": [[step, round(loss, 5)] for step, loss in curve[:: max(1, len(curve) // 300)]],
        "validation_columns": [
            "step",
            *(
                f"{n} step{'s' * (n > 1)}: dB over {rival}"
                for n in (1, 4)
                for rival in ("bicubic", "Lanczos sharpened")
            ),
        ],
        "validation": facts["validation"],
        "metrics": {},
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
    }
    write_card(out / "card.json", card)
    provenance.write(folder)
    return card


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--state", type=Path, default=Path(".training/upsampler/state.safetensors"))
    p.add_argument("--out", type=Path, default=CHECKPOINTS)
    p.add_argument("--reached", default="", help="how far it got, in words, for the card and the provenance table")
    args = p.parse_args(argv)
    card = publish(args.state, args.out, args.reached)
    size = (args.out / NAME / "weights.safetensors").stat().st_size
    print(f"{card['architecture']['parameters']:,} parameters, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
