"""The error tree."""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import pickle
import re
from dataclasses import dataclass

import pytest

from airflow_sm_pipelines import errors
from airflow_sm_pipelines.errors import (
    DefinitionError,
    InvalidDefinitionError,
    StepError,
    StepFailedError,
    UnsupportedStepTypeError,
)
from tests.test_architecture import MODULES, Module


@dataclass(frozen=True)
class ErrorClass:
    """An exception class of the package, read from its source."""

    name: str
    bases: tuple[str, ...]
    module: Module


def error_classes() -> list[ErrorClass]:
    """Every exception class of the package; the local AWS, an island, has errors of its own."""
    classes = [
        ErrorClass(node.name, tuple(ast.unparse(base).partition("[")[0] for base in node.bases), module)
        for module in MODULES
        if module.room != "local"
        for node in ast.walk(ast.parse(module.source))
        if isinstance(node, ast.ClassDef)
    ]
    errors = {name for name, value in vars(builtins).items() if inspect.isclass(value) and issubclass(value, Exception)}
    while more := {found.name for found in classes if errors & {*found.bases}} - errors:
        errors |= more
    return [found for found in classes if found.name in errors]


def drawn_tree() -> dict[str, tuple[str, str]]:
    """Class -> its parent, and the room where it lives, as drawn in the module's docstring: depth by indentation."""
    drawn: dict[str, tuple[str, str]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"    (?P<branch>(  [+]|x) )?(?P<name>[A-Z]\w+)(  +((?P<room>[a-z_]+): )?.*)?", line)
        if match:
            depth = {"": 0, "x": 1, "  +": 2}[(match["branch"] or "").rstrip()]
            path = [*path[:depth], match["name"]]
            if depth:
                drawn[match["name"]] = path[depth - 1], match["room"] or "errors"
    return drawn


def test_the_tree_is_drawn_as_it_is_and_no_error_is_outside_of_it() -> None:
    public = [found for found in error_classes() if not found.name.startswith("_")]

    assert drawn_tree() == {
        found.name: (found.bases[0], found.module.room) for found in public if found.name != "SageMakerPipelinesError"
    }


def test_a_private_error_does_not_leave_its_module() -> None:
    for found in error_classes():
        if found.name.startswith("_"):
            assert [module for module in MODULES if re.search(rf"\b{found.name}\b", module.source)] == [found.module]


def test_an_error_of_python_that_is_ours_too_can_be_caught_as_either() -> None:
    for name, parent in ((errors.ParameterValueError, ValueError), (errors.MissingMemberError, LookupError)):
        assert issubclass(name, parent)
        assert issubclass(name, errors.SageMakerPipelinesError)


def test_a_definition_error_tells_place_fault_and_remedy() -> None:
    assert str(DefinitionError("Steps[2].Name", "no such step", "did you mean Train?")) == (
        "Steps[2].Name: no such step (did you mean Train?)"
    )
    assert str(DefinitionError("", "not JSON")) == "not JSON"


def test_all_errors_of_a_definition_are_told_together() -> None:
    group = InvalidDefinitionError("a.json", [DefinitionError("A", "wrong"), DefinitionError("B", "wrong, too")])

    assert str(group) == "a.json: 2 errors in the pipeline definition\n  - A: wrong\n  - B: wrong, too"
    assert str(InvalidDefinitionError("a.json", [DefinitionError("A", "x")])).startswith("a.json: 1 error in")


def test_of_very_many_errors_a_hundred_are_told_and_the_others_counted() -> None:
    error = InvalidDefinitionError("a.json", [DefinitionError(f"Steps[{number}]", "bad") for number in range(360_000)])
    lines = str(error).splitlines()
    assert lines[0] == "a.json: 360000 errors in the pipeline definition"
    assert lines[100:] == ["  - Steps[99]: bad", "  - and 359900 more"]
    assert len(error.exceptions) == 360_000


def test_a_message_of_several_lines_stays_below_its_error() -> None:
    error = InvalidDefinitionError("a.json", [DefinitionError("", "not JSON:\n    x\n    ^")])
    assert str(error).splitlines()[1:] == ["  - not JSON:", "        x", "        ^"]


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
