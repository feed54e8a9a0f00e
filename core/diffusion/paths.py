"""A denoiser of one path read on another: pictures with equal shares of noise differ by a factor alone."""

from torch import Tensor

from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.schedule import Schedule


def on_path(denoiser: Denoiser, schedule: Schedule) -> Denoiser:
    """The denoiser for states of another path (Karras et al. 2022, section 2: paths differ in time and scale alone).

    x = a x_0 + s eps is asked about as x (a' + s') / (a + s), at the timestep of its own path whose share of the picture,
    a' / (a' + s'), is nearest to a / (a + s). Of the answer u = x_0 - eps is kept, so that x = a x_0 + s eps still holds.

    Args:
        schedule: the path of the states to come; its own one changes nothing.
    """
    return denoiser if denoiser.schedule is schedule else _OnPath(denoiser, schedule)


class _OnPath(Technique):
    def __init__(self, inner: Denoiser, schedule: Schedule):
        super().__init__(inner)
        self.schedule = schedule
        ours, theirs = ((path.a / (path.a + path.s))[:-1] for path in (schedule, inner.schedule))
        self.nearest = (ours[:, None] - theirs).abs().argmin(1)  # (T,) timesteps of the inner path

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        theirs = self.nearest.to(t.device)[t]
        a, s = self.schedule.at(t, x_t)
        b, r = self.inner.schedule.at(theirs, x_t)
        p = self.inner.predict(x_t * (b + r) / (a + s), theirs, cond)
        return Prediction(*self.schedule.from_velocity(x_t, t, p.x_0 - p.eps))
