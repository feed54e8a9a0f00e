"""What a network is made of, read off one of its calls: its blocks and layers, their shapes, and what flows from where to where.

Nothing is drawn by hand. While a network is called once, every module notes what it is given and what it returns, and every
operation between modules what it joins, as a skip connection is joined by "concat".
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.techniques.blocks import Watch

OPERATIONS = {
    "add": "+", "sub": "−", "mul": "×", "cat": "concat", "silu": "SiLU", "gelu": "GELU", "relu": "ReLU",
    "pixel_shuffle": "pixel shuffle", "pixel_unshuffle": "pixel unshuffle", "scaled_dot_product_attention": "attention",
}  # fmt: skip
"""The operations that are named; one with a single input that is not among them only lays it out anew."""


@dataclass(frozen=True)
class Node:
    """A module, an operation or an input of a network.

    Args:
        name: the module's path below the graph's network; of inputs and operations a name with a colon, as no module has.
        kind: "input", "block" for a module with parts, "layer" for one without, "operation".
        shape: of its output, without the batch.
        sources: the names of the nodes that it is given, in order.
        weights: the number of its trained numbers.
        inside: the graph of a block.
    """

    name: str
    kind: str
    title: str
    shape: tuple[int, ...]
    sources: tuple[str, ...] = ()
    weights: int = 0
    inside: "Graph | None" = None


@dataclass(frozen=True)
class Graph:
    """The nodes of a network or of a block in the order of a call, the inputs first, without those that lead nowhere."""

    nodes: tuple[Node, ...]
    output: str

    def at(self, path: str) -> "Graph | None":
        """The graph of the block with that path, the graph itself for ""; None if there is none."""
        if not path:
            return self
        for node in self.nodes:
            if node.inside and (path == node.name or path.startswith(f"{node.name}.")):
                return node.inside.at(path[len(node.name) + 1 :])
        return None

    @property
    def modules(self) -> list[Node]:
        """Its blocks and layers."""
        return [node for node in self.nodes if node.kind in ("block", "layer")]

    def reached(self, first: str) -> set[str]:
        """The names of the nodes that depend on a node, and its own."""
        found = {first}
        for node in self.nodes:
            found |= {node.name} if found & {*node.sources} else set()
        return found


# ---- words ----


def title_of(module: nn.Module, name: str) -> str:
    """The title of a module: the class of a block, the attribute of a plain chain of layers, a layer in a few words."""
    if type(module) is nn.Sequential:
        last = name.rpartition(".")[2]
        return ", ".join(map(described, module)) if last.isdigit() else last.capitalize()
    return described(module)


def described(layer: nn.Module) -> str:
    """A layer in a few words: "Conv 3×3, stride 2"; any other module by its class."""
    kind = type(layer).__name__
    square = lambda size: "×".join(map(str, size if isinstance(size, tuple) else (size, size)))  # noqa: E731
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        strided = f", stride {layer.stride[0]}" if layer.stride[0] > 1 else ""
        return f"{kind.removesuffix('2d')} {square(layer.kernel_size)}{strided}"
    if isinstance(layer, nn.AvgPool2d | nn.MaxPool2d):
        return f"{kind.removesuffix('2d')} {square(layer.kernel_size)}"
    if isinstance(layer, nn.Linear):
        return f"Linear {layer.in_features} → {layer.out_features}"
    if isinstance(layer, nn.Upsample):
        return f"Upsample ×{layer.scale_factor:g}"
    return kind.removesuffix("2d") if type(layer).__module__.startswith("torch.") else kind


# ---- the graph ----


def graph_of(net: nn.Module, call: Callable[[Watch], object]) -> Graph:
    """The graph of a network from one call.

    Args:
        call: calls the network once, inside of the Watch that it is given.
    """
    tracer = _Tracer(net)
    call(lambda _: tracer.tracing())
    return tracer.made


@dataclass
class _Scope:
    """The graph of a module under way: its nodes, and the node that each tensor comes from, by the tensor's id."""

    nodes: dict[str, Node] = field(default_factory=dict)
    comes_from: dict[int, str] = field(default_factory=dict)
    alive: list[Tensor] = field(default_factory=list)  # an id is that of one tensor only as long as it lives

    def put(self, node: Node, out: object) -> None:
        """Add a node, which gives these tensors."""
        self.nodes[node.name] = node
        self.same(node.name, out)

    def same(self, name: str, out: object) -> None:
        """Note that tensors come from a node."""
        for tensor in _tensors(out):
            self.comes_from[id(tensor)] = name
            self.alive.append(tensor)

    def graph(self, out: object) -> Graph:
        """The graph of the nodes that lead to the output."""
        output = next((self.comes_from[id(t)] for t in _tensors(out) if id(t) in self.comes_from), "")
        needed = {output}
        for node in reversed(self.nodes.values()):
            needed |= {*node.sources} if node.name in needed else set()
        kept = [node for node in self.nodes.values() if node.name in needed]
        return Graph(tuple(sorted(kept, key=lambda node: node.kind != "input")), output)


class _Tracer(TorchFunctionMode):
    """Notes modules by hooks, and what happens between them as a mode of torch's functions."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net, self.made, self.scopes = net, None, []
        self.parameters = {id(p): name for name, p in net.named_parameters()}
        self.paths: list[str] = []

    @contextmanager
    def tracing(self) -> Iterator[None]:
        handles = []
        for path, module in self.net.named_modules():
            if not (path and _transparent(module)):
                handles += [
                    module.register_forward_pre_hook(lambda *given, path=path: self.enter(path, *given), with_kwargs=True),
                    module.register_forward_hook(lambda m, a, k, out, path=path: self.leave(path, m, out), with_kwargs=True),
                ]  # fmt: skip
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def enter(self, path: str, module: nn.Module, args: tuple, kwargs: dict) -> None:
        """Enter a call of a module. It has a scope of its own, and its arguments are the inputs there."""
        given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        scope, sources = _Scope(), {}
        for name, value in given.items():
            for tensor in _tensors(value):
                own = "x" if name == "input" else name  # as torch calls the input of a chain
                scope.put(Node(f"in:{own}", "input", own, tuple(tensor.shape[1:])), tensor)
                sources[f"in:{own}"] = self.sources(tensor) if self.scopes else ()
        self.scopes.append((scope, sources))
        self.paths.append(path)

    def leave(self, path: str, module: nn.Module, out: object) -> None:
        """It returns: a node of the scope around it."""
        scope, sources = self.scopes.pop()
        self.paths.pop()
        inside = scope.graph(out) if any(True for _ in module.children()) else None
        if not self.scopes:
            self.made = inside
            return
        used = (
            {node.name for node in inside.nodes} if inside else {*sources}
        )  # a block may be given what it does not read
        read = tuple(dict.fromkeys(s for name, several in sources.items() if name in used for s in several))
        around = self.paths[-1]
        name = path[len(around) + 1 :] if around else path
        shape = next((tuple(t.shape[1:]) for t in _tensors(out)), ())
        weights = sum(p.numel() for p in module.parameters())
        kind = "block" if inside else "layer"
        self.scopes[-1][0].put(Node(name, kind, title_of(module, name), shape, read, weights, inside), out)

    def sources(self, given: object) -> tuple[str, ...]:
        """The nodes that tensors come from, each once; a parameter becomes an input by its name."""
        scope, found = self.scopes[-1][0], {}
        for tensor in _tensors(given):
            if id(tensor) not in scope.comes_from and id(tensor) in self.parameters:
                name = self.parameters[id(tensor)].rpartition(".")[2]
                scope.put(Node(f"in:{name}", "input", name, tuple(tensor.shape), weights=tensor.numel()), tensor)
            if id(tensor) in scope.comes_from:
                found[scope.comes_from[id(tensor)]] = True
        return tuple(found)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if self.scopes and any(True for _ in _tensors(out)):
            self.note(func.__name__.strip("_").removeprefix("r"), [*args, *(kwargs or {}).values()], out)
        return out

    def note(self, name: str, given: list, out: object) -> None:
        """An operation: a node if it joins several, or does more than to lay one out anew."""
        scope, sources = self.scopes[-1][0], self.sources(given)
        if len(sources) > 1 or (sources and name in OPERATIONS and name not in ("add", "sub", "mul", "cat")):
            shape = next(tuple(t.shape[1:]) for t in _tensors(out))
            title, count = OPERATIONS.get(name, name.replace("_", " ")), len(scope.nodes)
            scope.put(Node(f"{name}:{count}", "operation", title, shape, sources), out)
        elif sources:
            scope.same(sources[0], out)


def _transparent(module: nn.Module) -> bool:
    """Whether a module only holds others, or returns what it is given: its parts are nodes in its place."""
    holds = type(module) in (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return isinstance(module, nn.Identity) or (
        holds and any(any(True for _ in part.children()) for part in module.children())
    )


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors in a value, in lists, tuples and mappings too."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors([*value.values()])
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _tensors(part)
