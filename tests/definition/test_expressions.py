from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from airflow_sm_pipelines.definition.expressions import (
    DEEPEST_NESTING,
    evaluate,
    references,
    scan,
)
from airflow_sm_pipelines.errors import EvaluationError, ExpressionSyntaxError


class Execution:
    """A scope of fixed values."""

    def parameter(self, name):
        return {"Rows": 10, "Rate": 0.75, "Whole": 10.0, "Flag": False, "Env": "prod", "List": [1], "Nothing": None}[
            name
        ]

    def execution(self, variable):
        return {"PipelineExecutionId": "abcdef123456", "PipelineName": "p"}[variable]

    def experiment(self, member):
        return {"ExperimentName": "exp"}[member]

    def properties(self, step):
        return {
            "Train": {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"}, "MaxDepth": 5},
            "Gate": {"Outcome": True},
            "Decide": {"OutputParameters": {"count": 3}},
        }[step]

    def property_file(self, step, name):
        assert (step, name) == ("Eval", "Report")
        return {"metrics": {"mse": {"value": 4.5}, "n": 3, "ok": True}}

    def document(self, uri):
        assert uri == "s3://b/abcdef123456/results.json"
        return {"Result": {"auc": 0.9}}

    def current_item(self):
        return '{"name": "x", "tags": ["t"]}'

    def iteration_output(self, step):
        return {"OutputParameters": {"auc": 0.5}} if step == "Score" else None


def get(text):
    return {"Get": text}


def join(*values, on=""):
    return {"Std:Join": {"On": on, "Values": list(values)}}


def report(path):
    return {"Std:JsonGet": {"PropertyFile": get("Steps.Eval.PropertyFiles.Report"), "Path": path}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (get("Parameters.Rows"), 10),
        (get("Parameters.Flag"), False),
        (get("Execution.PipelineExecutionId"), "abcdef123456"),
        (get("PipelineExperimentConfig.ExperimentName"), "exp"),
        (get("Steps.Train.ModelArtifacts.S3ModelArtifacts"), "s3://b/model.tar.gz"),
        (get("Steps.Train.MaxDepth"), 5),
        (get("Steps.Gate.Outcome"), True),
        (get("Steps.Decide.OutputParameters['count']"), 3),
        (get("ForEach.CurrentItem"), '{"name": "x", "tags": ["t"]}'),
        (get("ForEach.CurrentItem.name"), "x"),
        (get("ForEach.CurrentItem.tags[0]"), "t"),
        (get("IterationOutput.Score.OutputParameters['auc']"), 0.5),
        (report("metrics.mse.value"), 4.5),
        (report("$.metrics['n']"), 3),
        (report("metrics.ok"), True),
    ],
)
def test_a_value_keeps_its_type(expression, value):
    found = evaluate(expression, Execution())
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (join("a", 1, 2.5, True, False), "a12.5truefalse"),
        (join(get("Parameters.Rows"), get("Parameters.Rate"), get("Parameters.Flag"), on=" "), "10 0.75 false"),
        (join(get("Parameters.Whole")), "10.0"),
        (join(get("Steps.Gate.Outcome")), "true"),
        (join("s3:/", "b", get("Execution.PipelineExecutionId"), "", on="/"), "s3://b/abcdef123456/"),
        (join(join("s3://b", "runs", on="/"), "train", on="/"), "s3://b/runs/train"),
        (join("auc=", report("metrics.mse.value")), "auc=4.5"),
        (join(0.1 + 0.2), "0.30000000000000004"),
        (join(), ""),
        (join("one", on="-"), "one"),
    ],
)
def test_a_join_is_always_a_string(expression, text):
    assert evaluate(expression, Execution()) == text


def test_join_without_its_key_joins_outside_payloads():
    value = {"On": "-", "Values": ["a", get("Parameters.Env")]}
    assert evaluate(value, Execution()) == "a-prod"
    assert evaluate({"x": value}, Execution(), payload=True) == {"x": {"On": "-", "Values": ["a", "prod"]}}


def test_inside_an_expression_nothing_is_payload():
    uri = {"On": "/", "Values": ["s3://b", get("Execution.PipelineExecutionId"), "results.json"]}
    value = {"x": {"Std:JsonGet": {"S3Uri": uri, "Path": "Result.auc"}}, "y": join({"On": "-", "Values": ["a", 1]})}
    assert evaluate(value, Execution(), payload=True) == {"x": 0.9, "y": "a-1"}
    assert [str(reference) for _, reference in references(value, payload=True)] == ["Execution.PipelineExecutionId"]


def test_json_get_of_an_s3_uri():
    uri = join("s3://b", get("Execution.PipelineExecutionId"), "results.json", on="/")
    assert evaluate({"Std:JsonGet": {"S3Uri": uri, "Path": "Result['auc']"}}, Execution()) == 0.9


def test_expressions_are_replaced_wherever_a_value_stands_and_nothing_else_changes():
    value = {
        "list": [1, "two", get("Parameters.Rows"), {"k": get("Parameters.Flag")}, [get("Execution.PipelineName")]],
        "a": None,
        "JINJA": "{{ ds }} {% raw %} {# c #}",
        "GETLIKE": '{"Get": "Parameters.Env"}',
        "data": {"Get": "Parameters.Env", "Other": 1},
        "key {{ with }} braces": 'it\'s "q" \\ back\nnl',
    }
    before = copy.deepcopy(value)
    assert evaluate(value, Execution()) == {**value, "list": [1, "two", 10, {"k": False}, ["p"]]}
    assert value == before


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"Env": {"M": get("Steps.Train.ModelArtifact.S3")}},
            "Env.M: Steps.Train.ModelArtifact.S3: the value has no member 'ModelArtifact'; its members are"
            " 'ModelArtifacts', 'MaxDepth' (did you mean `ModelArtifacts`?)",
        ),
        (
            {"a": [report("metrics.rmse")]},
            "a[0]: Std:JsonGet of 'metrics.rmse' in Steps.Eval.PropertyFiles.Report: `metrics` has no member 'rmse';"
            " its members are 'mse', 'n', 'ok' (did you mean `mse`?)",
        ),
        ({"a": join("x", get("Parameters.List"))}, "a: Std:Join: cannot join a list of 1"),
        (
            {"a": join("x", get("Parameters.Nothing"))},
            "a: Parameters.Nothing: is null, which does not count as a value",
        ),
        (
            {"a": join("x", join(get("Steps.Train.Nope")))},
            "a: Steps.Train.Nope: the value has no member 'Nope'; its members are 'ModelArtifacts', 'MaxDepth'",
        ),
        (
            {"Std:JsonGet": {"S3Uri": get("Parameters.Rows"), "Path": "a"}},
            "S3Uri of Std:JsonGet: must be a string, but is the number 10",
        ),
        (get("Steps.Eval.PropertyFiles.Report"), "is only allowed as PropertyFile of a Std:JsonGet"),
    ],
)
def test_reference_to_nothing_names_the_place_the_reference_and_what_was_there(value, message):
    with pytest.raises(EvaluationError) as caught:
        evaluate(value, Execution())
    assert message in str(caught.value)


def test_references_are_listed_in_document_order_with_their_paths():
    value = {
        "b": get("Parameters.P"),
        "a": [1, join("x", get("Steps.A.ModelName"), join(get("Steps.B.ModelName")))],
        "c": report("x"),
        "d": {"Std:JsonGet": {"S3Uri": join(get("Steps.C.OutputDataConfig.S3OutputPath"), "r.json"), "Path": "x"}},
        "e": {"Get": "Steps.X.Y", "Other": 1},
    }
    assert [(path, str(reference)) for path, reference in references(value)] == [
        (("b",), "Parameters.P"),
        (("a", 1, "Std:Join", "Values", 1), "Steps.A.ModelName"),
        (("a", 1, "Std:Join", "Values", 2, "Std:Join", "Values", 0), "Steps.B.ModelName"),
        (("c", "Std:JsonGet", "PropertyFile"), "Steps.Eval.PropertyFiles.Report"),
        (("d", "Std:JsonGet", "S3Uri", "Std:Join", "Values", 0), "Steps.C.OutputDataConfig.S3OutputPath"),
    ]


def test_references_raises_on_a_malformed_expression():
    with pytest.raises(ExpressionSyntaxError):
        list(references([{"Get": "Nope"}]))


def test_scan_goes_on_after_a_malformed_expression():
    found = list(scan([{"Get": "Nope"}, get("Parameters.P"), join(None, [], {"a": 1}, get("Parameters.Q"))]))
    assert [(path, type(entry).__name__) for path, entry in found] == [
        ((0, "Get"), "ExpressionSyntaxError"),
        ((1,), "Reference"),
        ((2, "Std:Join", "Values", 0), "ExpressionSyntaxError"),
        ((2, "Std:Join", "Values", 1), "ExpressionSyntaxError"),
        ((2, "Std:Join", "Values", 2), "ExpressionSyntaxError"),
        ((2, "Std:Join", "Values", 3), "Reference"),
    ]


def test_a_property_file_outside_json_get_is_a_fault():
    [(_, found)] = scan(get("Steps.Eval.PropertyFiles.Report"))
    assert isinstance(found, ExpressionSyntaxError)


def test_deep_nesting_is_a_fault_and_no_recursion():
    value: object = "x"
    for _ in range(5000):
        value = [value]
    [(path, found)] = scan(value)
    assert isinstance(found, ExpressionSyntaxError)
    assert len(path) == DEEPEST_NESTING + 1


def test_the_deepest_nesting_allowed_can_be_evaluated():
    value: object = get("Parameters.Rows")
    for _ in range(DEEPEST_NESTING):
        value = [value]
    assert [str(reference) for _, reference in references(value)] == ["Parameters.Rows"]
    assert json.dumps(evaluate(value, Execution())).count("[") == DEEPEST_NESTING


def test_every_reference_of_the_golden_definitions_is_found():
    golden = Path(__file__).parent.parent / "golden"
    for file in golden.glob("*.json"):
        text = file.read_text()
        document = json.loads(text)
        assert len(list(references(document, payload=True))) == text.count('"Get": "')
