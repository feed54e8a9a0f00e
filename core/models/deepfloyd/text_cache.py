"""Compute what depends only on the prompt once per run, not once per step; the results are equal.

A UNet of IF projects the text in every call: the pooled embedding, and keys and values for every attention. The
prompt's tensor is one object in all steps of a run, so each projection keeps its last input and output.
"""

from collections.abc import Callable

from torch import Tensor, nn


class Once(nn.Module):
    """A module or function of one tensor that returns the stored output for the same, unchanged object."""

    def __init__(self, inner: Callable[[Tensor], Tensor]):
        super().__init__()
        self.inner, self.seen, self.version, self.answer = inner, None, 0, None

    def forward(self, x: Tensor) -> Tensor:
        """inner(x)."""
        if x is not self.seen or x._version != self.version:
            self.seen, self.version, self.answer = x, x._version, self.inner(x)
        return self.answer


def project_text_once(unet: nn.Module) -> nn.Module:
    """Make a diffusers UNet2DConditionModel of IF keep its text projections; changes and returns it."""
    from diffusers.models.attention_processor import Attention

    for name in ("encoder_hid_proj", "add_embedding"):
        if getattr(unet, name, None) is not None:
            setattr(unet, name, Once(getattr(unet, name)))
    for attention in [m for m in unet.modules() if isinstance(m, Attention) and m.added_kv_proj_dim]:
        attention.add_k_proj, attention.add_v_proj = Once(attention.add_k_proj), Once(attention.add_v_proj)
        if attention.norm_cross is not None:
            # a bound method, not a module: the norm itself sees a new view of the text in every call
            object.__setattr__(attention, "norm_encoder_hidden_states", Once(attention.norm_encoder_hidden_states))
    return unet
