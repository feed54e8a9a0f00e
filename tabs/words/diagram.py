"""The graph of a network as a drawing (SVG): a row for each resolution, skip connections above, conditions below.

Everything in it comes from the graph. The page colours the boxes and is told which one is pressed; its styles are in
tabs/ui/assets/words/network.css.
"""

from collections.abc import Iterable
from html import escape

from core.techniques.network_graph import Graph, Node
from tabs.words.diagram_places import EDGE, LANE, Box, Places, sized


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


class _Drawing(Places):
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
        """A line up to the reader's lower edge, straight if there is room."""
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
        """A phrase on a condition in the strip: its inputs, and how they enter."""
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
