"""Visual anagrams: one picture that shows something else when it is turned, flipped or taken apart."""

import gradio as gr

from core.models.captions import DRAWING_STYLES
from core.runs.anagrams import AnagramRequest
from tabs.anagrams.job import JOB
from tabs.anagrams.legal import legal_panel
from tabs.ui.controls import Shared, formula_panel, wire
from tabs.ui.examples import pointer
from tabs.ui.failures import explained
from tabs.ui.presets import first
from tabs.ui.two_readings import TwoReadingsLayout, presets
from tabs.ui.viewer import viewer

TITLE = "Visual anagrams"
ID = JOB.tab


def turned(one: str, other: str, view: str, style: str, seed: int) -> AnagramRequest:
    """Two readings in a style of drawing, through a view, from this seed on."""
    return AnagramRequest(prompts=(one, other), views=("identity", view), style=DRAWING_STYLES[style].prompt, seed=seed)


PRESETS = {  # before the jigsaw, both readings were named by somebody who did not know the prompts
    "Balloon / teapot": AnagramRequest(),
    "Tree / elephant": turned("a deciduous tree", "an elephant", "rotate_90", "glossy", 182),
    "Cupcake / mushroom": turned("a cupcake", "a brown mushroom", "rotate_180", "emoji", 183),
    "Apple / tree": turned("a green apple", "a deciduous tree", "rotate_180", "sticker", 181),
    "Pear / light bulb": turned("a pear", "a light bulb", "flip", "flat", 180),
    "Anchor / umbrella": turned("an anchor", "an umbrella", "flip", "sticker", 182),
    "Cactus / shamrock": turned("a cactus", "a shamrock", "rotate_90", "glossy", 183),
    "Broccoli / turkey": turned("broccoli", "a turkey", "flip", "sticker", 182),
    "Bomb / crystal ball": turned("a bomb", "a crystal ball", "rotate_180", "glossy", 182),
    "Gem / droplet": turned("a gem stone", "a droplet", "flip", "sticker", 182),
    "Thumbs down / up": turned("a thumbs down", "a thumbs up", "flip", "sticker", 182),
    "Trophy / bell": turned("a trophy", "a bell", "flip", "emoji", 183),
    "Jigsaw": turned("a cat face", "a cookie", "jigsaw", "sticker", 180),
    "Negative": turned("a blue heart", "an orange heart", "negate", "emoji", 180),
    "Three at once": AnagramRequest(
        prompts=("a trophy", "a bell", "a tropical fish"), views=("identity", "flip", "rotate_90"), seed=181
    ),
}
VILLAGE = "an oil painting of a snowy mountain village"
COURSE = {
    "Campfire / old man": AnagramRequest(
        prompts=("an oil painting of people around a campfire", "an oil painting of an old man")
    ),
    "Village / barista": AnagramRequest(prompts=(VILLAGE, "a photo of a hipster barista")),
    "Village / coast": AnagramRequest(prompts=(VILLAGE, "a photo of the amalfi cost")),  # as the course spells it
}
PROMPTS = ("prompt_1", "prompt_2", "prompt_3", "prompt_4")
NARROW = {f"prompt_{k}": {"min_width": 150} for k in (2, 3, 4)} | {f"view_{k}": {"min_width": 130} for k in (2, 3, 4)}


def build(shared: Shared) -> None:
    """The tab."""
    r = first(AnagramRequest(), shared)
    tab = TwoReadingsLayout(JOB, r, shared, presets(PRESETS, COURSE), how=NARROW)
    form = tab.form
    with tab.left:
        form.place("style", "prompt_1")
        with gr.Row():
            form.place("prompt_2", "view_2")
        with gr.Accordion("A third and a fourth reading", open=False) as further:
            for k in (3, 4):
                with gr.Row():
                    form.place(f"prompt_{k}", f"view_{k}")
        tab.extra = [further]
        tab.run_row("Make anagrams", ("style", *PROMPTS), styled=True)
        form.place("n", "steps", "guidance", "seed")
        with tab.more("restore_anagrams"):
            form.place("model", "sampler", "reduction", "weights", "view_seed")
    with tab.right:
        tab.viewer()
        tab.readings(
            "The chosen picture, turning: press play", lambda: viewer("anagrams-motion", pointer("anagrams-motion"))
        )
        tab.enlarging("in all its views")
        tab.inside("Inside the chosen picture: the noise that each view sees")
        lessons = legal_panel(form["view_seed"])
        formula_panel("anagrams")
    tab.wire("make_anagrams")
    for view, button in lessons.items():
        run, endpoint = JOB.handler("anagrams", view_2=view), f"anagrams_through_{view}"
        wire((button, tab.stop), run, [*tab.inputs, shared.device], explained(JOB.keep), tab.kept, shared, endpoint)
