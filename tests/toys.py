"""A pocket with few weights and data sets with few pictures, in the formats of the real ones."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from core.diffusion.samplers import Step
from core.models.captions import LENGTH, Vocabulary
from core.models.pocket import Pocket, build_pocket
from core.models.text_unet import TextUNet
from core.runs.plan import Plan
from core.runs.sampling import PictureRequest

WORDS = ("a", "an", "emoji", "high", "lighthouse", "of", "penguin", "photo", "quality", "rose", "tower", "water")
ONLY = {"drawing": ["penguin"], "photo": ["lighthouse"]}
SHAPE = {"widths": (8, 16, 16), "text": 16, "depth": 1, "middle": 2}
KINDS = (("n01", "goldfish, Carassius auratus"), ("n02", "beacon, lighthouse, pharos, tower"), ("n03", "school bus"))
DRAWINGS = (
    ("1f680", "rocket", "rocket;space ship"),
    ("1f44d_1f3fb", "thumbs up: light skin tone", ""),
    ("1f1e6_1f1fc", "flag: Aruba", "aruba"),
    ("1f197", "OK button", "ok;squared OK"),
    *((f"2{i:03x}", f"thing {chr(97 + i // 26)}{chr(97 + i % 26)}", "") for i in range(47)),
    ("1f427", "penguin", ""),
    ("1f339", "rose", "rose flower"),
)
EVERYDAY = ("rocket", "penguin", "rose")
THINGS = (
    *((f"extra thing {chr(97 + i)}", "", "") for i in range(18)),
    ("rocket", "space ship", ""),
    ("penguin", "", ""),  # the last one of the first sheet
    ("rose", "", "fluent"),
    ("castle", "", ""),  # held out as glossy
    ("backpack", "school satchel;BAG", ""),  # held out as outlined
)
ARTISTS = ("noto", "fluent-flat", "fluent", "twemoji", "openmoji")


def lively(net: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Every weight that starts at zero, drawn at random, so that nothing is switched off."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            if not p.any():
                p.normal_(std=0.15, generator=g)
    return net.eval().requires_grad_(False)


def text_unet(words: int = len(WORDS) + 2, seed: int = 0, **changes) -> TextUNet:
    """A tiny network from a seed, its zero weights still zero."""
    shape = SHAPE | changes
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TextUNet(words, LENGTH, shape["widths"], shape["text"], shape["depth"], shape["middle"])


def tiny_pocket(seed: int = 0, words=WORDS) -> Pocket:
    """A pocket in which every weight matters."""
    return Pocket(lively(text_unet(len(words) + 2, seed), seed), Vocabulary(words))


def checkpoint(folder: Path, pocket: Pocket, shards: int = 2, **facts) -> Path:
    """A checkpoint of a tiny pocket as `core.models.registry` reads it; returns its folder."""
    out = folder / "pocket"
    out.mkdir(parents=True)
    tensors = list(pocket.net.state_dict().items())
    sums = {}
    for i in range(shards):
        file = out / f"weights-{i + 1}-of-{shards}.safetensors"
        save_file({k: v.half().contiguous() for k, v in tensors[i::shards]}, file)
        sums[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    architecture = SHAPE | {"words": pocket.vocabulary.words}
    card = {"name": "pocket", "architecture": architecture, "seen_only_in": ONLY, "sha256": sums} | facts
    (out / "card.json").write_text(json.dumps(card))
    return out


def same_pocket(pocket: Pocket) -> Pocket:
    """What is left of a pocket in fp16 weights."""
    half = {k: v.half().float() for k, v in pocket.net.state_dict().items()}
    return build_pocket(SHAPE | {"words": pocket.vocabulary.words}, half)


def photo_colour(kind: int, i: int) -> tuple[int, int, int]:
    """The colour that tells which photo this is."""
    return 40 + 80 * kind, 10 + 12 * (i // 25), 4 + 10 * (i % 25)


def five_squares() -> np.ndarray:
    """The 4x4 colours of every thing by every artist, (5, N, 4, 4, 3) uint8; white where it is missing."""
    squares = np.random.default_rng(1).integers(0, 256, (len(ARTISTS), len(THINGS), 4, 4, 3), dtype=np.uint8)
    for k, (_, _, missing) in enumerate(THINGS):
        if missing:
            squares[ARTISTS.index(missing), k] = 255
    return squares


def five_styles(root: Path) -> None:
    """drawings256: every drawing is a grid of 4x4 squares of 48 pixels on white; a sheet has one row, of 20."""
    (root / "drawings256").mkdir(parents=True)
    lines = [f"{name.replace(' ', '-')}\t{name}\t{aliases}\t{missing}\n" for name, aliases, missing in THINGS]
    (root / "drawings256" / "names.tsv").write_text("".join(lines))
    for artists, squares in zip(ARTISTS, five_squares(), strict=True):
        for i in range(2):
            sheet = np.full((256, 20 * 256, 3), 255, np.uint8)
            for k, square in enumerate(squares[20 * i : 20 * i + 20]):
                sheet[32:224, 256 * k + 32 : 256 * k + 224] = square.repeat(48, 0).repeat(48, 1)
            Image.fromarray(sheet).save(root / "drawings256" / f"{artists}-{i}.webp", lossless=True)


def data(root: Path) -> Path:
    """photos64 and emoji64: every photo is one colour; every drawing is a grid of 4x4 coloured squares on white."""
    (root / "photos64").mkdir(parents=True)
    (root / "emoji64").mkdir()
    for kind, (wnid, _) in enumerate(KINDS):
        colours = np.array([photo_colour(kind, i) for i in range(500)], np.uint8).reshape(20, 25, 3)
        sheet = Image.fromarray(colours.repeat(64, 0).repeat(64, 1))
        assert sheet.size == (1600, 1280)
        sheet.save(root / "photos64" / f"{wnid}.jpg", quality=95, subsampling=0)
    (root / "photos64" / "classes.tsv").write_text("".join(f"{wnid}\t{lemmas}\n" for wnid, lemmas in KINDS))
    squares = np.random.default_rng(0).integers(0, 256, (len(DRAWINGS), 4, 4, 3), dtype=np.uint8)
    sheet = np.full((64 * (-(-len(DRAWINGS) // 50)), 50 * 64, 3), 255, np.uint8)
    for i, square in enumerate(squares):
        row, column = 64 * (i // 50), 64 * (i % 50)
        sheet[row + 8 : row + 56, column + 8 : column + 56] = square.repeat(12, 0).repeat(12, 1)
    Image.fromarray(sheet).save(root / "emoji64" / "sheet.png")
    (root / "emoji64" / "names.tsv").write_text("".join("\t".join(line).rstrip("\t") + "\n" for line in DRAWINGS))
    five_styles(root)
    return root


@dataclass(frozen=True, kw_only=True)
class Played(Plan):
    """A plan whose Steps are given.

    Args:
        steps: from the device's name to the Steps.
        draws: the model whose run it is.
        price: what is told of its cost.
    """

    steps: Callable[[str], Iterator[Step]] = lambda device: iter(())
    draws: str = "pocket"
    price: tuple[int, float] | None = None

    @property
    def model(self) -> str:
        return self.draws

    @property
    def count(self) -> int:
        return 1

    @property
    def caption(self) -> str:
        return "A picture."

    def cost(self) -> tuple[int, float] | None:
        return self.price

    def run(self, device: str = "auto") -> Iterator[Step]:
        return self.steps(device)


def played(steps: Callable[[str], Iterator[Step]] = lambda device: iter(()), **how) -> Played:
    """A plan whose Steps are given, of nothing that anybody asked for."""
    return Played(request=PictureRequest(), steps=steps, **how)
