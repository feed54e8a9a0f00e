"""Handlers with a request's parameters, so that the API has their names."""

import inspect
from collections.abc import Callable, Iterator

from core.runs.request import Request
from tabs.ui.failures import explained


def handler_of(
    request: type[Request], run: Callable[..., Iterator], name: str, returns: object, device: bool = False
) -> Callable[..., Iterator]:
    """A handler that checks its values and passes on what `run` yields.

    Args:
        run: takes the checked request, and the device's name where there is one.
        name: of the handler.
        returns: the type of what it yields.
        device: whether a last parameter names the device.
    """
    defaults = request().parameters() | ({"device": "auto"} if device else {})
    parameters = [
        inspect.Parameter(p, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=v, annotation=type(v))
        for p, v in defaults.items()
    ]
    signature = inspect.Signature(parameters, return_annotation=returns)

    @explained
    def handle(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = dict(bound.arguments)
        where = [values.pop("device")] if device else []
        yield from run(request.of_parameters(**values), *where)

    handle.__signature__ = signature
    handle.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}
    handle.__name__ = name
    return handle
