"""Pocket's student: one network call a step, with guidance w and the step size as inputs."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.checks import Refused
from core.diffusion.denoiser import NETWORK_LOCK, Prediction
from core.diffusion.students import FEW_STEPS, Student, checked
from core.models.captions import LENGTH, Vocabulary
from core.models.mnist_unet import layout
from core.models.pocket import Pocket
from core.models.text_unet import TextUNet, sinusoid
from core.techniques.attention import Hook, hooked

COUNTS = FEW_STEPS[:4]
"""The numbers of steps that it learns: 1, 2, 4, 8."""
SCALES = (1.0, 8.0)
"""The guidance scales that it learns."""
GUIDANCE = 3.0
SHAPE_KEYS = "widths", "text", "depth", "middle"


class StudentTextUNet(TextUNet):
    """Pocket's network with two more inputs, which at first change nothing.

    A small network of time, w and step size adds to the embedding that scales and shifts every block; its last layer is
    zero at first (Meng et al. 2023, "On distillation of guided diffusion models"; zero: Peebles & Xie 2023).
    """

    def __init__(self, words: int, widths: Sequence[int], text: int, depth: int, middle: int):
        super().__init__(words, LENGTH, tuple(widths), text, depth, middle)
        c = 4 * widths[0]
        self.inputs = nn.Sequential(nn.Linear(widths[0] + 2 + len(COUNTS), c), nn.SiLU(), nn.Linear(c, c))
        nn.init.zeros_(self.inputs[-1].weight)
        nn.init.zeros_(self.inputs[-1].bias)

    def forward(self, x: Tensor, t: Tensor, text: Tensor, w: Tensor, level: Tensor) -> Tensor:
        """The v for which DDIM's step ends where the teacher's path does.

        Args:
            x: (B, 3, 64, 64) in [-1, 1].
            t: (B,) timesteps.
            text: (B, L, c), of `encoder`.
            w: (B,) guidance scale in [1, 8].
            level: (B,) index of the step size, 2^-level.
        """
        w = w.to(x)[:, None]
        size = nn.functional.one_hot(level, len(COUNTS)).to(x)
        told = torch.cat([sinusoid(t, self.enter.out_channels).to(x), (w - 1) / 7, w.log(), size], 1)
        return super().forward(x, t, text, self.inputs(told))


class FastPocket(Pocket, Student):
    """The student of pocket. A condition is an encoded caption and a row with w and the step size, (B, LENGTH + 1, c).

    Args:
        steps: the number of steps of the run, one of `counts`; or (B,), one per picture.
        guidance: w in [1, 8]; or (B,), one per picture.
    """

    counts, scales = COUNTS, SCALES

    def __init__(
        self,
        net: StudentTextUNet,
        vocabulary: Vocabulary,
        device: torch.device | str = "cpu",
        hook: Hook | None = None,
        steps: int | Tensor = COUNTS[-1],
        guidance: float | Tensor = GUIDANCE,
    ):
        self.steps, self.guidance = torch.as_tensor(steps), torch.as_tensor(guidance, dtype=torch.float32)
        for n, w in itertools.product(set(self.steps.view(-1).tolist()), set(self.guidance.view(-1).tolist())):
            checked(self.counts, self.scales, n, w)
        super().__init__(net, vocabulary, device, hook)

    def to(self, device: torch.device | str) -> "FastPocket":
        """The same network on another device."""
        net = self.net.to(device, memory_format=layout(device))
        return FastPocket(net, self.vocabulary, device, self.hook, self.steps, self.guidance)

    def watched(self, hook: Hook) -> "FastPocket":
        """See `Pocket`."""
        return FastPocket(self.net, self.vocabulary, self.device, hook, self.steps, self.guidance)

    def for_steps(self, steps: int | Tensor, guidance: float | Tensor) -> "FastPocket":
        """See the base class. Raises Refused for what it did not learn."""
        return FastPocket(self.net, self.vocabulary, self.device, self.hook, steps, guidance)

    def encode(self, prompts: Sequence[str | None]) -> Tensor:
        """(B, LENGTH + 1, c): encoded captions, and a row that begins with w and the index of the step size."""
        cond = super().encode(prompts)
        told = torch.zeros_like(cond[:, :1])
        told[:, 0, 0], told[:, 0, 1] = self.guidance.to(told), self.steps.log2().round().to(told)
        return torch.cat([cond, told], 1)

    def call(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """The network's v, (B, 3, 64, 64), without the lock."""
        return self.net(x_t, t, cond[:, :-1], cond[:, -1, 0], cond[:, -1, 1].round().long())

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """One network call for x_t (B, 3, 64, 64), t (B,), cond (B, LENGTH + 1, c).

        Raises:
            Refused: a timestep that does not begin one of its steps.
        """
        for level, timestep in set(zip(cond[:, -1, 1].round().int().tolist(), t.tolist(), strict=True)):
            if timestep not in self.schedule.timesteps(2**level):
                raise Refused(f"This student, set to {2**level} steps, must start each of them where it learned to.")
        with NETWORK_LOCK, hooked(self.net.layers_to_words() if self.hook else {}, self.hook), self.watch(self.net):
            v = self.call(x_t, t, cond).float().contiguous()
        return Prediction(*self.schedule.from_v(x_t, t, v))


def student_net(architecture: dict, words: int) -> StudentTextUNet:
    """A fresh network of the shape on a card."""
    return StudentTextUNet(words, *(architecture[key] for key in SHAPE_KEYS))


def build_fast_pocket(architecture: dict, weights: dict[str, Tensor]) -> FastPocket:
    """The student from its card's "architecture" and its weights, for inference."""
    vocabulary = Vocabulary(architecture["words"])
    net = student_net(architecture, len(vocabulary))
    net.load_state_dict(weights)
    return FastPocket(net.eval().requires_grad_(False), vocabulary)
