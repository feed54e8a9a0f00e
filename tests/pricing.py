"""What a tab says of the cost of its next run."""

import html
import json

from core.runs.request import Request
from tabs.ui.job import Job


def priced(job: Job, request: Request) -> tuple[str, dict[str, str]]:
    """The cost line for a request, and the titles of the buttons by experiment."""
    line, _, hidden = job.price(*request.parameters().values(), "cpu").partition('<span hidden data-titles="')
    titles = json.loads(html.unescape(hidden.removesuffix('"></span>')) or "{}")
    return line, {name: titles.pop(job.button_id(name)) for name in job.titles} | titles
