"""Whatever JSON comes, a definition is accepted or refused with reasons; nothing else is raised."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.paths import parse_path
from airflow_sm_pipelines.errors import DefinitionError, InvalidDefinitionError, PathSyntaxError
from airflow_sm_pipelines.preview.findings import find
from airflow_sm_pipelines.preview.given_values import GivenScope, GivenValues
from airflow_sm_pipelines.preview.graph import as_json, as_mermaid, as_text
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.preview.planned_calls import planned_calls
from airflow_sm_pipelines.preview.resolve import resolve_steps

GOLDEN = Path(__file__).parent.parent / "golden"
DOCUMENTS = [
    json.loads(file.read_text()) for file in sorted(GOLDEN.glob("*.json")) if not file.name.endswith(".graph.json")
]
SCALARS = [None, True, False, 0, -1, 3, 2.5, 1e300, "", "x", "Steps", "a.b", "[", "{{ x }}", "A-1", "\ud800", "\0"]
# Of every size: beyond a double, beyond 64 bits, beyond what Python converts, and at each border.
NUMBERS = [
    "1" + "0" * 400,
    "-1" + "0" * 400,
    "9" * 5000,
    str(2**63),
    str(2**63 - 1),
    str(-(2**63) - 1),
    str(2**64),
    "1e999",
    "-1e999",
    "1e308",
    "5e-324",
    "-0",
    "-0.0",
    "0.0",
    "1e18",
    "1e19",
    "NaN",
    "Infinity",
]
POLICY = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 3}
STEP = {
    "Name": "A",
    "Type": "Processing",
    "Arguments": {"ProcessingResources": {"ClusterConfig": {"InstanceCount": 1}}, "AppSpecification": {}},
    "RetryPolicies": [POLICY, {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "ExpireAfterMin": 60}],
}
# Has a number in each place in which the language takes one.
WITH_NUMBERS = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "I", "Type": "Integer", "DefaultValue": 1, "EnumValues": [1, 2]},
        {"Name": "F", "Type": "Float", "DefaultValue": 0.5, "EnumValues": [0.5]},
    ],
    "Steps": [
        STEP,
        {
            "Name": "Each",
            "Type": "ForEach",
            "Arguments": {
                "IterableItems": [1, 2.5],
                "MaxConcurrency": 2,
                "ForEachBody": [{**STEP, "Name": "Body", "DependsOn": ["A"]}],
            },
        },
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {"Type": "LessThan", "LeftValue": {"Get": "Parameters.I"}, "RightValue": 3},
                    {"Type": "In", "QueryValue": 1, "Values": [{"Get": "Parameters.F"}, 2]},
                ],
                "IfSteps": [
                    {
                        "Name": "No",
                        "Type": "Fail",
                        "Arguments": {"ErrorMessage": {"Std:Join": {"On": "", "Values": ["x", 4]}}},
                    }
                ],
            },
        },
    ],
}
DOCUMENTS.append(WITH_NUMBERS)
TEXTS = [
    "Steps.",
    "Steps.X",
    "Steps.X.Y[0]",
    "Parameters.Nope",
    "Execution.Nope",
    "Execution.TrainingJobName",
    "ForEach.CurrentItem.a",
    "IterationOutput.X.y",
    "Steps.X.PropertyFiles.Y",
    "a['b",
]


def places(document):
    """Return every container of a document with each of its keys."""
    found, pending = [], [document]
    while pending:
        node = pending.pop()
        items = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        found += [(node, key) for key, _ in items]
        pending += [held for _, held in items if isinstance(held, (dict, list))]
    return found


def other_value(random, pool):
    kind = random.randrange(6)
    if kind == 0:
        return random.choice(SCALARS)
    if kind == 5:
        return json.loads(random.choice([number for number in NUMBERS if len(number) < 1000]))
    if kind == 1:
        return {"Get": random.choice(TEXTS)}
    if kind == 2:
        return {random.choice(["Std:Join", "Std:JsonGet", "Get", "On"]): random.choice(SCALARS)}
    if kind == 3:
        return random.choice([[], {}, [[]], [{}], {"On": "-", "Values": [None, {}]}])
    node, key = random.choice(pool)
    return copy.deepcopy(node[key])


def mutate(document, random, pool):
    node, key = random.choice(places(document))
    kind = random.randrange(4)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[random.choice([*SCALARS[8:], key.lower(), key + "s", key[:-1]])] = node.pop(key)
    elif kind == 2 and isinstance(node, list):
        node.insert(key, copy.deepcopy(node[random.randrange(len(node))]))
    else:
        node[key] = other_value(random, pool)


def use(document):
    """Load a document and use the result in every way that needs no execution; return the refusal, if any."""
    try:
        pipeline = load_pipeline(document)
    except InvalidDefinitionError as refused:
        return refused
    plans = pipeline.plans
    assert len(plans) == len(pipeline.steps)
    assert as_text(plans)
    assert as_mermaid(plans)
    assert as_json(plans)
    findings = find(pipeline)
    assert all(finding.message for finding in (*findings.errors, *findings.warnings))
    known = PlaceholderScope(pipeline, {})
    for plan in plans:
        json.dumps([call.request for call in planned_calls(plan.step, pipeline, known).calls], default=bytes.decode)
    assert len(resolve_steps(pipeline, GivenScope(pipeline, GivenValues()))) == len(plans)
    return None


def assert_says_where(refused, document):
    """Each error points at a place in the document, or at one missing member of such a place."""
    assert refused.exceptions
    for error in refused.exceptions:
        assert isinstance(error, DefinitionError)
        assert error.message
        assert str(error)
        try:
            path = parse_path(error.path)
        except PathSyntaxError:
            continue  # a key of the document holds a quote and a bracket
        node, missing = document, 0
        for segment in path:
            present = segment in node if isinstance(node, dict) and isinstance(segment, str) else False
            present = present or (isinstance(node, list) and isinstance(segment, int) and segment < len(node))
            missing += not present
            node = node[segment] if present else None
        assert missing <= 1, error


def mutated(random):
    document = copy.deepcopy(random.choice(DOCUMENTS))
    pool = places(random.choice(DOCUMENTS))
    for _ in range(random.randint(1, 4)):
        if places(document):
            mutate(document, random, pool)
    return document


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(st.randoms(note_method_calls=False, use_true_random=False))
def test_a_mutated_definition_is_accepted_or_refused_with_reasons(random):
    document = mutated(random)
    before = json.dumps(document)
    refused = use(document)
    assert json.dumps(document) == before
    if refused:
        assert_says_where(refused, document)


MARK = "the place of a number"


def numbers_in(document):
    """Yield the text of a document with a mark in the place of one number, for each of them."""
    changed = json.loads(json.dumps(document))  # no part of it twice
    for node, key in places(changed):
        if isinstance(node[key], (int, float)) and not isinstance(node[key], bool):
            number, node[key] = node[key], MARK
            yield json.dumps(changed).replace(f'"{MARK}"', MARK)
            node[key] = number


def test_a_number_of_any_size_anywhere_is_accepted_or_refused_with_reasons():
    texts = list(numbers_in(WITH_NUMBERS))
    assert len(texts) == 22
    refusals = 0
    for text in texts:
        for number in NUMBERS:
            refused = use(text.replace(MARK, number))
            refusals += refused is not None
            if number.removeprefix("-")[:3] in ("100", "999", "1e9", "NaN", "Inf"):
                [error] = refused.exceptions
                assert error.path
                assert "line 1, column" in error.message
    assert 0 < refusals < len(texts) * len(NUMBERS)


def test_a_python_integer_that_json_cannot_write_is_refused_with_reasons():
    document = copy.deepcopy(WITH_NUMBERS)
    document["Parameters"][0]["DefaultValue"] = 10**5000
    assert "too many digits" in str(use(document))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(TEXTS),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Steps", "Name", "Type", "Arguments", "Get"]) | st.text(), children, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(st.dictionaries(st.sampled_from(["Version", "Steps", "Parameters", "PipelineDefinition", "Resources"]), JSON))
def test_arbitrary_json_is_refused_with_reasons(document):
    refused = use(document)
    assert refused
    assert refused.exceptions


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(max_size=200))
def test_arbitrary_text_is_refused_with_reasons(text):
    with pytest.raises(InvalidDefinitionError):
        load_pipeline("{" + text)
