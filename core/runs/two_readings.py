"""What pictures that are two things at once have in common, anagrams and hybrids: a request, checked and saved."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from core.checks import Refused, choice, real, whole
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import halves
from core.diffusion.noise import MAX_SEED, generators, randn, seeds
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.runs.prompts import MAX_GUIDANCE, MAX_PICTURES, prompt_of, text_model
from core.runs.sampling import carried

STYLES = ("an emoji of", "a drawing of", "a photo of", "an oil painting of", "a lithograph of", "a watercolour of")


@dataclass(frozen=True, kw_only=True)
class Double:
    """What anagrams and hybrids share.

    Args:
        prompts: one per reading.
        style: what every prompt begins with; may be empty.
        n: pictures; picture k starts from the noise of seed + k.
        model: a registry name of the task "text".
        sampler: a key of `core.diffusion.sampler_table.TEXT_SAMPLERS`.
        steps: number of steps.
        guidance: w of classifier-free guidance, the same for every reading.
        seed: of the first picture.
    """

    KIND: ClassVar[str]
    prompts: tuple[str, ...]
    style: str = "an emoji of"
    n: int = 4
    model: str = "pocket"
    sampler: str = "ddim"
    steps: int = 30
    guidance: float = 3.0
    seed: int = 180

    @classmethod
    def checked(cls, **values: object):
        """A request from untrusted values.

        Raises:
            Refused: one sentence that says which value is wrong and what is allowed.
            ModelError: the model does not exist or is not here.
        """
        r = cls(**values)
        model = text_model(r.model)
        sampler = TEXT_SAMPLERS[choice(r.sampler, TEXT_SAMPLERS, "The sampler")]
        low, _, high = sampler.steps
        return dataclasses.replace(
            r,
            style=prompt_of(r.style, "The style"),
            n=whole(r.n, 1, MAX_PICTURES, "The number of pictures"),
            model=model,
            steps=whole(r.steps, low, high, f"The number of steps with {sampler.title}"),
            guidance=real(r.guidance, 0, MAX_GUIDANCE, "The guidance"),
            seed=whole(r.seed, 0, MAX_SEED, "The seed"),
            **r._own_checks(),
        )

    def _own_checks(self) -> dict:
        """The fields that only this kind of request has, checked."""
        raise NotImplementedError

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return seeds(self.seed, self.n)

    def settings(self) -> dict:
        """What a saved picture carries."""
        return carried(self.KIND, self)

    def cost_of(self, questions: int) -> tuple[int, int]:
        """(network calls, pictures in each) when every picture asks that many questions."""
        return self.steps, questions * self.n * halves(self.guidance)

    def styled(self, prompt: str) -> str:
        """A prompt with its style in front."""
        return f"{self.style} {prompt}".strip()

    def start(self, model: Denoiser) -> tuple[Tensor, list]:
        """The noise (n, C, H, W) of every picture, and the generators it came from."""
        source = generators(self.seed, self.n)
        return randn((self.n, *model.shape), source, model.device), source


def listed(value: object, high: int, what: str) -> list:
    """A list or tuple of at most `high` things."""
    if not isinstance(value, list | tuple):
        raise Refused(f"The {what} must be a list.")
    if len(value) > high:
        raise Refused(f"There can be at most {high} {what}, not {len(value)}.")
    return list(value)
