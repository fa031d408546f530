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
    kind = random.randrange(5)
    if kind == 0:
        return random.choice(SCALARS)
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
