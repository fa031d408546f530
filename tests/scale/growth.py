"""How a figure grows with a size."""

from __future__ import annotations

import math
from collections.abc import Mapping


def sizes_up_to(largest: int) -> tuple[int, int, int]:
    """Return a quarter, a half and the whole of a size.

    Raises:
        ValueError: It is too small to be divided so.
    """
    if largest < 4:
        raise ValueError(f"a size from 4 is expected, not {largest}")
    return largest // 4, largest // 2, largest


def exponent(figures: Mapping[int, float], at_rest: float = 0.0) -> float:
    """Return the power of the size with which a figure grows: 0 if it stays as it is, 1 if it doubles with the size.

    It is the slope of the line that fits the logarithms best.

    Args:
        figures: The figure by size.
        at_rest: What the figure is at size 0; only the rest is compared.

    Raises:
        ValueError: There are fewer than two sizes, or a figure is not above that at rest.
    """
    if len(figures) < 2:
        raise ValueError(f"at least two sizes are expected, not {len(figures)}")
    for size, figure in figures.items():
        if size <= 0 or figure <= at_rest:
            raise ValueError(f"{figure:g} at size {size} is not above {at_rest:g} at size 0")
    x = [math.log(size) for size in figures]
    y = [math.log(figure - at_rest) for figure in figures.values()]
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    spread = sum((one - x_mean) ** 2 for one in x)
    return sum((one - x_mean) * (other - y_mean) for one, other in zip(x, y, strict=True)) / spread


def in_words(figures: Mapping[int, float], unit: str, at_rest: float = 0.0) -> str:
    """Return the figures and how they grow, e.g. ``250: 1.2 s, 500: 2.4 s; grows as n^1.00``.

    Args:
        figures: The figure by size.
        unit: Its unit.
        at_rest: What it is at size 0.
    """
    listed = ", ".join(f"{size}: {_rounded(figure)} {unit}" for size, figure in figures.items())
    if min(figures.values()) <= at_rest:
        return f"{listed}; too small to say how it grows"
    return f"{listed}; grows as n^{exponent(figures, at_rest):.2f}"


def _rounded(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
