"""Make the finished examples that the tabs show before anything is run:  python -m tabs.make_examples

Each is the last frame of a real run of our own models, kept as JSON in tabs/assets/examples.
"""

import json

from core.pictures import PictureRequest
from core.scenes import mountains
from tabs import denoise, sampling
from tabs._look import ASSETS

FOLDER = ASSETS / "examples"


def last(run) -> object:
    """The last thing that a handler yields."""
    *_, value = run
    return value


def still(value: dict) -> dict:
    """A viewer's value with its result alone, marked as an example."""
    return value | {
        "run": None,
        "frames": value["frames"][-1:],
        "status": "an example; press the button to make your own",
    }


def keep(name: str, value: object) -> None:
    """Write one example."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(value) + "\n")


def main() -> None:
    """Make them all."""
    request = PictureRequest()
    keep("sampling", still(last(sampling.runner("samples")(*sampling.fill(request), "cpu"))))
    values = ("250, 500, 750", "a high quality photo", 1, "pocket", 30, 180, "cpu")
    forward, compared, steps, _, _ = last(denoise.run(mountains(), *values))
    keep("denoise", {"forward": forward, "compared": compared, "steps": steps})


if __name__ == "__main__":
    main()
