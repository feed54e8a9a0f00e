"""Pocket as a Denoiser: 64x64 RGB in [-1, 1] from a caption, T = 1000, cosine schedule, v-prediction."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.diffusion.denoiser import NETWORK_LOCK, Denoiser, Prediction
from core.diffusion.schedule import Schedule
from core.models.captions import DRAWING_STYLES, LENGTH, Vocabulary, words_of
from core.models.mnist_unet import layout
from core.models.spec import Reader
from core.models.text_unet import TextUNet
from core.techniques.attention import Hook, Word, hooked
from core.techniques.blocks import Watchable

SHAPE = (3, 64, 64)
SCHEDULE = Schedule.cosine(1000)
SUM = (
    "Pocket gets the caption a second way, as one sum of its words that acts on all places alike: no map shows it, and most "
    "of a prompt acts through it."
)
ONE_THING = "Pocket was shown pictures of one thing: two things with a colour each it cannot keep apart."


class Pocket(Watchable, Denoiser):
    """A TextUNet with its vocabulary as a Denoiser. It has no learned variance."""

    shape, schedule = SHAPE, SCHEDULE

    def __init__(
        self, net: TextUNet, vocabulary: Vocabulary, device: torch.device | str = "cpu", hook: Hook | None = None
    ):
        self.net, self.vocabulary, self.device, self.hook = net, vocabulary, torch.device(device), hook

    def to(self, device: torch.device | str) -> "Pocket":
        """The same network on another device."""
        return Pocket(self.net.to(device, memory_format=layout(device)), self.vocabulary, device)

    def watched(self, hook: Hook) -> "Pocket":
        """The same network; its attention to the words calls the hook, in calls of this denoiser alone."""
        return Pocket(self.net, self.vocabulary, self.device, hook)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str | None]) -> Tensor:
        """(B, LENGTH, c) encoded captions; None or an empty caption is "no condition"."""
        ids = self.vocabulary.encode([prompt or "" for prompt in prompts]).to(self.device)
        with NETWORK_LOCK:
            return self.net.encoder(ids).float()

    @torch.no_grad()
    def weigh(self, cond: Tensor, prompts: Sequence[str], factors: Tensor) -> Tensor:
        """Encode captions. A word's factor weighs it in the sum that stands for the whole caption.

        Args:
            factors: (B, LENGTH) by token; ones change nothing.
        """
        ids, factors = self.vocabulary.encode(prompts).to(self.device), factors.to(self.device)
        encoder = self.net.encoder
        with NETWORK_LOCK:
            return torch.cat([cond[:, :1] + (encoder.bag(ids, factors) - encoder.bag(ids)), cond[:, 1:]], 1)

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """One network call for x_t (B, 3, 64, 64), t (B,), cond (B, LENGTH, c)."""
        with NETWORK_LOCK, hooked(self.net.layers_to_words() if self.hook else {}, self.hook), self.watch(self.net):
            v = self.net(x_t, t, cond).float().contiguous()
        return Prediction(*self.schedule.from_v(x_t, t, v))


class CaptionReader(Reader):
    """Pocket's vocabulary, from its card."""

    summed = True

    def styles(self) -> tuple[str, ...]:
        """The phrases that ask for a thing in a style. A pocket whose card names no styles was taught one."""
        taught = self.model.source.card(self.model).get("styles") or ("emoji",)
        return tuple(DRAWING_STYLES[name].prompt for name in taught)

    def never_seen(self, prompts: Sequence[str]) -> list[bool]:
        """See `Vocabulary.never_seen`."""
        known = self._vocabulary()  # from its card, a file
        return [known.never_seen(prompt) is not None for prompt in prompts]

    def remarks(self, prompt: str) -> list[str]:
        """The remarks of `Vocabulary.remarks`, after one on a style of drawing that the model was not taught."""
        taught, said = self.styles(), []
        for style in DRAWING_STYLES.values():
            if style.prompt not in taught and prompt.lower().startswith(style.prompt):
                prompt = DRAWING_STYLES["emoji"].of(prompt[len(style.prompt) :].strip())
                said = [f"{self.model.name} was not taught “{style.prompt} …”; it draws an emoji."]
        return [*said, *self._vocabulary().remarks(prompt, self.model.name)]

    def words(self, prompt: str) -> list[Word]:
        """See `Vocabulary.placed`."""
        return Vocabulary(self.model.source.card(self.model)["architecture"]["words"]).placed(prompt)

    def _vocabulary(self) -> Vocabulary:
        about = self.model.source.card(self.model)
        only = {word: style for style, words in about["seen_only_in"].items() for word in words}
        return Vocabulary(about["architecture"]["words"], only, about.get("never_seen", {}))

    def about_maps(self, prompt: str) -> str:
        """See the base class."""
        two = f"{ONE_THING} " if "and" in words_of(prompt) else ""
        return two + SUM


def build_pocket(architecture: dict, weights: dict[str, Tensor]) -> Pocket:
    """Pocket from its card's "architecture" and its weights, for inference."""
    vocabulary = Vocabulary(architecture["words"])
    shape = architecture["widths"], architecture["text"], architecture["depth"], architecture["middle"]
    net = TextUNet(len(vocabulary), LENGTH, *shape)
    net.load_state_dict(weights)
    return Pocket(net.eval().requires_grad_(False), vocabulary)
