"""The error tree."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from airflow_sm_pipelines import errors
from airflow_sm_pipelines.errors import (
    DefinitionError,
    InvalidDefinitionError,
    StepError,
    StepFailedError,
    UnsupportedStepTypeError,
)

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]


def drawn_tree() -> dict[str, str]:
    """Class -> its parent, as drawn in the module's docstring: depth by indentation."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"    (?P<branch>(  [+]|x) )?(?P<name>[A-Z]\w+)(  .*)?", line)
        if match:
            depth = {"": 0, "x": 1, "  +": 2}[(match["branch"] or "").rstrip()]
            path = [*path[:depth], match["name"]]
            if depth:
                parents[match["name"]] = path[depth - 1]
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    assert drawn_tree() == {
        found.__name__: found.__base__.__name__ for found in CLASSES if found.__name__ != "SageMakerPipelinesError"
    }


def test_a_definition_error_tells_place_fault_and_remedy() -> None:
    assert str(DefinitionError("Steps[2].Name", "no such step", "did you mean Train?")) == (
        "Steps[2].Name: no such step (did you mean Train?)"
    )
    assert str(DefinitionError("", "not JSON")) == "not JSON"


def test_all_errors_of_a_definition_are_told_together() -> None:
    group = InvalidDefinitionError("a.json", [DefinitionError("A", "wrong"), DefinitionError("B", "wrong, too")])

    assert str(group) == "a.json: 2 errors in the pipeline definition\n  - A: wrong\n  - B: wrong, too"
    assert str(InvalidDefinitionError("a.json", [DefinitionError("A", "x")])).startswith("a.json: 1 error in")


def test_a_part_of_the_group_keeps_its_class_and_source() -> None:
    group = InvalidDefinitionError("a.json", [DefinitionError("A", "x"), UnsupportedStepTypeError("B", "y")])

    matching, rest = group.split(UnsupportedStepTypeError)

    assert isinstance(matching, InvalidDefinitionError)
    assert isinstance(rest, InvalidDefinitionError)
    assert (matching.source, rest.source) == ("a.json", "a.json")


def test_a_step_error_starts_with_the_step_and_the_reason() -> None:
    failure = StepFailedError("Train", "the job ended Failed", exception_type="SageMaker.CAPACITY_ERROR", job="job-1")

    assert str(failure) == "Step Train: the job ended Failed"
    assert (failure.step, failure.exception_type, failure.job) == ("Train", "SageMaker.CAPACITY_ERROR", "job-1")


@pytest.mark.parametrize(
    "error",
    [
        DefinitionError("A", "wrong", "hint"),
        StepError("Train", "no"),
        StepFailedError("Train", "no", exception_type="Step.THROTTLING", job="job-1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_the_way_between_processes(error: Exception) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert str(again) == str(error)
        assert vars(again) == vars(error)
