"""The choice of the hyperparameters that a tuning job tries next.

The local AWS searches at random, or through a grid. A strategy that learns from results (``Bayesian``, ``Hyperband``)
runs as random search, and the tuning job's trials say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from random import Random

from airflow_sm_pipelines.local.services.sagemaker.tuning.request import GRID, TrialDefinition, Tuning

_DRAWS = 100
"""How often a combination that is known already is drawn again, before it is tried once more."""

Combination = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The definition and the hyperparameters of a trial to come.

    Attributes:
        definition: Its algorithm.
        values: Its hyperparameters, those that are tuned.
    """

    definition: TrialDefinition
    values: Mapping[str, str]


def candidates(tuning: Tuning, known: Iterable[Mapping[str, str]]) -> Iterator[Candidate]:
    """Return the candidates in their order; a random search never runs out of them.

    Args:
        tuning: The tuning job.
        known: Combinations that its parents have tried: they are tried again only if nothing else is found.
    """
    tried = {frozenset(values.items()) for values in known}
    if tuning.strategy == GRID:
        return _grid(tuning, tried)
    return _random(tuning, tried)


def _grid(tuning: Tuning, tried: set[Combination]) -> Iterator[Candidate]:
    for definition in tuning.definitions:
        for values in definition.space.combinations():
            if frozenset(values.items()) not in tried:
                yield Candidate(definition, values)


def _random(tuning: Tuning, tried: set[Combination]) -> Iterator[Candidate]:
    """Yield random candidates; the algorithms take turns (*assumed*: AWS shifts trials to the better ones)."""
    random = Random(tuning.seed)  # noqa: S311 - no secret
    for definition in cycle(tuning.definitions):
        values = definition.space.draw(random)
        for _ in range(_DRAWS):
            if frozenset(values.items()) not in tried:
                break
            values = definition.space.draw(random)
        tried.add(frozenset(values.items()))
        yield Candidate(definition, values)
