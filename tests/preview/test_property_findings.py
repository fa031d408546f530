from __future__ import annotations

import pytest

from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.preview.property_findings import property_findings

# What the types need that other tests have no use for.
ARGUMENTS = {
    "AutoML": {"InputDataConfig": [], "OutputDataConfig": {}},
    "EMRServerless": {"JobConfig": {}, "ApplicationId": "a"},
    "InferenceComponent": {"EndpointName": "e"},
    "Job": {"JobCategory": "AgentRFT", "JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": "{}"},
    "Processing": {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/o"}}]}},
    "RegisterModel": {},
    "Transform": {key: {} for key in ("ModelName", "TransformInput", "TransformOutput", "TransformResources")},
    "Tuning": {"HyperParameterTuningJobConfig": {}},
}


@pytest.fixture
def found(load, step):
    """Return message and hint of what is said of references to properties of some steps, whether it is certain."""

    def of(*steps, references):
        inputs = {f"x{number}": {"Get": text} for number, text in enumerate(references)}
        reader = step("Reader", "Training", {"HyperParameters": inputs})
        return [
            (f"{finding.message} | {finding.hint}", isinstance(finding, DefinitionError))
            for finding in property_findings(load(*steps, reader))
        ]

    return of


@pytest.fixture
def said(found, step):
    """Return what is said of one reference to a property of a step ``S`` of a type."""

    def of(type_, path, **members):
        target = step("S", type_, ARGUMENTS.get(type_), **members)
        sentences = [sentence for sentence, _ in found(target, references=[f"Steps.S.{path}"])]
        return sentences[0] if sentences else None

    return of


def test_a_property_that_no_training_step_has(said):
    sentence = said("Training", "ModelArtifact.S3ModelArtifacts")
    assert "S (Training) has no property 'ModelArtifact' | did you mean `ModelArtifacts`?" in sentence


def test_the_place_is_that_of_the_reference(load, step):
    reader = step("R", "Training", {"HyperParameters": {"x": {"Get": "Steps.T.Nothing"}}})
    [finding] = property_findings(load(step("T", "Training"), reader))
    assert isinstance(finding, DefinitionError)
    assert finding.path == "Steps[1].Arguments.HyperParameters.x"


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("Training", "ModelArtifacts.S3ModelArtifacts"),
        ("Training", "ModelArtifacts"),
        ("Training", "FinalMetricDataList['validation:rmse'].Value"),
        ("Training", "FinalMetricDataList[0].Value"),
        ("Training", "HyperParameters['any key']"),
        ("Training", "InputDataConfig[0].DataSource.S3DataSource.S3Uri"),
        ("Transform", "TransformOutput.S3OutputPath"),
        ("Processing", "ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"),
        ("Processing", "ProcessingOutputConfig.Outputs[0].S3Output.S3Uri"),
        ("Processing", "AppSpecification.ContainerArguments[0]"),
        ("Tuning", "BestTrainingJob.TunedHyperParameters['alpha']"),
        ("Tuning", "TrainingJobSummaries[1].TrainingJobName"),
        ("AutoML", "BestCandidate.InferenceContainers[0].Environment['K']"),
        ("AutoML", "BestCandidateProperties.ModelInsightsJsonReportPath"),
        ("Model", "PrimaryContainer.ModelDataUrl"),
        ("RegisterModel", "ModelPackageArn"),
        ("EndpointConfig", "ProductionVariants[0].VariantName"),
        ("Endpoint", "EndpointArn"),
        ("InferenceComponent", "InferenceComponentArn"),
        ("Job", "JobConfigDocument.ServiceOutput.MlflowDetails.RunId"),
        ("EMR", "Config.Args[0]"),
        ("EMR", "ClusterId"),
        ("EMRServerless", "jobRun.jobRunId"),
    ],
)
def test_a_property_that_the_step_has(said, type_, path):
    assert said(type_, path) is None


@pytest.mark.parametrize(
    ("type_", "path", "expected"),
    [
        ("Training", "ModelArtifacts.S3Artifacts", "`ModelArtifacts` of S (Training) has no property 'S3Artifacts'"),
        ("Training", "InputDataConfig['train']", "`InputDataConfig` of S (Training) is a list: write an index"),
        ("Training", "HyperParameters[0]", "`HyperParameters` of S (Training) is a map: write a key"),
        ("Training", "CreationTime.Year", "is of the type timestamp: there is nothing inside it"),
        ("Training", "TrainingTimeInSeconds.x", "is of the type integer: there is nothing inside it"),
        ("Training", "FinalMetricDataList['loss'].Valu", "did you mean `Value`?"),
        (
            "Tuning",
            "TrainingJobSummaries[0].ModelArtifacts",
            "`TrainingJobSummaries[0]` of S (Tuning) has no property 'ModelArtifacts'; it has ",
        ),
        ("AutoML", "BestCandidateProperties.Report", "it has 'ModelInsightsJsonReportPath'"),
        ("EMR", "Step.Id", "S (EMR) has no property 'Step'"),
        ("Model", "ModelNam", "did you mean `ModelName`?"),
    ],
)
def test_a_property_that_the_step_does_not_have(said, type_, path, expected):
    assert expected in said(type_, path)


def test_properties_of_a_body_step_behind_its_loop(load, found, step):
    body = step("Fit", "Training")
    selector = {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Fit.TrainingTimeInSeconds"}}
    loop = step("Loop", "ForEach", {"ForEachBody": [body], "Selector": selector})
    sentences = found(
        loop,
        references=[
            "Steps.Loop.IterationOutputs[0].Fit.ModelArtifacts.S3ModelArtifacts",
            "Steps.Loop.IterationOutputs[0].Fit.ModelArtifact",
            "Steps.Loop.Selected.ModelArtifacts.S3ModelArtifacts",
            "Steps.Loop.Selected.ModelArtifact",
            "Steps.Loop.Status",
        ],
    )
    assert [sentence.partition(":")[0] for sentence, _ in sentences] == [
        "`Steps.Loop.IterationOutputs[0].Fit.ModelArtifact`",
        "`Steps.Loop.Selected.ModelArtifact`",
    ]


def test_the_field_of_a_selector(load, step):
    selector = {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Fit.TrainingTimeInSecond"}}
    loop = step("Loop", "ForEach", {"ForEachBody": [step("Fit", "Training")], "Selector": selector})
    [finding] = property_findings(load(loop))
    assert finding.path == "Steps[0].Arguments.Selector.Field"
    assert finding.hint == "did you mean `TrainingTimeInSeconds`?"


def test_types_whose_outputs_the_definition_declares_are_left_to_the_language(said):
    assert (
        said("Lambda", "OutputParameters['a']", OutputParameters=[{"OutputName": "a", "OutputType": "String"}]) is None
    )
    assert said("Condition", "Outcome") is None


def test_what_no_document_says_is_a_warning(found, step):
    [(sentence, certain)] = found(
        step("S", "EMRServerless", ARGUMENTS["EMRServerless"]), references=["Steps.S.jobRunId"]
    )
    assert "has no property 'jobRunId'; it has 'jobRun'" in sentence
    assert not certain


def test_a_resource_that_botocore_does_not_know_has_any_property(said, monkeypatch):
    monkeypatch.setattr("airflow_sm_pipelines.preview.property_findings.output_shape", lambda *_: None)
    assert said("Training", "Anything.at[0].all") is None
