"""What the language itself says about the Arguments of a step, and the references in a step.

For most types, Arguments is the request of an AWS call; what that call allows is not part of the language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_sm_pipelines.definition.expressions import (
    Namespace,
    Reference,
    is_expression,
    parse_expression,
    scan,
)
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe, list_names
from airflow_sm_pipelines.definition.paths import Path, format_path
from airflow_sm_pipelines.definition.shapes import ANY, LIST, STRING, Faults, Member, one_of, read_members
from airflow_sm_pipelines.definition.step_types import StepType
from airflow_sm_pipelines.errors import ExpressionSyntaxError

# Members of Arguments that hold steps, by the type of the step around them.
NESTED_STEPS = {"Condition": ("IfSteps", "ElseSteps"), "ForEach": ("ForEachBody",)}

_SELECTOR = (Member("Pick", one_of("MaxBy", "MinBy"), required=True), Member("Field", ANY, required=True))
_CLEANUP_RESOURCES = (Member("S3", LIST, required=True),)
_CLEANUP_SOURCE = (Member("StepName", STRING, required=True), Member("S3Uris", LIST))
_OUTPUT_PARAMETER = (
    Member("OutputName", STRING, required=True),
    Member("OutputType", one_of("String", "Integer", "Boolean", "Float")),
)
_MOST_LITERAL_ITEMS = 100
_NOT_IN_CLUSTER_CONFIG = ("Name", "Steps", "AutoTerminationPolicy")
_NOT_IN_INSTANCES = ("KeepJobFlowAliveWhenNoSteps", "TerminationProtected")
_OWN_CLUSTER = "remove it: the cluster is created for the step, and terminated when the step has ended"


def check_arguments(row: StepType, arguments: JsonObject, path: str, faults: Faults) -> None:
    """Record every fault in the members of Arguments that the language defines.

    Args:
        row: The step's type.
        arguments: Its Arguments.
        path: JSON path of the Arguments.
        faults: Where faults are recorded.
    """
    if is_expression(arguments, payload=True):
        faults.add(path, "Arguments must be an object; it cannot be an expression as a whole")
        return
    if row.payload:
        return
    noun = f"the Arguments object of {'an' if row.name[0] in 'AE' else 'a'} {row.name} step"
    members = read_members(arguments, path, row.arguments, faults, noun=noun, is_open=not row.closed)
    if row.one_argument_of:
        given = [name for name in row.one_argument_of if name in arguments]
        if len(given) != 1:
            found = "both" if given else "neither"
            faults.add(path, f"{noun} requires exactly one of {list_names(row.one_argument_of)}; this one has {found}")
    if row.name_prefix:
        _check_name_prefix(row, members, path, faults)
    check = _CHECKS.get(row.name)
    if check:
        check(members, path, faults)


def _check_name_prefix(row: StepType, arguments: JsonObject, path: str, faults: Faults) -> None:
    """Check the length of a literal prefix; that of an expression is known only at run time."""
    member, longest = row.name_prefix or ("", 0)
    prefix = arguments.get(member)
    if isinstance(prefix, str) and len(prefix) > longest:
        message = f"the name prefix of a {row.name} step has at most {longest} characters; {prefix!r} has {len(prefix)}"
        faults.add(f"{path}.{member}", message, "the rest of the name is added at run time")


def check_output_parameters(value: Json, path: str, faults: Faults) -> None:
    """Record every fault of form in ``OutputParameters`` of a Lambda or Callback step."""
    seen: set[Json] = set()
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        place = f"{path}[{index}]"
        name = read_members(entry, place, _OUTPUT_PARAMETER, faults, noun="an output parameter").get("OutputName")
        if isinstance(name, str):
            if name in seen:
                faults.add(f"{place}.OutputName", f"duplicate output name {name!r}")
            seen.add(name)


def read_references(
    row: StepType | None, step_type: str, arguments: JsonObject, own: JsonObject, path: str, faults: Faults
) -> Iterator[tuple[Path, Reference]]:
    """Yield each reference of a step with its path from the step; nested steps are excluded.

    Args:
        row: The step's type, ``None`` when it is unknown.
        step_type: The type as written.
        arguments: Its Arguments.
        own: Its own members at step level.
        path: JSON path of the step.
        faults: Where malformed expressions are recorded.
    """
    nested = NESTED_STEPS.get(step_type, ())
    searched: JsonObject = {name: value for name, value in arguments.items() if name not in nested}
    payload = row is not None and row.payload
    searches: list[tuple[JsonObject, bool]] = [({"Arguments": searched}, payload), (own, False)]
    for value, is_payload in searches:
        for place, found in scan(value, payload=is_payload):
            if isinstance(found, Reference):
                yield place, found
            else:
                faults.add(format_path(place, path), found.message, found.hint)


def _check_condition(arguments: JsonObject, path: str, faults: Faults) -> None:
    # A DAG file pays only for what its own steps need.
    from airflow_sm_pipelines.definition.conditions import condition_faults

    for place, message, hint in condition_faults(arguments.get("Conditions", [])):
        faults.add(format_path(("Conditions", *place), path), message, hint)


def _check_loop(arguments: JsonObject, path: str, faults: Faults) -> None:
    if arguments.get("ForEachBody") == []:
        faults.add(f"{path}.ForEachBody", "the body of a ForEach needs at least one step")
    items = arguments.get("IterableItems")
    if isinstance(items, list):
        _check_literal_items(items, f"{path}.IterableItems", faults)
    if "Selector" in arguments:
        selector = read_members(arguments["Selector"], f"{path}.Selector", _SELECTOR, faults, noun="a Selector")
        _check_selected_field(selector, f"{path}.Selector.Field", faults)


def _check_literal_items(items: list[Json], path: str, faults: Faults) -> None:
    if not 1 <= len(items) <= _MOST_LITERAL_ITEMS:
        faults.add(path, f"a literal list must have 1 to {_MOST_LITERAL_ITEMS} items; this one has {len(items)}")
    for index, item in enumerate(items):
        if not isinstance(item, (str, int, float)) and not is_expression(item):
            message = f"expected a string, a number, a boolean or an expression, found {describe(item)}"
            faults.add(f"{path}[{index}]", message, "write an object as a string that contains its JSON")


def _check_selected_field(selector: JsonObject, path: str, faults: Faults) -> None:
    if "Field" not in selector:
        return
    try:
        expression = parse_expression(selector["Field"])
    except ExpressionSyntaxError:
        return  # recorded where all expressions are read
    if not isinstance(expression, Reference) or expression.namespace is not Namespace.ITERATION_OUTPUT:
        found = f"`{expression}`" if isinstance(expression, Reference) else describe(selector["Field"])
        faults.add(path, f'expected {{"Get": "IterationOutput.<body step>.<path>"}}, found {found}')
    elif not expression.path:
        faults.add(path, f"`{expression}` does not name an output of the step")


def _check_cleanup(arguments: JsonObject, path: str, faults: Faults) -> None:
    place = f"{path}.Resources"
    resources = read_members(
        arguments.get("Resources", {"S3": []}), place, _CLEANUP_RESOURCES, faults, noun="Resources of a Cleanup"
    )
    sources = resources.get("S3", [])
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        spot = f"{place}.S3[{index}]"
        uris = read_members(source, spot, _CLEANUP_SOURCE, faults, noun="a step to clean up after").get("S3Uris", [])
        for number, uri in enumerate(uris if isinstance(uris, list) else ()):
            if not isinstance(uri, str) and not is_expression(uri):
                faults.add(f"{spot}.S3Uris[{number}]", f"expected an S3 URI or an expression, found {describe(uri)}")


def _check_emr(arguments: JsonObject, path: str, faults: Faults) -> None:
    """Check a ClusterConfig: the service itself names the cluster, adds the step and ends it.

    Source: developer guide, "EMR step".
    """
    config = arguments.get("ClusterConfig")
    if not isinstance(config, dict):
        return
    if "ExecutionRoleArn" in arguments:
        faults.add(
            f"{path}.ExecutionRoleArn",
            "ExecutionRoleArn is for steps on a running cluster; it cannot be combined with ClusterConfig",
            "set JobFlowRole in ClusterConfig instead",
        )
    place, instances = f"{path}.ClusterConfig", config.get("Instances")
    for name in _NOT_IN_CLUSTER_CONFIG:
        if name in config:
            faults.add(f"{place}.{name}", f"{name} is not allowed in the ClusterConfig of an EMR step", _OWN_CLUSTER)
    if instances is not None and not isinstance(instances, dict):
        faults.add(f"{place}.Instances", f"expected an object or an expression, found {describe(instances)}")
    _check_tags(config.get("Tags"), f"{place}.Tags", faults)
    for name in _NOT_IN_INSTANCES:
        if isinstance(instances, dict) and name in instances:
            faults.add(
                f"{place}.Instances.{name}", f"{name} is not allowed in the Instances of an EMR step", _OWN_CLUSTER
            )


def _check_tags(value: Json, path: str, faults: Faults) -> None:
    if value is None or is_expression(value):
        return
    if not isinstance(value, list):
        faults.add(path, f"expected a list or an expression, found {describe(value)}")
        return
    for index, tag in enumerate(value):
        if not isinstance(tag, dict):
            faults.add(f"{path}[{index}]", f"expected an object with Key and Value, found {describe(tag)}")


_CHECKS: dict[str, Callable[[JsonObject, str, Faults], None]] = {
    "Condition": _check_condition,
    "ForEach": _check_loop,
    "Cleanup": _check_cleanup,
    "EMR": _check_emr,
}
