"""Make the finished examples that the tabs show before the first run:  python -m tabs.make_examples [NAME ...]

Each is a real run of our own models with the tab's defaults, kept in tabs/ui/assets/examples: see tabs.ui.examples.
"""

import base64
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from PIL import Image

from core.pictures import images
from core.pictures.scenes import SCENES, mountains
from core.runs.denoise import DenoiseRequest
from core.runs.families import FamiliesRequest
from core.runs.guides import GuidesRequest
from core.runs.inpainting import InpaintRequest
from core.runs.interpolation import InterpolationRequest
from core.runs.inversion import InversionRequest
from core.runs.mnist import DigitRequest
from core.runs.plan import Plan
from core.runs.recording import Recording
from core.runs.request import Request
from core.runs.roads import RoadsRequest
from core.runs.same_noise import PairRequest
from core.runs.sampling import PictureRequest
from core.runs.sdedit import SDEditRequest
from core.runs.single_step import SingleStepRequest
from core.runs.students import StudentsRequest
from core.runs.thresholds import ThresholdsRequest
from tabs import interpolation
from tabs.anagrams import page as anagrams
from tabs.denoise import job as denoise
from tabs.denoise.example import to_bytes as comparison_to_bytes
from tabs.fewer_steps import inversion, roads, students
from tabs.guides import classifier, thresholds
from tabs.hybrids import page as hybrids
from tabs.inpainting import page as inpainting
from tabs.inpainting.mask import pictures_of
from tabs.mnist import compare, families, generate, live
from tabs.mnist import denoiser as single_step
from tabs.mnist.canvas import digit_on, first_digit
from tabs.sampling import page as sampling
from tabs.sdedit import page as sdedit
from tabs.ui.canvas import pixels_of
from tabs.ui.examples import FOLDER, PREFIX, QUALITY, STATUS, thinned, to_bytes
from tabs.ui.job import Job
from tabs.ui.picture import original
from tabs.ui.viewer import RUNS
from tabs.words import job as words
from tabs.words import network


def last(run: Iterable):
    """The last value that a handler yields."""
    *_, value = run
    return value


def smaller(frame: dict) -> dict:
    """A viewer's frame with smaller picture files."""
    sizes = []
    for uri in frame["images"]:
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        sizes.append(images.data_uri(images.webp(pixels, QUALITY), "webp"))
    return frame | {"images": sizes}


def as_example(value: dict, name: str | None = None) -> dict:
    """A viewer's last value with few frames, marked as an example; the last frame is unchanged.

    Args:
        name: the example's name, if its recording is kept too.
    """
    *steps, result = thinned(value["frames"])
    frames = [*map(smaller, steps), result]
    return value | {"run": name and PREFIX + name, "frames": frames, "status": STATUS}


def kept(name: str, run: Iterable, more: Callable[[Recording], dict] | None = None, maps: bool = False) -> dict:
    """The files of a run: NAME.json for the viewer, NAME.npz with its recording, and `more` made from the recording.

    Args:
        maps: whether the recording keeps its maps too.
    """
    value = last(run)
    recording = RUNS.get(value)
    files = {f"{name}.json": as_example(value, name), f"{name}.npz": to_bytes(recording, maps)}
    return files | (more(recording) if more else {})


def ran(job: Job, request: Request, pictures: Mapping[str, np.ndarray]) -> dict:
    """The files of a job's plain run, from those pictures."""
    return kept(job.tab, job.stream(job.planned(next(iter(job.plans)), request, pictures), "cpu"))


def denoising() -> dict:
    """The comparison of Forward & denoise, and the look inside its longest run."""
    plan = denoise.JOB.planned("compare", DenoiseRequest(), original(mountains()))
    *_, view, _ = last(denoise.JOB.stream(plan, "cpu"))
    this = denoise.JOB.get(view)
    return {
        "denoise.npz": comparison_to_bytes(this),
        "denoise-inside.json": as_example(denoise.JOB.look(this, plan.request.longest)),
    }


def anagram() -> dict:
    """The anagrams, and the first one in motion."""

    def turning(recording: Recording) -> dict:
        value = anagrams.JOB.seen(recording.plan, recording.result[0], 0)
        return {"anagrams-motion.json": value | {"frames": [smaller(frame) for frame in value["frames"]]}}

    return kept("anagrams", anagrams.JOB.handler("anagrams")(device="cpu"), turning)


def hybrid() -> dict:
    """The hybrids, and the first one near and far."""

    def distance(recording: Recording) -> dict:
        return {"hybrids-distance.json": hybrids.JOB.seen(recording.plan, recording.result[0], 0)}

    return kept("hybrids", hybrids.JOB.handler("hybrids")(device="cpu"), distance)


def denoiser() -> dict:
    """The seven noise levels of the single-step denoiser on the digit that is on its canvas at first."""
    digit = digit_on(first_digit())
    figure, chart = last(single_step.JOB.stream(single_step.JOB.planned("levels", SingleStepRequest(), digit), "cpu"))
    return {"figure": figure, "chart": chart}


def digits() -> dict:
    """Twenty digits."""
    return ran(generate.JOB, DigitRequest(), {})


def words_in_picture() -> dict:
    """A prompt's words, with every head."""
    return kept("words", words.JOB.handler("maps")(device="cpu"), maps=True)


def network_inside() -> dict:
    """The digits' network, with the maps of every block."""
    return kept("network", network.JOB.handler("prompt")(device="cpu"), maps=True)


def both_ways() -> Plan:
    """From one noise to another, on the sphere and in a straight line."""
    return interpolation.JOB.planned("both-ways", InterpolationRequest(columns=5), {})


SHARED = " This example shared its two cores with other work; alone they take three to four minutes."


def learning() -> dict:
    """A network that learned digits live, with the first settings: some of its samples, and its curves. Needs MNIST."""
    view, curves, _ = last(live.START(device="cpu"))
    return {"learning.json": as_example(view), "learning-curves.json": curves | {"caption": curves["caption"] + SHARED}}


EXAMPLES = {
    "denoise": denoising,
    "sampling": lambda: ran(sampling.JOB, PictureRequest(), {}),
    "interpolation": lambda: kept("interpolation", interpolation.JOB.stream(both_ways(), "cpu")),
    "guides": lambda: ran(classifier.JOB, GuidesRequest(), {}),
    "thresholds": lambda: ran(thresholds.JOB, ThresholdsRequest(scales="1, 7, 20"), {}),
    "words": words_in_picture,
    "network": network_inside,
    "roads": lambda: ran(roads.JOB, RoadsRequest(), {}),
    "inversion": lambda: ran(inversion.JOB, InversionRequest(), original(SCENES["Apple"]())),
    "students": lambda: ran(students.JOB, StudentsRequest(), {}),
    "sdedit": lambda: ran(sdedit.JOB, SDEditRequest(), {"original": pixels_of(SCENES[sdedit.SCENE]())}),
    "inpainting": lambda: ran(inpainting.JOB, InpaintRequest(), pictures_of(inpainting.begin(*inpainting.START))),
    "anagrams": anagram,
    "hybrids": hybrid,
    "digits": digits,
    "denoiser": lambda: {"denoiser.json": denoiser()},
    "compare": lambda: ran(compare.JOB, PairRequest(), {}),
    "families": lambda: ran(families.JOB, FamiliesRequest(), {}),
    "learning": learning,
}


def main(names: list[str]) -> None:
    """Make the named examples, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or EXAMPLES:
        for file, content in EXAMPLES[name]().items():
            data = content if isinstance(content, bytes) else (json.dumps(content) + "\n").encode()
            (FOLDER / file).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1:])
