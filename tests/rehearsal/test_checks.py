from __future__ import annotations

import json

import boto3
import pytest

from airflow_sm_pipelines.aws.check_types import CHECK_TYPES
from airflow_sm_pipelines.aws.requests.check_jobs import previous_baseline
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.checks import CheckNeeds, needs_of_checks, put_needs
from airflow_sm_pipelines.rehearsal.documents import FilePlace
from airflow_sm_pipelines.rehearsal.scope import files_read
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

CONFIG = "s3://bucket/cfg/analysis_config.json"


@pytest.fixture
def needs(definition, processing_arguments):
    """What the check steps of a definition need: each given by its own members."""

    def of(*checks, parameters=(), uri=CONFIG):
        source = {"InputName": "analysis_config", "S3Input": {"S3Uri": uri, "LocalPath": "/x"}}
        arguments = {**processing_arguments, "ProcessingInputs": [source]}
        steps = [
            {
                "Name": f"Check{index}",
                "Type": "QualityCheck",
                "CheckType": "DATA_QUALITY",
                "Arguments": arguments,
                **check,
            }
            for index, check in enumerate(checks)
        ]
        document = definition(*steps, Parameters=list(parameters))
        return needs_of_checks(load_pipeline(document), {one["Name"]: one["DefaultValue"] for one in parameters})

    return of


def clarify(**members):
    return {"Type": "ClarifyCheck", "CheckType": "MODEL_BIAS", **members}


def test_a_group_has_the_baselines_of_all_checks_that_look_into_it(needs):
    found, notes = needs(
        {"ModelPackageGroupName": "abalone"},
        {"ModelPackageGroupName": "abalone", "CheckType": "MODEL_QUALITY", "SkipCheck": True},
        {"ModelPackageGroupName": "abalone"},
        clarify(ModelPackageGroupName="other", RegisterNewBaseline=True),
    )
    assert found.groups == {"abalone": ("DATA_QUALITY", "MODEL_QUALITY"), "other": ("MODEL_BIAS",)}
    assert notes[0].startswith(
        "model package group abalone has an approved version with baselines (DATA_QUALITY, MODEL"
    )
    assert len(notes) == 2


@pytest.mark.parametrize(
    "members",
    [
        {"ModelPackageGroupName": None},
        {"ModelPackageGroupName": "abalone", "SuppliedBaselineConstraints": "s3://mine/c.json"},
        {"ModelPackageGroupName": "abalone", "SkipCheck": True, "RegisterNewBaseline": True},
    ],
)
def test_a_check_that_does_not_look_into_its_group_needs_nothing_of_it(needs, members):
    assert needs(members) == (CheckNeeds(), [])


def test_parameters_are_filled_in(needs):
    values = {"Group": "abalone", "Supplied": ""}
    parameters = [{"Name": name, "Type": "String", "DefaultValue": value} for name, value in values.items()]
    members = {
        "ModelPackageGroupName": {"Get": "Parameters.Group"},
        "SuppliedBaselineConstraints": {"Get": "Parameters.Supplied"},
    }
    found, _ = needs(members, parameters=parameters)
    assert found.groups == {"abalone": ("DATA_QUALITY",)}


def test_a_group_may_be_named_by_its_arn(needs):
    arn = "arn:aws:sagemaker:us-west-2:123456789012:model-package-group/abalone"
    assert needs({"ModelPackageGroupName": arn})[0].groups == {"abalone": ("DATA_QUALITY",)}


def test_a_group_that_only_the_run_knows_is_told(needs):
    [note] = needs({"ModelPackageGroupName": {"Get": "Execution.PipelineName"}})[1]
    assert note.startswith("Check0 looks for its previous baseline in a group that only the run knows")


def test_the_configuration_of_a_check_with_a_model_is_there(needs):
    assert needs(clarify(ModelName="m"), clarify(ModelName="n"))[0].configs == (CONFIG,)
    assert needs(clarify(ModelName="m"), uri="s3://bucket/cfg/")[0].configs == (CONFIG,)
    assert needs(clarify())[0].configs == ()
    assert needs(clarify(ModelName="m"), uri={"Get": "Execution.PipelineName"})[0].configs == ()


def test_a_file_that_a_check_calculates_can_be_read_and_chosen(definition, processing_arguments):
    folder = {"Std:Join": {"On": "/", "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}]}}
    check = {
        "Name": "Check",
        "Type": "QualityCheck",
        "CheckType": "DATA_QUALITY",
        "Arguments": {
            **processing_arguments,
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "result", "S3Output": {"S3Uri": folder}}]},
        },
    }
    read = {"S3Uri": {"Get": "Steps.Check.CalculatedBaselineStatistics"}, "Path": "dataset.item_count"}
    conditions = [{"Type": "GreaterThan", "LeftValue": {"Std:JsonGet": read}, "RightValue": 10}]
    choice = {"Name": "C", "Type": "Condition", "Arguments": {"Conditions": conditions, "IfSteps": [], "ElseSteps": []}}
    [file], notes, *_ = files_read(load_pipeline(definition(check, choice)), {})
    assert notes == []
    assert file.place == FilePlace("Check", "result", "statistics.json")
    assert file.names == ["Check.statistics.json"]


@pytest.fixture(scope="module")
def clients():
    with LocalAws(stand_in=Rehearsal(), sandbox="rewrite") as aws:
        environment = aws.environment()
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        yield [session.client(service, endpoint_url=aws.endpoint_url) for service in ("sagemaker", "s3")]


@pytest.mark.loopback
def test_what_checks_look_up_is_put_into_a_local_aws(clients, start, perform):
    sagemaker, s3 = clients
    put_needs(sagemaker, s3, CheckNeeds((CONFIG,), {"abalone": ("DATA_QUALITY", "DATA_BIAS", "MODEL_BIAS")}), "a note")
    assert json.loads(s3.get_object(Bucket="bucket", Key="cfg/analysis_config.json")["Body"].read()) == {
        "rehearsal": "a note",
        "predictor": {},
    }
    for kind in ("DATA_QUALITY", "DATA_BIAS", "MODEL_BIAS"):
        members = {"CheckType": kind, "ModelPackageGroupName": "abalone"}
        found = perform(previous_baseline(start(), members), sagemaker)
        assert found == CHECK_TYPES[kind].calculated_baseline(f"s3://sm-pipelines-rehearsal/baselines/abalone/{kind}")
        for uri in filter(None, (found.constraints, found.statistics)):
            assert s3.head_object(Bucket="sm-pipelines-rehearsal", Key=uri.removeprefix("s3://sm-pipelines-rehearsal/"))


@pytest.mark.loopback
def test_a_name_that_nothing_can_have_is_left_to_the_step(clients):
    put_needs(*clients, CheckNeeds(("s3://No Bucket/x.json",), {"no group": ("DATA_BIAS",)}), "a note")
    groups = clients[0].list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert "no group" not in {one["ModelPackageGroupName"] for one in groups}
