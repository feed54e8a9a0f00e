"""Draw as I type: one picture by pocket's student follows the prompt, the seed and the guidance while they change."""

from collections.abc import Callable, Iterator

import gradio as gr
import numpy as np

from core.diffusion.samplers import Step
from core.models.registry import availability, spec
from core.pictures.images import to_uint8
from core.runs.as_typed import TURNS
from core.runs.enlarging import larger
from core.runs.plan import Plan
from core.runs.sampling import PictureRequest, samples
from tabs.ui.controls import Shared
from tabs.ui.failures import in_words
from tabs.ui.form import Form
from tabs.ui.theme import asset, script
from tabs.ui.viewer import as_uri

STUDENT = "pocket-fast"
CHANGED = "(...values) => { window.typedChanged?.(values); }"


def place(form: Form, shared: Shared) -> None:
    """The switch and the box with the picture; nothing where the student is not here."""
    if not availability(STUDENT)[0]:
        return
    about = f"One picture by {STUDENT} follows the prompt, the seed and the guidance; it gets sharper when you pause."
    switch = gr.Checkbox(False, label="Draw as I type", info=about, elem_id="typed-switch")
    gr.HTML(
        {},
        html_template=asset("typed.html"),
        js_on_load=script("typed"),
        server_functions=[typed, enlarged],
        elem_id="typed",
        apply_default_css=False,
    )
    told = [switch, *(form[name] for name in ("prompt", "seed", "guidance")), shared.device]
    gr.on([c.change for c in told], None, told, None, js=CHANGED, api_visibility="private")


def plan_of(prompt: str, seed: float, guidance: float) -> Plan:
    """One picture by the student; guidance that it did not learn becomes the nearest that it did. Raises Refused."""
    low, high = spec(STUDENT).scales
    near = min(max(guidance, low), high) if isinstance(guidance, (int, float)) else guidance
    usual = spec(STUDENT).defaults
    return samples(PictureRequest.checked(prompt=prompt, n=1, model=STUDENT, guidance=near, seed=seed, **usual))


def words_on(plan: Plan, guidance: float) -> str:
    """How the picture was made."""
    r = plan.request
    nearest = f", the nearest to {guidance:g} that it learned" if r.guidance != guidance else ""
    return f"{STUDENT}, {r.steps} network calls, guidance {r.guidance:g}{nearest}, seed {r.seed}."


def answered(answer: Callable[..., dict]) -> Callable[..., dict]:
    """An answer for the box; on a failure the sentence on it, which leaves the picture before in its place."""

    def call(asked: list) -> dict:
        try:
            who, prompt, seed, guidance, device = asked
            plan = plan_of(prompt, seed, guidance)
            return answer(plan, str(who), device, words_on(plan, guidance))
        except Exception as e:  # a refused call would leave the page without a word
            return {"words": in_words(e).message}

    call.__name__ = answer.__name__  # as the page calls it
    return call


def picture_for(run: Callable[[], Iterator[Step]], who: str) -> np.ndarray | None:
    """The picture (S, S, 3) uint8 of a run; None if the same person asked for another one meanwhile."""
    last = TURNS.draw(who, run)
    return last and to_uint8(last.x_t, -1, 1)[0]


def then_larger(plan: Plan, device: str) -> Iterator[Step]:
    """The steps of a plan, then those that enlarge its picture: one run, which a newer request ends at any step."""
    for step in plan.run(device):
        yield step
    yield from larger(plan, 0, to_uint8(step.x_t, -1, 1)[0]).run(device)


@answered
def typed(plan: Plan, who: str, device: str, words: str) -> dict:
    """The picture, or nothing if a newer one is on its way."""
    pixels = picture_for(lambda: plan.run(device), who)
    if pixels is None:
        return {}
    return {"image": as_uri(pixels), "alt": plan.request.prompt, "words": words}


@answered
def enlarged(plan: Plan, who: str, device: str, words: str) -> dict:
    """The same picture at 256 pixels, or nothing if a newer one is on its way."""
    pixels = picture_for(lambda: then_larger(plan, device), who)
    if pixels is None:
        return {}
    told = f"{words} Enlarged to 256 pixels."
    return {"large": True, "image": as_uri(pixels), "alt": plan.request.prompt, "words": told}
