"""Where the nodes of a network's graph stand in its drawing."""

from dataclasses import dataclass

from core.techniques.network_graph import Graph, Node

MANY = 14
"""A network with more blocks has narrow boxes with upright words."""
EDGE, LABEL, LANE = 8, 50, 7
"""Pixels: around the drawing, for the names of the rows, and from one skip connection to the next."""
BUS = 3
"""A condition with at least this many readers is marked by a dot on each."""
LETTER = 6.3
"""Pixels of a letter, about."""


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
        """The distance of its middle from the left."""
        return self.x + self.w / 2

    @property
    def centre(self) -> float:
        """The distance of its centre from the top."""
        return self.y + self.h / 2


class Places:
    """A row for each resolution, the nodes of the picture's way in the order of a call; conditions below their readers."""

    def __init__(self, graph: Graph, whole: bool):
        self.graph, self.whole = graph, whole
        self.nodes = {node.name: node for node in graph.nodes}
        reached = graph.reached(graph.nodes[0].name)
        self.main = [node for node in graph.nodes if node.name in reached]
        self.conditions = [node for node in graph.nodes if node.name not in reached]
        self.narrow = whole and len([n for n in self.main if n.kind in ("block", "layer")]) > MANY
        self.high = 82 if self.narrow else 40
        self.boxes: dict[str, Box] = {}
        self.rows = self._rows()
        self._place_main()
        self._place_conditions()

    # ---- where ----

    def _rows(self) -> dict[str, int]:
        """The row of every node on the picture's way: by its resolution, else the row of its neighbour."""
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
        """Place every condition: below its reader if it has one or two, else in a strip of conditions."""
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
