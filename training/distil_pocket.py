"""Pocket's family for distillation: prompts as in its training, its paths, and a quick look at its student."""

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.datasets.five_styles import subjects
from core.datasets.pictures import LISTS, Subject, photo_subjects
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.guidance import bounded, guide
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.models import pocket_students
from core.models.captions import Vocabulary
from core.models.pocket import SCHEDULE, SHAPE
from core.models.pocket_students import COUNTS, SHAPE_KEYS, FastPocket, student_net
from core.models.registry import card
from core.pictures import images
from core.techniques.filters import psnr
from training.distil_families import Family
from training.pocket_data import DROPPED, odds, picks, plain

PHOTO_SHARE = 0.25
FAVOUR = 2.0
"""How many times as often the well-known things come, in every style of drawing."""
LOOKED_AT = 999_983
"""The chunk of paths that the student never learns from; `look` uses it."""
SHOWN = 16  # of its paths


class Prompts:
    """Captions of drawings and of photos, as `training.pocket_data.Pictures` gives them; no picture is needed.

    Args:
        about: the teacher's card.
    """

    def __init__(self, about: dict):
        self.vocabulary = Vocabulary(about["architecture"]["words"])
        self.drawings = [s for s in subjects() if s.style in about["styles"]]
        self.photos = [s for s in photo_subjects() if s.names[0] in set(about["photos"])]
        self.odds = (
            odds(self.drawings, set(LISTS["first"].read_text().splitlines()), FAVOUR),
            torch.ones(len(self.photos)),
        )

    def drawn(self, n: int, g: torch.Generator) -> list[str]:
        """n captions; some are empty."""
        n_photos = int(torch.binomial(torch.tensor(float(n)), torch.tensor(PHOTO_SHARE), generator=g))
        drawings, photos = picks(self.odds[0], n - n_photos, g), picks(self.odds[1], n_photos, g)
        picked = [self.drawings[i] for i in drawings.tolist()] + [self.photos[i] for i in photos.tolist()]
        return [caption(s, g) for s in picked]


def caption(subject: Subject, g: torch.Generator) -> str:
    """One caption at random, as often as in pocket's training: the usual name in half of them, one in ten plain; one photo
    in ten has none."""
    pick = lambda high: int(torch.randint(high, (), generator=g))  # noqa: E731
    if subject.photo and torch.rand((), generator=g) < DROPPED:
        return ""
    rows = plain(subject) if torch.rand((), generator=g) < DROPPED else subject.captions()
    return rows[pick(len(subject.templates)) if len(rows) > len(subject.templates) and pick(2) else pick(len(rows))]


@cache
def prompts() -> Prompts:
    """The prompts of the pocket model that is here."""
    return Prompts(card("pocket"))


class Pocket(Family):
    """Pocket. Its labels are captions as word ids, (B, LENGTH). The teacher's clean estimate is clipped, as in the app."""

    schedule, chunk, places, teacher_steps, kept = SCHEDULE, 128, COUNTS[-1], 16, torch.float16
    scales, outside, quick_look = pocket_students.SCALES, 12, "psnr_to_the_teacher_by_steps"
    pictures = "picture of a data set"

    def drawn(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        labels = prompts().vocabulary.encode(prompts().drawn(n, g))
        w = self.scale(n, g)
        return torch.randn(n, *SHAPE, generator=g), labels, w

    def guided(self, teacher: Denoiser, w: Tensor) -> Denoiser:
        return bounded(guide(teacher, w), "clip")

    def student(self, teacher: Any, levels: int) -> nn.Module:
        """Its text encoder stays as it is."""
        net = student_net(card("pocket")["architecture"], len(teacher.vocabulary))
        net.load_state_dict(teacher.net.state_dict(), strict=False)
        net.encoder.requires_grad_(False)
        return net

    @torch.no_grad()
    def conditions(self, net: nn.Module, labels: Tensor) -> Tensor:
        return net.encoder(labels).float()

    def output(self, net: nn.Module, x: Tensor, t: Tensor, labels: Tensor, w: Tensor, level: Tensor) -> Tensor:
        return net(x, t, self.conditions(net, labels), w, level)

    def target(self, p: Prediction, x: Tensor, t: Tensor) -> Tensor:
        """v = a eps - s x_0; equal errors of it weigh alike in the picture at the end of a step."""
        a, s = self.schedule.at(t, x)
        return a * p.eps - s * p.x_0

    def architecture(self, net: nn.Module, objective: str) -> dict:
        about = card("pocket")["architecture"]
        return {"objective": objective, **{key: about[key] for key in SHAPE_KEYS}, "words": about["words"]}

    @property
    def facts(self) -> dict:
        """The student's knowledge on its card, the same as its teacher's."""
        kept = "drawings", "photos", "photos_without_a_name", "styles", "never_seen", "seen_only_in", "limits"
        return {key: card("pocket")[key] for key in kept if key in card("pocket")}

    @torch.no_grad()
    def look(self, run: Any, net: nn.Module, all_steps: bool) -> dict[str, dict]:
        """PSNR to the ends of paths that it does not learn from, by steps; and a sheet of them, the teacher's first."""
        chunk = run.paths.one(LOOKED_AT)
        path = {"states": chunk["states"][:, :SHOWN], "labels": chunk["labels"][:SHOWN], "w": chunk["w"][:SHOWN]}
        student = FastPocket(net, prompts().vocabulary, run.device)
        rows, found = [path["states"][-1].float()], {}
        for steps in reversed(COUNTS):
            rows.append(ends(student, steps, path).cpu())
            found[str(steps)] = {"psnr": round(psnr(rows[-1], rows[0]).mean().item(), 2)}
        write_sheet(run.folder / f"sheet-{run.step:06d}.png", torch.cat(rows))
        return found


def ends(student: FastPocket, steps: int, path: dict[str, Tensor]) -> Tensor:
    """The student's pictures (B, 3, 64, 64) from the noises, captions and guidance scales of paths."""
    model = student.for_steps(steps, path["w"])
    cond = model.encode([None] * len(path["w"]))
    cond[:, :-1] = student.net.encoder(path["labels"].to(student.device))
    x = path["states"][0].float().to(student.device)
    *_, last = ddim(bounded(model), x, visits_together(SCHEDULE.timesteps(steps), len(x)), cond)
    return last.x_t


def write_sheet(file: Any, pictures: Tensor) -> None:
    """Pictures in rows of SHOWN, twice as large."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn: np.ndarray = images.to_uint8(pictures, -1, 1)
    images.to_pil(images.enlarge(images.grid(drawn, SHOWN), 2)).save(file)
