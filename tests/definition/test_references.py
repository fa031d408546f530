from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.references import EXECUTION_VARIABLES, Namespace, parse_reference
from airflow_sm_pipelines.errors import ExpressionSyntaxError


@pytest.mark.parametrize(
    ("text", "namespace", "name", "path"),
    [
        ("Parameters.my-param", Namespace.PARAMETER, "my-param", ()),
        ("PipelineExperimentConfig.TrialName", Namespace.EXPERIMENT, "TrialName", ()),
        ("Steps.A-CreateModel.ModelName", Namespace.STEP, "A-CreateModel", ("ModelName",)),
        ("Steps.L.OutputParameters['a b']", Namespace.STEP, "L", ("OutputParameters", "a b")),
        ("Steps.C.Outcome", Namespace.STEP, "C", ("Outcome",)),
        ("Steps.E.PropertyFiles.Report", Namespace.PROPERTY_FILE, "E", ("Report",)),
        ("Steps.E.PropertyFiles.report.v2", Namespace.PROPERTY_FILE, "E", ("report.v2",)),
        ("Steps.E.PropertyFiles['a b']", Namespace.PROPERTY_FILE, "E", ("a b",)),
        ("ForEach.CurrentItem", Namespace.CURRENT_ITEM, "CurrentItem", ()),
        ("ForEach.CurrentItem['options'].depth[0]", Namespace.CURRENT_ITEM, "CurrentItem", ("options", "depth", 0)),
        ("IterationOutput.B.OutputParameters['auc']", Namespace.ITERATION_OUTPUT, "B", ("OutputParameters", "auc")),
        ("Steps.F.IterationOutputs[0].B.ModelName", Namespace.STEP, "F", ("IterationOutputs", 0, "B", "ModelName")),
    ],
)
def test_namespaces(text, namespace, name, path):
    reference = parse_reference(text)
    assert (reference.namespace, reference.name, reference.path) == (namespace, name, path)
    assert str(reference) == text


@pytest.mark.parametrize("variable", EXECUTION_VARIABLES)
def test_execution_variables(variable):
    assert parse_reference(f"Execution.{variable}").namespace is Namespace.EXECUTION


def test_there_are_eight_execution_variables():
    assert len(EXECUTION_VARIABLES) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Step.A.ModelName", "did you mean `Steps`?"),
        ("", "is not a known reference"),
        ("zzz.x", "a reference starts with one of 'Parameters', 'Execution'"),
        ("Execution.PipelineNam", "did you mean `PipelineName`?"),
        ("Execution.PipelineName.x", "has no 'PipelineName.x'"),
        ("PipelineExperimentConfig.Experiment", "did you mean `ExperimentName`?"),
        ("Parameters.", "name of a parameter is missing"),
        ("Steps.", "name of a step is missing"),
        ("Steps.A.b[", "is malformed at"),
        ("ForEach.Item", "only ForEach.CurrentItem"),
        ("Steps.A.PropertyFiles", "PropertyFiles.<name>"),
    ],
)
def test_reference_to_nothing_is_refused(text, message):
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse_reference(text)
    assert message in str(caught.value)


def test_outcome():
    assert parse_reference("Steps.C.Outcome").is_outcome
    assert not parse_reference("Steps.C.Outcome.x").is_outcome
    assert not parse_reference("Parameters.Outcome").is_outcome
    assert not parse_reference("ForEach.CurrentItem.Outcome").is_outcome
