"""Make the finished examples that the tabs show before anything is run:  python -m tabs.make_examples [NAME ...]

Each is the result of a real run of our own models with the tab's defaults, kept as JSON in tabs/assets/examples.
"""

import json
import sys
from collections.abc import Iterable

from PIL import Image, ImageDraw

from core.anagrams import AnagramRequest
from core.denoising import DenoiseRequest
from core.fillings import InpaintRequest
from core.hybrids import HybridRequest
from core.ladders import SDEditRequest
from core.pictures import PictureRequest
from core.scenes import mountains
from tabs import _anagram, _hybrid, _inpainting, _sdedit, anagrams, denoise, hybrids, sampling
from tabs._look import ASSETS

FOLDER = ASSETS / "examples"
STATUS = "an example; press the button to make your own"


def last(run: Iterable):
    """The last thing that a handler yields."""
    *_, value = run
    return value


def still(run: Iterable) -> dict:
    """A viewer's last value with its result alone, marked as an example."""
    value = last(run)
    return value | {"run": None, "frames": value["frames"][-1:], "status": STATUS}


def canvas(hole: bool = False) -> dict:
    """The first scene on a canvas, as the editor sends it; with a hole painted where the sun is."""
    scene = mountains()
    layer = Image.new("RGBA", scene.size)
    if hole:
        ImageDraw.Draw(layer).ellipse((330, 10, 490, 170), fill=(79, 70, 229, 255))
    return {"background": scene, "layers": [layer] if hole else [], "composite": scene}


def denoising() -> dict:
    """The figures of the first tab, and the points of its chart."""
    forward, compared, steps, chart, _, _ = last(denoise.run(mountains(), *denoise.fill(DenoiseRequest()), "cpu"))
    return {"forward": forward, "compared": compared, "steps": steps, "chart": chart.to_numpy().tolist()}


def fields(request: object, names: Iterable[str]) -> list:
    """A request's values in the order of a tab's inputs."""
    return [getattr(request, name) for name in names]


EXAMPLES = {
    "denoise": denoising,
    "sampling": lambda: still(sampling.runner("samples")(*sampling.fill(PictureRequest()), "cpu")),
    "sdedit": lambda: still(_sdedit.runner("ladder")(canvas(), *fields(SDEditRequest(), _sdedit.FIELDS), "cpu")),
    "inpainting": lambda: still(
        _inpainting.runner("fill")(canvas(hole=True), *fields(InpaintRequest(), _inpainting.FIELDS), "cpu")
    ),
    "anagrams": lambda: still(anagrams.runner()(*_anagram.fill(AnagramRequest()), "cpu")),
    "hybrids": lambda: still(hybrids.run(None, *_hybrid.fill(HybridRequest()), "cpu")),
}


def main(names: list[str]) -> None:
    """Make those named, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or EXAMPLES:
        (FOLDER / f"{name}.json").write_text(json.dumps(EXAMPLES[name]()) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
