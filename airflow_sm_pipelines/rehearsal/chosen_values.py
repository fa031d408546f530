"""The values of one rehearsal: those that the user has chosen, and the others so that no Fail step is reached."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.preview.given_values import typed_parameters
from airflow_sm_pipelines.rehearsal.choices import choose_branches, lead_to
from airflow_sm_pipelines.rehearsal.documents import FreeValue, ReadFile, choose_values
from airflow_sm_pipelines.rehearsal.placeholders import Value, choose_items, items_of_parameters, rehearsal_parameters
from airflow_sm_pipelines.rehearsal.scope import ScopeBeforeRun, files_read

Values: TypeAlias = "Mapping[str, Json] | Iterable[str]"
"""``STEP.PROPERTYFILE.PATH`` -> value; or texts ``STEP.PROPERTYFILE.PATH=VALUE``, as on the command line."""


@dataclass(frozen=True, slots=True)
class ChosenValues:
    """The values with which a definition is rehearsed.

    Attributes:
        scope: What is known before the run; it holds the parameters, and the outcomes of the Conditions.
        files: The files that the definition reads.
        placeholders: Names of the parameters that have neither a given value nor a default.
        notes: What the rehearsal cannot show, and which values it changed.
    """

    scope: ScopeBeforeRun
    files: list[ReadFile]
    placeholders: tuple[str, ...]
    notes: list[str]

    @property
    def parameters(self) -> dict[str, Value]:
        """The values of all parameters."""
        return self.scope.parameter_values()

    def values(self) -> dict[FreeValue, Json]:
        """Return every value that a rehearsal may choose, those of parameters included."""
        return {
            FreeValue(file.place, path, file): value
            for file in (*self.files, self.scope.parameters)
            for path, value in file.values.items()
        }


@dataclass(frozen=True, slots=True)
class GivenByUser:
    """What the user has chosen.

    Attributes:
        name: What the run calls the pipeline.
        parameters: Values of parameters, by name.
        assignments: ``STEP.PROPERTYFILE.PATH=VALUE`` each.
    """

    name: str
    parameters: Mapping[str, object]
    assignments: tuple[str, ...]

    @classmethod
    def of(cls, name: str, parameters: Mapping[str, object] | None, values: Values | None) -> GivenByUser:
        """Return what was given to `airflow_sm_pipelines.rehearse`."""
        if isinstance(values, Mapping):
            values = [f"{target}={json.dumps(value)}" for target, value in values.items()]
        return cls(name, parameters or {}, tuple(values or ()))


def choose(pipeline: Pipeline, given: GivenByUser) -> ChosenValues:
    """Return the values of a rehearsal.

    Raises:
        ParameterValueError: A parameter does not exist, or cannot have the value.
        ChosenValueError: The definition does not read the value.
    """
    chosen, fixed = _fixed(pipeline, given)
    chosen.notes.extend(choose_branches(pipeline, chosen.scope, chosen.files, fixed))
    return chosen


def choose_for(pipeline: Pipeline, given: GivenByUser, outcomes: Mapping[str, bool]) -> ChosenValues | None:
    """Return values with which Conditions have these outcomes, ``None`` if none were found.

    What the user has chosen is kept if that is possible.
    """
    for keeps_what_is_given in (True, False):
        chosen, fixed = _fixed(pipeline, given)
        if lead_to(pipeline, chosen.scope, chosen.files, fixed if keeps_what_is_given else frozenset(), outcomes):
            return chosen
    return None


def _fixed(pipeline: Pipeline, given: GivenByUser) -> tuple[ChosenValues, frozenset[FreeValue]]:
    """Return the values before any is chosen for the sake of a branch, and those that the user has chosen."""
    parameters = typed_parameters(pipeline, given.parameters)
    known, placeholders = rehearsal_parameters(pipeline, parameters)
    known |= {name: items for name, items in items_of_parameters(pipeline).items() if name in placeholders}
    files, notes, scope = files_read(pipeline, known, given.name)
    choose_items(pipeline, scope, {scope.parameter_value(name) for name in known.keys() - {*placeholders}})
    fixed = choose_values(files, given.assignments) | {scope.parameter_value(name) for name in parameters}
    return ChosenValues(scope, files, placeholders, notes), fixed
