"""Where the nodes and edges of a graph are drawn: rows from top to bottom, in the manner of Sugiyama.

Pure functions without Airflow. All lengths are pixels of the unscaled drawing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

NODE_WIDTH, NODE_HEIGHT = 232, 52
_GAP, _ROW_GAP, _MARGIN = 28, 40, 16
_BEND_WIDTH = 24
"""Room for an edge that passes between nodes."""

_LEAST_COLUMNS = 8
_MOST_BENDS = 2000
"""Above this, long edges go straight and below the nodes: laying them out would take longer than anybody waits."""

_SWEEPS = 6

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """An edge of a drawing.

    Attributes:
        upstream: The node that it leaves.
        downstream: The node that it leads to.
        points: Where it goes: its ends, and between them where it passes the rows on its way.
    """

    upstream: str
    downstream: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph with places.

    Attributes:
        width: Width of the whole.
        height: Height of the whole.
        nodes: The upper left corner of each node.
        edges: The edges that no other path implies.
    """

    width: float
    height: float
    nodes: Mapping[str, Point]
    edges: tuple[DrawnEdge, ...]


def draw(nodes: Sequence[str], downstream: Mapping[str, Iterable[str]]) -> Drawing:
    """Lay out a graph without cycles.

    Args:
        nodes: The nodes; their order decides where nothing else does.
        downstream: By node, those that its edges lead to; others than the nodes are left out.
    """
    edges = without_implied_edges(nodes, downstream)
    levels = _levels(nodes, edges)
    rows, bends = _with_bends(_rows(nodes, levels), edges)
    _order(rows, bends)
    x = _columns(rows, bends)
    y = {node: number * (NODE_HEIGHT + _ROW_GAP) + _MARGIN for number, row in enumerate(rows) for node in row}
    left = min((x[node] - _width(node) / 2 for node in x), default=0.0) - _MARGIN
    places = {node: (round(x[node] - left - NODE_WIDTH / 2, 1), y[node]) for node in nodes}
    drawn = [_drawn(path, {node: x[node] - left for node in path}, y) for path in bends]
    right = max((x[node] - left + _width(node) / 2 for node in x), default=0.0)
    height = len(rows) * (NODE_HEIGHT + _ROW_GAP) - _ROW_GAP if rows else 0
    return Drawing(round(right + _MARGIN, 1), height + 2 * _MARGIN, places, tuple(drawn))


def without_implied_edges(nodes: Sequence[str], downstream: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the edges without those that a longer path between the same nodes implies (transitive reduction).

    Args:
        nodes: The nodes of a graph without cycles.
        downstream: By node, those that its edges lead to.
    """
    known = {node: number for number, node in enumerate(nodes)}
    own = {node: [one for one in dict.fromkeys(downstream.get(node, ())) if one in known] for node in nodes}
    reached: dict[str, int] = {}  # as bits: a thousand nodes are a number of a thousand digits
    reduced: dict[str, list[str]] = {}
    for node in reversed(_in_order(nodes, own)):
        behind = 0
        for one in own[node]:
            behind |= reached[one]
        reduced[node] = [one for one in own[node] if not behind >> known[one] & 1]
        reached[node] = behind | sum(1 << known[one] for one in reduced[node])
    return {node: reduced[node] for node in nodes}


def _in_order(nodes: Sequence[str], downstream: Mapping[str, Collection[str]]) -> list[str]:
    waits = dict.fromkeys(nodes, 0)
    for targets in downstream.values():
        for one in targets:
            waits[one] += 1
    order = [node for node in nodes if not waits[node]]
    for node in order:  # grows while it is walked
        for one in downstream[node]:
            waits[one] -= 1
            if not waits[one]:
                order.append(one)
    return order


def _levels(nodes: Sequence[str], downstream: Mapping[str, Collection[str]]) -> dict[str, int]:
    levels = dict.fromkeys(nodes, 0)
    for node in _in_order(nodes, downstream):
        for one in downstream[node]:
            levels[one] = max(levels[one], levels[node] + 1)
    return levels


def _rows(nodes: Sequence[str], levels: Mapping[str, int]) -> list[list[str]]:
    """Return the nodes row by row; a level that is too wide for a screen takes several rows."""
    most = max(_LEAST_COLUMNS, math.ceil(math.sqrt(len(nodes))))
    by_level: dict[int, list[str]] = {}
    for node in nodes:
        by_level.setdefault(levels[node], []).append(node)
    rows: list[list[str]] = []
    for level in sorted(by_level):
        members = by_level[level]
        count = math.ceil(len(members) / most)
        size = math.ceil(len(members) / count)
        rows += [members[start : start + size] for start in range(0, len(members), size)]
    return rows


# -- edges that pass rows ----------------------------------------------------------------------------------------------

_Path = list[str]
_BEND = "\0"
"""What the name of a bend begins with; no task is called so."""


def _with_bends(
    rows: list[list[str]], downstream: Mapping[str, Collection[str]]
) -> tuple[list[list[str]], list[_Path]]:
    """Return the rows with a bend where an edge passes one, and each edge as its path of nodes and bends."""
    row_of = {node: number for number, row in enumerate(rows) for node in row}
    edges = [(node, one) for node in downstream for one in downstream[node]]
    if sum(row_of[end] - row_of[start] - 1 for start, end in edges) > _MOST_BENDS:
        return rows, [[start, end] for start, end in edges]
    rows = [[*row] for row in rows]
    paths = []
    for number, (start, end) in enumerate(edges):
        path = [start]
        for row in range(row_of[start] + 1, row_of[end]):
            bend = f"{_BEND}{number}.{row}"
            rows[row].append(bend)
            path.append(bend)
        paths.append([*path, end])
    return rows, paths


def _order(rows: list[list[str]], paths: Iterable[_Path]) -> None:
    """Order each row by the middle of its neighbours, so that few edges cross."""
    above, below = _neighbours(paths)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        place = {node: number / len(row) for row in rows for number, node in enumerate(row)}
        for row in rows if down else reversed(rows):
            row.sort(key=lambda node: _mean([place[one] for one in neighbours.get(node, ())], place[node]))
            place |= {node: (number + 0.5) / len(row) for number, node in enumerate(row)}


def _neighbours(paths: Iterable[_Path]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for path in paths:
        for upper, lower in pairwise(path):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    return above, below


def _columns(rows: Sequence[Sequence[str]], paths: Iterable[_Path]) -> dict[str, float]:
    """Return the middle of each node and bend: near its neighbours, and clear of those beside it."""
    above, below = _neighbours(paths)
    x: dict[str, float] = {}
    for row in rows:
        offsets = _offsets(row)
        x |= {node: offset - offsets[-1] / 2 for node, offset in zip(row, offsets, strict=True)}
    for sweep in range(_SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean([x[one] for one in neighbours.get(node, ())], x[node]) for node in row]
            x |= dict(zip(row, _apart(wanted, _offsets(row)), strict=True))
    return x


def _offsets(row: Sequence[str]) -> list[float]:
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (_width(one) + _width(other)) / 2 + _GAP)
    return offsets


def _apart(wanted: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """Return places that are as near to the wanted ones as the distances allow (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []  # mean of the wanted places less the offsets, and how many
    for place, offset in zip(wanted, offsets, strict=True):
        mean, count = place - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, members = blocks.pop()
            mean = (mean * count + before * members) / (count + members)
            count += members
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for _ in range(count)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


def _drawn(path: _Path, x: Mapping[str, float], y: Mapping[str, float]) -> DrawnEdge:
    start, *between, end = path
    points = [(x[start], y[start] + NODE_HEIGHT)]
    for bend in between:  # straight through its row
        points += [(x[bend], y[bend]), (x[bend], y[bend] + NODE_HEIGHT)]
    points.append((x[end], y[end]))
    return DrawnEdge(start, end, tuple((round(one, 1), round(other, 1)) for one, other in points))


def _width(node: str) -> int:
    return _BEND_WIDTH if node.startswith(_BEND) else NODE_WIDTH


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
