"""The graph of a network as a drawing (SVG): a row for each resolution, skip connections above, conditions below.

Everything in it comes from the graph. The page colours the boxes and is told which one is pressed; its styles are in
tabs/ui/assets/words/network.css.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from core.techniques.blocks import Graph, Node

MANY = 14
"""A network with more blocks has narrow boxes with upright words."""
EDGE, LABEL, LANE = 8, 50, 7
"""Pixels: around the drawing, for the names of the rows, and from one skip connection to the next."""
BUS = 3
"""A condition that so many nodes read is marked by a dot on each."""
LETTER = 6.3
"""Pixels of a letter, about."""


def drawing(graph: Graph, whole: bool = True, pressed: bool = True) -> str:
    """The graph as SVG.

    Args:
        whole: a row for each resolution, as of a U-Net; else all in one row, with the whole shape of each.
        pressed: whether its blocks can be pressed.
    """
    svg = _Drawing(graph, whole).svg()
    return (
        svg
        if pressed
        else svg.replace(' tabindex="0" role="button"', ' role="img"').replace('class="nd ', 'class="nd nd-still ')
    )


def sized(shape: tuple[int, ...]) -> str:
    """A shape in words: "64 × 28 × 28"."""
    return " × ".join(map(str, shape)) or "1"


@dataclass
class Box:
    """Where a node stands."""

    x: float
    y: float
    w: float
    h: float

    @property
    def middle(self) -> float:
        """From the left."""
        return self.x + self.w / 2

    @property
    def centre(self) -> float:
        """From the top."""
        return self.y + self.h / 2


class _Drawing:
    def __init__(self, graph: Graph, whole: bool):
        self.graph, self.whole = graph, whole
        self.nodes = {node.name: node for node in graph.nodes}
        reached = graph.reached(graph.nodes[0].name)
        self.main = [node for node in graph.nodes if node.name in reached]
        self.conditions = [node for node in graph.nodes if node.name not in reached]
        self.narrow = whole and len([n for n in self.main if n.kind in ("block", "layer")]) > MANY
        self.high = 82 if self.narrow else 40
        self.boxes: dict[str, Box] = {}
        self.lines: list[str] = []
        self.rows = self._rows()
        self._place_main()
        self._place_conditions()

    # ---- where ----

    def _rows(self) -> dict[str, int]:
        """The row of every node on the way of the picture: by its resolution, else that of its neighbour."""
        side = lambda node: node.shape[1] if len(node.shape) == 3 else 0  # noqa: E731
        modules = [n for n in self.main if n.kind in ("block", "layer")]
        self.sides = sorted({side(n) for n in modules}, reverse=True) if self.whole else [0]
        rows = {n.name: self.sides.index(side(n)) for n in self.main if self.whole and side(n) in self.sides}
        for node in self.main:
            if node.name not in rows:
                near = [n.name for n in self.main if node.name in n.sources] + [*node.sources]
                rows[node.name] = next((rows[n] for n in near if n in rows), 0)
        return rows

    def _wide(self, node: Node) -> float:
        """The width of a node's box."""
        if node.kind == "input":
            return max(22, LETTER * len(node.title) + 12)
        if node.title in "+−×":
            return 20
        if self.narrow:
            return 22 if node.kind != "operation" else 14
        longest = max(map(len, self._words(node)))
        return max(LETTER * longest + 12, 44 if node.kind == "operation" else 60)

    def _words(self, node: Node) -> list[str]:
        """The lines of a box."""
        titles = node.title.split(", ")
        if node.kind == "operation" and self.whole:
            return titles
        shape = f"{node.shape[0]} ch" if self.whole and len(node.shape) == 3 else sized(node.shape)
        return [*titles, shape]

    def _place_main(self) -> None:
        gap, x = 6 if self.narrow else 9 if self.whole else 18, EDGE + LABEL * self.whole
        for node in self.main:
            self.boxes[node.name] = Box(x, 0, self._wide(node), self.high)
            x += self.boxes[node.name].w + gap
        self.width, y = x - gap + 34, EDGE
        skips = [(a, n.name) for n in self.main for a in n.sources if a in self.rows and self._skips(a, n.name)]
        self.skips = sorted(skips, key=lambda edge: self._length(edge))
        self.lanes: dict[tuple[str, str], int] = {}
        for row in range(len(self.sides)):
            here = [edge for edge in self.skips if self.rows[edge[0]] == row]
            for edge in here:
                inner = [self.lanes[e] for e in here if e in self.lanes and self._overlap(e, edge)]
                self.lanes[edge] = max(inner, default=0) + 1
            y += LANE * max([self.lanes[e] for e in here], default=0) + 10
            for node in self.main:
                if self.rows[node.name] == row:
                    self._set_high(node, y)
            y += self.high + 8
        self.below = y

    def _set_high(self, node: Node, y: float) -> None:
        box, high = self.boxes[node.name], self.high
        if node.title in "+−×" or node.kind == "input":
            box.h = 20
            box.y = y + (high - 20) / 2
        else:
            box.y = y

    def _length(self, edge: tuple[str, str]) -> float:
        return self.boxes[edge[1]].x - self.boxes[edge[0]].x

    def _overlap(self, one: tuple[str, str], other: tuple[str, str]) -> bool:
        (a, b), (c, d) = ([self.boxes[name].middle for name in edge] for edge in (one, other))
        return a <= d and c <= b

    def _skips(self, source: str, target: str) -> bool:
        """Whether a node of the same row stands between two of it."""
        if self.rows[source] != self.rows[target]:
            return False
        names = [n.name for n in self.main]
        between = names[names.index(source) + 1 : names.index(target)]
        return any(self.rows[name] == self.rows[source] for name in between)

    def _readers(self, name: str) -> list[str]:
        """The nodes on the picture's way that are given this one."""
        return [n.name for n in self.main if name in n.sources]

    def _place_conditions(self) -> None:
        """Below its reader where it has one or two; else in a strip of their own."""
        self.pills: list[tuple[str, Box, str]] = []  # (name, box, what it points to)
        under = [n for n in self.conditions if 0 < len(self._readers(n.name)) < BUS and self._simple(n)]
        strip = [
            n for n in self.conditions
            if n not in under and not (n.kind == "input" and all(r in under for r in self._users(n)) and not self._readers(n.name))
        ]  # fmt: skip
        y, free = self.below + 12, 0.0
        for node in sorted(under, key=lambda n: self.boxes[self._readers(n.name)[0]].x):
            wide, reader = self._wide(node), self.boxes[self._readers(node.name)[0]]
            x = max(free, EDGE, reader.middle - wide / 2)
            high = 20 if node.kind == "input" else 34
            self.boxes[node.name] = Box(x, y, wide, high)
            free = x + wide + 6
            for k, source in enumerate(node.sources):
                given = self.nodes[source]
                w = self._wide(given)
                self.pills.append((source, Box(x + wide / 2 - w / 2 + 26 * k, y + high + 12, w, 20), node.name))
        self.height = y + (70 if self.pills else 44 if under else 0)
        self._place_strip(strip, y)
        self.width = max(self.width, free + EDGE)

    def _users(self, node: Node) -> list[Node]:
        return [n for n in self.conditions if node.name in n.sources]

    def _simple(self, node: Node) -> bool:
        """Whether all that leads to a condition is inputs."""
        return all(self.nodes[s].kind == "input" for s in node.sources)

    def _place_strip(self, strip: list[Node], y: float) -> None:
        depth: dict[str, int] = {}
        lines: dict[str, int] = {}
        for node in strip:
            before = [s for s in node.sources if s in depth]
            depth[node.name] = max((depth[s] + 1 for s in before), default=0)
            lines[node.name] = min((lines[s] for s in before), default=len({*lines.values()}))
        ends = dict.fromkeys(range(8), EDGE + LABEL)
        for d in sorted({*depth.values()}):
            here = [n for n in strip if depth[n.name] == d]
            for node in here:
                op = node.title in "+−×" or node.kind == "input"
                wide = 20 if node.title in "+−×" else max(LETTER * max(map(len, self._strip_words(node))) + 14, 26)
                high = 20 if op else 30
                self.boxes[node.name] = Box(ends[d], y + 38 * lines[node.name] + (30 - high) / 2, wide, high)
            ends[d + 1] = max(self.boxes[n.name].x + self.boxes[n.name].w for n in here) + 26
        self.strip = strip
        if strip:
            self.height = y + 38 * (max(lines.values()) + 1)
            self.width = max(self.width, max(b.x + b.w for n, b in self.boxes.items() if n in depth) + 220)

    def _strip_words(self, node: Node) -> list[str]:
        return [*node.title.split(", "), sized(node.shape)] if node.kind in ("block", "layer") else [node.title]

    # ---- as SVG ----

    def svg(self) -> str:
        """All of it."""
        lines = [*self._edges(), *self._condition_edges()]
        parts = [self._node(node) for node in self.graph.nodes if node.name in self.boxes]
        pills = [self._input(self.nodes[name], box) for name, box, _ in self.pills]
        head = (
            '<defs><marker id="nd-tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="5" markerHeight="5" orient="auto">'
            '<path d="M0 0 6 3 0 6z"/></marker></defs>'
        )
        size = f"{self.width:.0f} {self.height + EDGE:.0f}"
        kind = "nd-narrow" if self.narrow else "nd-wide" if self.whole else "nd-parts"
        return (
            f'<svg class="nd {kind}" viewBox="0 0 {size}" style="--wide: {self.width:.0f}px" role="group" aria-label="'
            f'The network as a diagram">{head}{"".join([*self._row_names(), *lines, *parts, *pills])}</svg>'
        )

    def _row_names(self) -> Iterable[str]:
        for row, side in enumerate(self.sides if self.whole else []):
            box = next(self.boxes[n.name] for n in self.main if self.rows[n.name] == row and n.kind != "input")
            yield f'<text class="nd-side" x="{EDGE}" y="{box.y + self.high / 2 + 4:.0f}">{side} × {side}</text>'

    def _edges(self) -> Iterable[str]:
        for node in self.main:
            for source in node.sources:
                if source in self.rows:
                    yield self._edge(source, node.name)
        last = self.boxes[self.graph.output]
        yield _path(f"M{last.x + last.w:.1f} {last.centre:.1f}h16")
        yield f'<text class="nd-out" x="{last.x + last.w + 18:.1f}" y="{last.centre + 4:.1f}">out</text>'

    def _edge(self, source: str, target: str) -> str:
        a, b = self.boxes[source], self.boxes[target]
        if (source, target) in self.lanes:
            up = min(a.y, b.y) - LANE * self.lanes[source, target] - 2
            return _path(f"M{a.middle:.1f} {a.y:.1f}V{up:.1f}H{b.middle:.1f}V{b.y - 1:.1f}", "nd-skip")
        if self.rows[source] == self.rows[target]:
            return _path(f"M{a.x + a.w:.1f} {a.centre:.1f}H{b.x - 1:.1f}")
        end = b.y - 1 if b.y > a.y else b.y + b.h + 1
        return _path(f"M{a.x + a.w:.1f} {a.centre:.1f}H{b.middle:.1f}V{end:.1f}")

    def _condition_edges(self) -> Iterable[str]:
        for node in self.conditions:
            readers, box = self._readers(node.name), self.boxes.get(node.name)
            if box and node not in self.strip:
                for reader in readers:
                    yield self._upwards(box, self.boxes[reader])
            for source in node.sources if node in self.strip else ():
                a = self.boxes[source]
                y = f"V{box.y + box.h:.1f}" if a.centre - box.centre > 20 else f"H{box.x - 1:.1f}"
                across = f"H{box.middle:.1f}" if a.centre - box.centre > 20 else ""
                yield _path(f"M{a.x + a.w:.1f} {a.centre:.1f}{across}{y}", "nd-cond")
        for _, pill, target in self.pills:
            box = self.boxes[target]
            yield _path(f"M{pill.middle:.1f} {pill.y:.1f}V{box.y + box.h + 1:.1f}", "nd-cond")
        for k, node in enumerate(self._buses):
            yield from self._dots(k, node)

    def _upwards(self, box: Box, reader: Box) -> str:
        """From below, straight where there is room."""
        end = reader.y + reader.h + 1
        if box.x + 4 <= reader.middle <= box.x + box.w - 4:
            return _path(f"M{reader.middle:.1f} {box.y:.1f}V{end:.1f}", "nd-cond")
        return _path(f"M{box.middle:.1f} {box.y:.1f}v-6H{reader.middle:.1f}V{end:.1f}", "nd-cond")

    @property
    def _buses(self) -> list[Node]:
        """The conditions that stand in the strip and are read on the picture's way."""
        return [n for n in self.strip if self._readers(n.name)]

    def _dots(self, k: int, node: Node) -> Iterable[str]:
        right = max(self.boxes[n.name].x + self.boxes[n.name].w for n in self.strip) + 34
        y, side = self.boxes[node.name].centre, -4 if k == 0 else 4
        yield f'<circle class="nd-dot nd-dot-{k}" cx="{right:.1f}" cy="{y:.1f}" r="3.6"/>'
        yield f'<text class="nd-note" x="{right + 9:.1f}" y="{y + 4:.1f}">{self._about(node)} where this dot stands</text>'
        for name in self._readers(node.name):
            reader = self.boxes[name]
            yield f'<circle class="nd-dot nd-dot-{k}" cx="{reader.middle + side:.1f}" cy="{reader.y + reader.h + 6:.1f}" r="3.2"/>'

    def _about(self, node: Node) -> str:
        """What a condition in the strip brings, and how."""
        if node.kind == "input":
            return f"{node.title} itself enters"
        begins = [n.title for n in self.strip if n.kind == "input" and node.name in self.graph.reached(n.name)]
        return f"{' and '.join(begins)}, as one vector, {'enter' if len(begins) > 1 else 'enters'}"

    def _node(self, node: Node) -> str:
        box = self.boxes[node.name]
        if node.kind == "input":
            return self._input(node, box)
        if node.title in "+−×":
            return f'<circle class="nd-op" cx="{box.middle:.1f}" cy="{box.centre:.1f}" r="9"/>' + _text(
                box.middle, box.centre + 4.5, node.title, "nd-sign"
            )
        return self._operation(node, box) if node.kind == "operation" else self._module(node, box)

    def _input(self, node: Node, box: Box) -> str:
        shape = f"<title>{escape(node.title)}: {sized(node.shape)}</title>"
        return (
            f'<g class="nd-input">{shape}<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.w:.1f}" height="{box.h:.1f}" rx="10"/>'
            f"{_text(box.middle, box.centre + 4, node.title)}</g>"
        )

    def _operation(self, node: Node, box: Box) -> str:
        rect = f'<rect class="nd-op" {_at(box)} rx="3"/>'
        if self.narrow and node in self.main:
            return f"<g>{rect}{_upright(box, node.title)}</g>"
        return f"<g>{rect}{self._lines(box, [node.title] if node in self.conditions else self._words(node))}</g>"

    def _module(self, node: Node, box: Box) -> str:
        about = f"{node.title}, {sized(node.shape)}, {node.weights:,} weights"
        upright = self.narrow and node in self.main
        words = self._strip_words(node) if node in self.strip else self._words(node)
        text = _upright(box, f"{node.title} · {node.shape[0]}") if upright else self._lines(box, words)
        inner = "" if node.inside else " nd-leaf"
        return (
            f'<g class="nd-module{inner}" data-node="{escape(node.name)}" tabindex="0" role="button" aria-label="{escape(about)}">'
            f'<title>{escape(f"{node.name}: {about}")}</title><rect class="nd-box" {_at(box)} rx="3"/>'
            f'<rect class="nd-heat" {_at(box)} rx="3"/>{text}</g>'
        )

    def _lines(self, box: Box, words: list[str]) -> str:
        first = box.centre + 4 - 6.5 * (len(words) - 1)
        return "".join(
            _text(box.middle, first + 13 * k, line, "nd-shape" if k and k == len(words) - 1 else "nd-title")
            for k, line in enumerate(words)
        )


def _at(box: Box) -> str:
    return f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.w:.1f}" height="{box.h:.1f}"'


def _path(way: str, kind: str = "nd-line") -> str:
    return f'<path class="{kind}" d="{way}" marker-end="url(#nd-tip)"/>'


def _text(x: float, y: float, words: str, kind: str = "nd-title") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(words)}</text>'


def _upright(box: Box, words: str) -> str:
    short = words.replace("Upsample ×2, Conv 3×3", "Up ×2").replace(" 3×3, stride ", " ↓").replace("GroupNorm", "Norm")
    place = f"translate({box.middle + 4:.1f} {box.centre:.1f}) rotate(-90)"
    return f'<text class="nd-title nd-upright" transform="{place}" text-anchor="middle">{escape(short)}</text>'
