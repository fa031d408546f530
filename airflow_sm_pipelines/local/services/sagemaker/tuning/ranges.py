"""The search space of a tuning job: ranges of hyperparameters, and values drawn from them.

Source: API reference, ContinuousParameterRange, IntegerParameterRange, CategoricalParameterRange; developer guide,
"Hyperparameter Scaling". All values are texts, as hyperparameters are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from random import Random
from typing import Protocol

from airflow_sm_pipelines.local.documents import Document


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of a search: evenly between the two ends after ``forward``.

    Attributes:
        forward: From a value to its place.
        backward: The reverse.
        holds: Whether a range of these ends can be scaled like this.
        rule: What ``holds`` demands, in words.
    """

    forward: Callable[[float], float]
    backward: Callable[[float], float]
    holds: Callable[[float, float], bool] = lambda low, high: True
    rule: str = ""


LINEAR, LOGARITHMIC, REVERSE_LOGARITHMIC, AUTO = "Linear", "Logarithmic", "ReverseLogarithmic", "Auto"

SCALES: Mapping[str, Scale] = {
    LINEAR: Scale(lambda value: value, lambda place: place),
    LOGARITHMIC: Scale(math.log, math.exp, lambda low, high: low > 0, "needs values greater than 0"),
    REVERSE_LOGARITHMIC: Scale(
        lambda value: -math.log1p(-value),
        lambda place: -math.expm1(-place),
        lambda low, high: low >= 0 and high < 1,
        "needs values in 0 <= x < 1",
    ),
}

_WIDE = 100.0
"""``Auto`` searches a positive range logarithmically if its ends differ by this factor; *assumed*, AWS does not say."""


def scale_of(scaling: str, low: float, high: float) -> Scale:
    """Return the scale that a range is searched with; ``Auto`` is decided here."""
    if scaling == AUTO:
        scaling = LOGARITHMIC if low > 0 and high / low >= _WIDE else LINEAR
    return SCALES[scaling]


class Range(Protocol):
    """The values that one hyperparameter may take."""

    @property
    def name(self) -> str:
        """The hyperparameter."""

    @property
    def values(self) -> tuple[str, ...] | None:
        """All of its values if they are listed, else ``None``."""

    def draw(self, random: Random) -> str:
        """Return one of the values."""


@dataclass(frozen=True, slots=True)
class Continuous:
    """Floating-point values from ``low`` to ``high``, both included."""

    name: str
    low: float
    high: float
    scaling: str = AUTO

    values = None

    def draw(self, random: Random) -> str:
        """Return a value, drawn evenly on the range's scale."""
        scale = scale_of(self.scaling, self.low, self.high)
        value = scale.backward(random.uniform(scale.forward(self.low), scale.forward(self.high)))
        return repr(min(max(value, self.low), self.high))


@dataclass(frozen=True, slots=True)
class Whole:
    """Integers from ``low`` to ``high``, both included."""

    name: str
    low: int
    high: int
    scaling: str = AUTO

    values = None

    def draw(self, random: Random) -> str:
        """Return an integer, drawn evenly on the range's scale; each reaches halfway to its neighbours."""
        scale = scale_of(self.scaling, self.low, self.high)
        place = random.uniform(scale.forward(self.low - 0.5), scale.forward(self.high + 0.5))
        return str(min(max(round(scale.backward(place)), self.low), self.high))


@dataclass(frozen=True, slots=True)
class Categorical:
    """Listed values."""

    name: str
    values: tuple[str, ...]

    def draw(self, random: Random) -> str:
        """Return one of the values, each as likely as the others."""
        return random.choice(self.values)


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The hyperparameters that the trials of one training definition differ in.

    Attributes:
        ranges: One for each hyperparameter.
    """

    ranges: tuple[Range, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters."""
        return tuple(one.name for one in self.ranges)

    def draw(self, random: Random) -> dict[str, str]:
        """Return a value for each hyperparameter."""
        return {one.name: one.draw(random) for one in self.ranges}

    @property
    def size(self) -> int:
        """How many combinations of listed values there are."""
        return prod(len(one.values or ()) for one in self.ranges)

    def combinations(self) -> Iterator[dict[str, str]]:
        """Yield every combination of listed values, the last hyperparameter changing fastest."""
        listed = [one.values or () for one in self.ranges]
        for values in product(*listed):
            yield dict(zip(self.names, values, strict=True))


def read_space(ranges: Document) -> SearchSpace:
    """Return the space of a ``ParameterRanges`` without `range_problems`; hints replace their ranges."""
    found: list[Range] = []
    for entry in ranges.get("IntegerParameterRanges", ()):
        found.append(Whole(entry["Name"], *_whole_ends(entry), entry.get("ScalingType", AUTO)))
    for entry in ranges.get("ContinuousParameterRanges", ()):
        found.append(Continuous(entry["Name"], *_ends(entry), entry.get("ScalingType", AUTO)))
    for entry in ranges.get("CategoricalParameterRanges", ()):
        found.append(Categorical(entry["Name"], tuple(entry["Values"])))
    for entry in ranges.get("AutoParameters", ()):
        found.append(Categorical(entry["Name"], (entry["ValueHint"],)))
    return SearchSpace(tuple(found))


def range_problems(ranges: Document) -> Iterator[str]:
    """Yield what the service would refuse of a ``ParameterRanges``: its rules are documented, the texts are assumed."""
    kinds: tuple[tuple[str, Callable[[Document], tuple[float, float]]], ...] = (
        ("IntegerParameterRanges", _whole_ends),
        ("ContinuousParameterRanges", _ends),
    )
    for member, ends in kinds:
        for entry in ranges.get(member, ()):
            yield from _end_problems(entry, ends, is_whole=ends is _whole_ends)
    entries = [entry for listed in ranges.values() for entry in listed]
    names = [entry["Name"] for entry in entries]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"hyperparameter {name} has {names.count(name)} ranges, but may have only one"


def _end_problems(entry: Document, ends: Callable[[Document], tuple[float, float]], *, is_whole: bool) -> Iterator[str]:
    name, scaling = entry["Name"], entry.get("ScalingType", AUTO)
    kind = "an integer" if is_whole else "a number"
    try:
        low, high = ends(entry)
    except ValueError:
        yield f"hyperparameter {name}: MinValue {entry['MinValue']} or MaxValue {entry['MaxValue']} is not {kind}"
        return
    if not low <= high:
        yield f"hyperparameter {name}: MinValue {entry['MinValue']} is greater than MaxValue {entry['MaxValue']}"
    elif is_whole and scaling == REVERSE_LOGARITHMIC:
        yield f"hyperparameter {name}: ScalingType ReverseLogarithmic is not for integers"
    elif scaling != AUTO and not SCALES[scaling].holds(low, high):
        yield f"hyperparameter {name}: ScalingType {scaling} {SCALES[scaling].rule}"


def _whole_ends(entry: Document) -> tuple[int, int]:
    return int(entry["MinValue"]), int(entry["MaxValue"])


def _ends(entry: Document) -> tuple[float, float]:
    low, high = float(entry["MinValue"]), float(entry["MaxValue"])
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(entry["Name"])
    return low, high
