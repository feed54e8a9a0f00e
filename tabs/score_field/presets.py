"""What the score field shows at one click: a view and its settings."""

from core.runs.score_field import ScoreFieldRequest

R = ScoreFieldRequest
PRESETS: dict[str, tuple[str, ScoreFieldRequest]] = {
    "Moons dissolve in noise": ("forward", R()),
    "The score of two rings": ("score", R(data="rings")),
    "Four samplers, one noise": ("sample", R()),
    "Langevin loses the weights": ("sample", R(data="unequal", samplers=("plain", "langevin"))),
    "Straight paths, five steps": ("sample", R(path="flow", samplers=("ddim", "heun"), steps=5)),
    "Quality against steps": ("quality", R(data="checkerboard")),
    "Guidance leaves points out": ("guide", R(data="tree", scale=2.0)),
    "A network learns a roll": ("train", R(data="roll")),
}
"""Title -> (view, settings)."""
