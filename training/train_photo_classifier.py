"""Train the small judge of photos, for the Frechet distance:  python -m training.train_photo_classifier"""

import argparse
import datetime
import hashlib
import time

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from core.datasets.pictures import HELD_OUT, PER_CLASS, SIDE, photos, unit
from core.models.cards import write_card
from core.models.mnist_unet import layout
from core.models.photo_classifier import PhotoClassifier
from core.models.registry import CHECKPOINTS
from core.models.scores import Statistics, frechet_distance
from training import provenance
from training.pocket_data import flip, shift
from training.state import hardware, parsed


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--width", type=int, default=24, help="channels of the first layer")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--data", help="folder with photos64 (default: the variable DIFFUSION_DATA, else ./data)")
    return parsed(p, argv)


def train(net: PhotoClassifier, images: Tensor, labels: Tensor, args: argparse.Namespace) -> list[list[float]]:
    """SGD with momentum and a one-cycle rate; returns [step, loss] every 50 steps."""
    steps = args.epochs * (len(images) // args.batch)
    optimiser = torch.optim.SGD(net.parameters(), args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.lr, total_steps=steps, pct_start=0.2)
    g = torch.Generator().manual_seed(args.seed)
    curve, losses = [], []
    for step in tqdm(range(steps), mininterval=5):
        if step % (len(images) // args.batch) == 0:
            order, place = torch.randperm(len(images), generator=g), 0
        rows, place = order[place : place + args.batch], place + args.batch
        x = unit(images[rows]).to(args.device)
        by = [torch.randint(9, (len(x),), generator=g) - 4 for _ in "xy"]
        x = shift(flip(x, torch.randint(2, (len(x),), generator=g)), *by)
        with torch.autocast(args.device.type, torch.bfloat16):
            logits = net(x.contiguous(memory_format=layout(args.device)))
        loss = F.cross_entropy(logits.float(), labels[rows].to(args.device), label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
        losses.append(loss.detach())
        if len(losses) == 50:
            curve.append([step + 1, round(torch.stack(losses).mean().item(), 4)])
            losses = []
    return curve


@torch.no_grad()
def judge(net: PhotoClassifier, images: Tensor, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Features (N, F) and logits (N, classes), on the CPU, of uint8 photos (N, 64, 64, 3), by a network on `device`."""
    rows = []
    for some in tqdm(images.split(500), desc="judging", mininterval=5):
        rows.append(net.features(unit(some).to(device, memory_format=layout(device))).cpu())
    features = torch.cat(rows)
    return features, net.head(features.to(device)).cpu()


def main(argv: list[str] | None = None) -> None:
    """Train, measure, and write weights and card."""
    args = parse(argv)
    started = time.monotonic()
    try:
        tiles, subjects = photos(args.data)
    except (FileNotFoundError, ValueError) as e:
        raise SystemExit(str(e)) from None
    kinds = len(tiles)
    images = tiles[:, :-HELD_OUT].reshape(-1, SIDE, SIDE, 3)
    labels = torch.arange(kinds).repeat_interleave(PER_CLASS - HELD_OUT)
    held_out = tiles[:, -HELD_OUT:].reshape(-1, SIDE, SIDE, 3)
    torch.manual_seed(args.seed)
    net = PhotoClassifier(kinds, args.width).to(args.device, memory_format=layout(args.device))
    curve = train(net, images, labels, args)
    net.eval().half().float()  # the values of fp16 weights
    features, logits = judge(net, held_out, args.device)
    best = logits.topk(5, 1).indices == torch.arange(kinds).repeat_interleave(HELD_OUT)[:, None]
    train_statistics = Statistics.of(judge(net, images[::5], args.device)[0])
    publish(net, args, curve, time.monotonic() - started, {
        "top_1": round(best[:, 0].float().mean().item(), 4),
        "top_5": round(best.any(1).float().mean().item(), 4),
        "frechet_floor": round(frechet_distance(Statistics.of(features), train_statistics), 3),
    }, [s.names[0] for s in subjects])  # fmt: skip


def command(args: argparse.Namespace) -> str:
    """The command line that repeats this training."""
    words = [f"--{name} {getattr(args, name)}" for name in ("epochs", "width", "batch", "lr", "seed")]
    return " ".join(["python -m training.train_photo_classifier", *words])


def publish(net, args, curve, seconds, metrics: dict, kinds: list[str]) -> None:
    """Write the checkpoint."""
    out = CHECKPOINTS / "photo-classifier"
    out.mkdir(parents=True, exist_ok=True)
    weights = {
        k: v.cpu().half().contiguous() if v.is_floating_point() else v.cpu() for k, v in net.state_dict().items()
    }
    save_file(weights, out / "weights.safetensors")
    card = {
        "name": "photo-classifier",
        "architecture": {
            "classes": len(kinds),
            "width": args.width,
            "parameters": sum(p.numel() for p in net.parameters()),
        },
        "command": command(args),
        "hardware": f"{hardware(args.device)}, {seconds / 60:.0f} min, bfloat16 autocast",
        "data": "Tiny ImageNet photos (Stanford CS231n, from ImageNet; for research and education), 2 % of them held out",
        "limits": "A judge of 64x64 photos for this project's benchmarks. For research and teaching.",
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__.split("+")[0],
        "photos": kinds,
        "curve": curve,
        "metrics": metrics,
        "sha256": {"weights.safetensors": hashlib.sha256((out / "weights.safetensors").read_bytes()).hexdigest()},
    }
    write_card(out / "card.json", card)
    provenance.write()
    print(metrics)


if __name__ == "__main__":
    main()
