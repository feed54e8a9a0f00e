"""The presets of the score field: a view and its settings at one click."""

from core.runs.score_field import ScoreFieldRequest

R = ScoreFieldRequest
PRESETS: dict[str, tuple[str, ScoreFieldRequest]] = {
    "Moons to noise": ("forward", R()),
    "Score of two rings": ("score", R(data="rings")),
    "Samplers, one noise": ("sample", R()),
    "Langevin loses weights": ("sample", R(data="unequal", samplers=("langevin", "plain"))),
    "Straight paths": ("sample", R(noising="flow", samplers=("ddim", "heun"), steps=5)),
    "Quality on a checkerboard": ("quality", R(data="checkerboard")),
    "Guides on a tree": ("guide", R(data="tree", scale=2.0)),
    "Learning a roll": ("train", R(data="roll")),
}
"""Title -> (view, settings)."""
