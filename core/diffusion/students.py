"""Students: Denoisers distilled to few steps, with the guidance scale and the number of steps among their inputs."""

from collections.abc import Sequence

from torch import Tensor

from core.checks import Refused, real
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import guide
from core.wording import listed

FEW_STEPS = (1, 2, 4, 8, 16)
"""The numbers of steps that a distilled student learns; the timesteps of each are among those of the next."""


class Student(Denoiser):
    """A Denoiser that was trained for a few numbers of steps and takes the guidance scale as an input.

    Attributes:
        counts: the numbers of steps that it learned.
        scales: the smallest and the largest guidance scale that it learned.
    """

    counts: tuple[int, ...]
    scales: tuple[float, float]

    def for_steps(self, steps: int, guidance: float) -> "Student":
        """The same network, set to a number of steps and a guidance scale that `checked` allows."""

    def call(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """The network's output as it is, without waiting for its turn: for measuring how long it takes."""


def checked(counts: Sequence[int], scales: tuple[float, float], steps: int, guidance: float) -> None:
    """Raises Refused, in one sentence, for steps or a guidance scale that a student did not learn."""
    if steps not in counts:
        raise Refused(f"This student draws in {listed(counts)} steps, not in {steps}.")
    real(guidance, *scales, "The guidance of this student, which has it inside,")


def is_student(denoiser: Denoiser) -> bool:
    """Whether it is a student, or a technique around one."""
    return bool(getattr(denoiser, "counts", ()))


def guided(
    denoiser: Denoiser, steps: int | Tensor, guidance: float | Tensor, negative: object = None, interval: object = None
) -> Denoiser:
    """The denoiser for a run of so many steps: a student takes the guidance as an input, others need two halves.

    Args:
        steps: or (B,), one per sample.
        guidance, negative, interval: as `guide` takes them.

    Raises:
        Refused: a student with a negative prompt, with guidance in an interval, or with what it did not learn.
    """
    if not is_student(denoiser):
        return guide(denoiser, guidance, negative, interval)
    if negative is not None or interval is not None:
        raise Refused("A student has guidance inside: it takes no negative prompt, and guidance is on throughout.")
    return denoiser.for_steps(steps, guidance)
