"""Distillation of many steps into few: the teacher's path, the targets of its student, and the student's step size.

A student predicts where one long step along the teacher's deterministic path ends. On any Gaussian path that step is
DDIM's, x_t' = a' x_0 + s' eps, so the target is the (x_0, eps) for which it lands exactly. On the straight path their
difference u = x_0 - eps is the mean velocity over the step.
"""

import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.samplers import adams
from core.diffusion.schedule import Schedule
from core.diffusion.students import FEW_STEPS
from core.diffusion.visits import visits_together


def teacher_path(teacher: Denoiser, x: Tensor, cond: Tensor, steps: int = FEW_STEPS[-1]) -> Tensor:
    """The states (steps + 1, B, ...) of a deterministic run from noise x (B, ...), by a second-order method.

    Args:
        teacher: with its guidance.
        cond: (B, ...), of `teacher.encode`.
    """
    visits = visits_together(teacher.schedule.timesteps(steps), len(x))
    return torch.stack([step.x_t for step in adams(teacher, x, visits, cond)])


def step_target(schedule: Schedule, x_t: Tensor, t: Tensor, x_next: Tensor, t_next: Tensor) -> Prediction:
    """The prediction at x_t for which DDIM's step from t to t_next, both (B,), ends at x_next.

    x_0 = (x' - r x_t) / (a' - r a) with r = s' / s (Salimans & Ho 2022, appendix G), and eps likewise; on the straight
    path x_0 - eps = (x' - x_t) / (a' - a), the mean velocity.
    """
    (a, s), (a_next, s_next) = schedule.at(t, x_t), schedule.at(t_next, x_t)
    area = a_next * s - a * s_next
    return Prediction((s * x_next - s_next * x_t) / area, (a_next * x_t - a * x_next) / area)


def consistency_pair(t: Tensor, stage: int, q: float = 2.0, k: float = 8.0) -> Tensor:
    """The smaller noise level r (B,) beside t (B,) in consistency tuning: r / t = 1 - n(t) / q^(stage + 1), from 0.

    n(t) = 1 + k sigmoid(-t) (Geng et al. 2024, "Consistency models made easy", eq. 11). In early stages r = 0: the
    target is the clean end itself, as in the training of the teacher; in later ones r comes ever closer to t.
    """
    return t * (1 - (1 + k * torch.sigmoid(-t)) / q ** (stage + 1)).clamp(min=0)


def consistency_loss(ahead: Tensor, behind: Tensor, gap: Tensor) -> Tensor:
    """() the mean of ||f(x_t) - f(x_r)|| / (t - r), with f(x_r) as the target (Geng et al. 2024, eq. 12 and 14).

    Args:
        ahead, behind: f(x_t) and f(x_r), (B, ...) clean estimates.
        gap: t - r, (B,), above 0.
    """
    distance = (ahead - behind.detach()).flatten(1).square().sum(1).add(1e-6).sqrt()
    return (distance / gap).mean()
