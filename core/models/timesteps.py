"""The lists of timesteps that were published with DeepFloyd IF, by name, and the course's."""

from core.checks import Refused

TIMESTEP_LISTS = {
    "stride30": "stride 30, the course's (34 steps)",
    "fast27": "fast27 (27 steps)",
    "smart27": "smart27 (27 steps)",
    "smart50": "smart50 (50 steps)",
    "smart100": "smart100 (100 steps)",
    "smart185": "smart185 (185 steps)",
    "super27": "super27 (27 steps)",
    "super40": "super40 (40 steps)",
    "super100": "super100 (100 steps)",
}


def timestep_list(name: str) -> list[int]:
    """A published list of descending timesteps by its name in TIMESTEP_LISTS; "stride30" is 990, 960, ... 0.

    Raises:
        Refused: there is no such list.
    """
    if name not in TIMESTEP_LISTS:
        raise Refused(f"The list of timesteps must be one of {', '.join(TIMESTEP_LISTS)}, not {str(name)[:40]!r}.")
    if name == "stride30":
        return list(range(990, -1, -30))
    from diffusers.pipelines import deepfloyd_if

    return list(getattr(deepfloyd_if, f"{name}_timesteps"))
