"""Strategies for expressions and conditions over a generated execution, as definitions write them.

What the two evaluators are known to see differently (`deviations`) is not generated; `test_sdk_executor` compares each
such deviation by itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

Case = dict[str, Any]
TYPES = ("String", "Integer", "Float", "Boolean")
PYTHON_TYPES = {"String": str, "Integer": int, "Float": float, "Boolean": bool}
ORDERINGS = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
UNDEFINED = "Steps.Train.Undefined.Member"

# Few values, so that equal ones meet.
TEXTS = st.sampled_from(["a", "b", "prod", "", "1", "10", "3", "true", "ä {{ x }}", "it's"]) | st.text(max_size=6)
INTEGERS = st.integers(-3, 12) | st.integers(-(2**63), 2**63 - 1)
FLOATS = st.sampled_from([0.0, 0.5, 1.5, 3.0, 10.0, -2.25]) | st.floats(allow_nan=False, allow_infinity=False)
LITERALS = {"String": TEXTS, "Integer": INTEGERS, "Float": FLOATS, "Boolean": st.booleans()}
SCALARS = st.one_of(*LITERALS.values())
IDENTS = st.sampled_from(["a", "b", "metrics", "x-y", "with_underscore", "s p a c e"])
# Keys in quotes; a dot or a bracket in one is a known deviation.
QUOTED = st.sampled_from(["a", "key one", "validation:rmse", "it's", "0"])

DOCUMENTS = st.dictionaries(
    IDENTS,
    st.recursive(
        SCALARS | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(QUOTED, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=3,
)


class Leaf(NamedTuple):
    """A value that some expression leads to."""

    expression: Any
    value: Any


def leaves(tree: Any, text: str = "") -> list[tuple[str, Any]]:
    """Return each path into a document, written as the SDK writes it, with its value."""
    found = [(text, tree)] if text else []
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += leaves(value, f"{text}['{key}']" if text else key)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            found += leaves(value, f"{text}[{index}]")
    return found


def get(text: str) -> Any:
    return {"Get": text}


def equal_types(left: Any, right: Any) -> bool:
    return type(left) is type(right)


class World(NamedTuple):
    """An execution, and everything in it that an expression can name."""

    case: Case
    leaves: list[Leaf]

    def of_type(self, kind: str) -> list[Any]:
        wanted = PYTHON_TYPES[kind]
        return [leaf.expression for leaf in self.leaves if type(leaf.value) is wanted]


@st.composite
def worlds(draw: Any) -> World:
    parameters = [
        {"Name": f"{kind}{number}", "Type": kind, "DefaultValue": draw(LITERALS[kind])}
        for kind in TYPES
        for number in (1, 2)
    ]
    execution = {"PipelineName": draw(st.sampled_from(["p", "prod"])), "PipelineExecutionId": "abcdef012345"}
    environment, report, result = draw(DOCUMENTS), draw(DOCUMENTS), draw(DOCUMENTS)
    slash = draw(st.sampled_from(["", "/"]))
    properties = {
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": "out", "S3Output": {"S3Uri": f"s3://bucket/eval{slash}", "LocalPath": "/opt"}},
                {"OutputName": "other one", "S3Output": {"S3Uri": "s3://bucket/other"}},
            ]
        },
        "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": "s3://bucket/in"}}],
        "Environment": environment,
    }
    train = {
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/train"},
        "ResourceConfig": {"InstanceCount": draw(INTEGERS), "Volumes": [draw(FLOATS)]},
        "EnableNetworkIsolation": draw(st.booleans()),
    }
    case = {
        "parameters": parameters,
        "execution": execution,
        "steps": {
            "Eval": {
                "properties": properties,
                "property_files": [
                    {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "dir/report.json"},
                    {"PropertyFileName": "Unwritten", "OutputName": "other one", "FilePath": "none.json"},
                ],
            },
            "Train": {"properties": train},
        },
        "files": {"s3://bucket/eval/dir/report.json": report, "s3://bucket/train/results.json": {"Result": result}},
    }
    return World(case, [*named(case), *in_files(report, result)])


def named(case: Case) -> list[Leaf]:
    """Return parameters, execution variables and properties."""
    found = [Leaf(get(f"Parameters.{entry['Name']}"), entry["DefaultValue"]) for entry in case["parameters"]]
    found += [Leaf(get(f"Execution.{name}"), value) for name, value in case["execution"].items()]
    outputs = case["steps"]["Eval"]["properties"]["ProcessingOutputConfig"]["Outputs"]
    for output in outputs:
        path = f"Steps.Eval.ProcessingOutputConfig.Outputs['{output['OutputName']}'].S3Output.S3Uri"
        found.append(Leaf(get(path), output["S3Output"]["S3Uri"]))
    found.append(Leaf(get("Steps.Eval.ProcessingInputs['in'].S3Input.S3Uri"), "s3://bucket/in"))
    for path, value in leaves(case["steps"]["Eval"]["properties"]["Environment"]):
        found.append(Leaf(get(f"Steps.Eval.Environment.{path}"), value))
    train = case["steps"]["Train"]["properties"]
    found.append(Leaf(get("Steps.Train.ResourceConfig.InstanceCount"), train["ResourceConfig"]["InstanceCount"]))
    found.append(Leaf(get("Steps.Train.ResourceConfig.Volumes[0]"), train["ResourceConfig"]["Volumes"][0]))
    found.append(Leaf(get("Steps.Train.EnableNetworkIsolation"), train["EnableNetworkIsolation"]))
    return found


def property_file(path: str, name: str = "Report") -> Any:
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.Eval.PropertyFiles.{name}"), "Path": path}}


def stored_result(path: str, file: str = "results.json") -> Any:
    uri = {"Std:Join": {"On": "/", "Values": [get("Steps.Train.OutputDataConfig.S3OutputPath"), file]}}
    return {"Std:JsonGet": {"S3Uri": uri, "Path": path}}


def in_files(report: Any, result: Any) -> list[Leaf]:
    found = [Leaf(property_file(path), value) for path, value in leaves(report)]
    return found + [Leaf(stored_result(path), value) for path, value in leaves({"Result": result})]


# Expressions that have no value in any execution.
NOWHERE = st.sampled_from(
    [
        get(UNDEFINED),
        get("Steps.Train.ResourceConfig.Volumes[7]"),
        get("Steps.Train.ResourceConfig['no such key']"),
        get("Steps.Train.ResourceConfig.Volumes.member"),
        get("Steps.Train.ResourceConfig[0]"),
        get("Steps.Eval.ProcessingInputs['none'].S3Input.S3Uri"),
        property_file("nowhere"),
        property_file("nowhere.at[0]['all']"),
        property_file("a", "Unwritten"),
        stored_result("Result.nowhere"),
        stored_result("Result", "none.json"),
    ]
)


@st.composite
def operands(draw: Any, world: World, kind: str, depth: int = 2) -> Any:
    """Draw a literal or an expression whose value is of a type."""
    expressions = world.of_type(kind)
    form = draw(st.integers(0, 9))
    if kind == "String" and depth and form >= 7:
        return draw(joins(world, depth - 1))
    if expressions and form >= 2:
        return draw(st.sampled_from(expressions))
    return draw(LITERALS[kind])


@st.composite
def joins(draw: Any, world: World, depth: int = 2) -> Any:
    """Draw a Join of anything but booleans, lists and objects."""
    kinds = [draw(st.sampled_from(TYPES[:3])) for _ in range(draw(st.sampled_from([0, 1, 2, 2, 3, 3, 4])))]
    values = [draw(operands(world, kind, depth)) for kind in kinds]
    if draw(st.integers(0, 19)) == 0:
        values.insert(0, draw(NOWHERE))
    return {"Std:Join": {"On": draw(st.sampled_from(["", "/", "-", ", ", "ä"])), "Values": values}}


@st.composite
def comparisons(draw: Any, world: World) -> Any:
    """Draw a comparison that both sides see alike.

    Equals of an integer with a float, a boolean with a number, and the order of booleans are known deviations.
    """
    kind = draw(st.sampled_from(["Equals", "Equals", *ORDERINGS]))
    left = draw(st.sampled_from(TYPES))
    mixed = draw(st.integers(0, 5)) == 0
    numbers = ("Integer", "Float")
    if kind != "Equals" and left == "Boolean":
        left, mixed = "String", True
    if mixed:
        right = draw(st.sampled_from(TYPES[1:])) if left == "String" else "String"
    elif kind != "Equals" and left in numbers:
        right = draw(st.sampled_from(numbers))
    else:
        right = left
    sides = [draw(operands(world, left)), draw(operands(world, right))]
    if left == right and draw(st.integers(0, 3)) == 0:
        sides[1] = sides[0]  # chance hardly ever makes two values equal
    if draw(st.integers(0, 14)) == 0:
        sides[draw(st.integers(0, 1))] = draw(NOWHERE)
    if draw(st.booleans()):
        sides.reverse()
    return {"Type": kind, "LeftValue": sides[0], "RightValue": sides[1]}


@st.composite
def memberships(draw: Any, world: World) -> Any:
    kind = draw(st.sampled_from(TYPES))
    others = {"Boolean": ("Boolean", "String"), "String": TYPES}.get(kind, ("String", "Integer", "Float"))
    values = [
        draw(operands(world, draw(st.sampled_from((kind, kind, *others))))) for _ in range(draw(st.integers(0, 4)))
    ]
    query = draw(operands(world, kind))
    if draw(st.integers(0, 3)) == 0:
        values.append(query)
    if draw(st.integers(0, 19)) == 0:
        values.append(draw(NOWHERE))
    return {"Type": "In", "QueryValue": query, "Values": values}


@st.composite
def conditions(draw: Any, world: World, depth: int = 2) -> Any:
    form = draw(st.integers(0, 9 if depth else 6))
    if form < 5:
        return draw(comparisons(world))
    if form < 7:
        return draw(memberships(world))
    if form == 7:
        return {"Type": "Not", "Condition": draw(conditions(world, depth - 1))}
    return {"Type": "Or", "Conditions": [draw(conditions(world, depth - 1)) for _ in range(draw(st.integers(0, 3)))]}


@st.composite
def expression_cases(draw: Any) -> Case:
    """Draw one expression of any kind: a Join, any reference, be it to an object or null, or one to nothing."""
    world = draw(worlds())
    form = draw(st.integers(0, 9))
    if form < 5:
        expression = draw(joins(world))
    elif form < 9:
        expression = draw(st.sampled_from(world.leaves)).expression
    else:
        expression = draw(NOWHERE)
    return {**world.case, "expression": expression}


@st.composite
def condition_cases(draw: Any) -> Case:
    world = draw(worlds())
    return {
        **world.case,
        "conditions": [draw(conditions(world)) for _ in range(draw(st.sampled_from([0, *[1, 2, 3] * 5])))],
    }
