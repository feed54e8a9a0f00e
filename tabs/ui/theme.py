"""The look of the app and the scripts of its own components: one theme, one style sheet, one script, all local."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
SHEETS = ("app.css", "plane/plane.css", "drawing.css", "canvas/canvas.css", "words/words.css", "words/network.css")
"""The style sheets, in order."""
SCRIPTS = {
    "viewer": ("viewer",),
    "plane": tuple(f"plane/{part}" for part in ("values", "paint", "chart", "legend", "save", "hand", "main")),
    "canvas": tuple(f"canvas/{part}" for part in ("files", "mask", "sheet", "tools", "main")),
    "drawing": ("drawing",),
    "words": tuple(f"words/{part}" for part in ("player", "maps", "main")),
    "network": tuple(f"words/{part}" for part in ("player", "network")),
    "distance": ("distance",),
    "typed": ("typed",),
}
"""Component -> the files of its script, in order. Together they are one function."""
GIVEN = "element, trigger, props, server, upload, watch"
"""The names that Gradio gives to a component's script."""
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def asset(name: str) -> str:
    """The text of a file in tabs/ui/assets."""
    return (ASSETS / name).read_text()


def script(name: str) -> str:
    """A component's `js_on_load` that calls the script of that name, one of SCRIPTS. The page has each once, in its head,
    which Gradio runs before it mounts any component."""
    if name not in SCRIPTS:
        raise ValueError(f"There is no script {name}.")
    return f"scripts.{name}({GIVEN});"


def head() -> str:
    """The script of the whole page, then the scripts of all components as functions of one object."""
    bodies = {name: "\n".join(asset(f"{part}.js") for part in parts) for name, parts in SCRIPTS.items()}
    functions = "".join(f"scripts.{name} = ({GIVEN}) => {{\n{body}\n}};\n" for name, body in bodies.items())
    return f"<script>{asset('page.js')}{asset('address.js')}\nconst scripts = {{}};\n{functions}</script>"


def theme() -> gr.themes.Base:
    """White space, system fonts, one accent colour, light and dark."""
    return gr.themes.Default(
        primary_hue="indigo", neutral_hue="zinc", font=FONT, font_mono=MONO, radius_size="sm", spacing_size="sm"
    ).set(
        body_background_fill="white",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_border_width="1px",
        block_shadow="none",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_label_background_fill="transparent",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="*neutral_900",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
    )


def look() -> dict:
    """The keyword arguments of `launch()` that make a page look like this app."""
    return {
        "theme": theme(),
        "css": "".join(map(asset, SHEETS)),
        "head": head(),
        "footer_links": ["api", "settings"],
        "run_history": False,
    }
