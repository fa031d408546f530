from __future__ import annotations

import json
import sys
import urllib.request

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.local.server.local_aws import LocalAws

DEFINITION = {
    "Version": "2020-12-01",
    "Steps": [
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {"Conditions": [], "IfSteps": [{"Name": "A", "Type": "Lambda", "FunctionArn": "ä €"}]},
        }
    ],
}
SDK_MODULE = f"""
import json
print("noise of the import")

class Pipeline:
    steps = ()
    def definition(self):
        print("noise of the definition")
        return json.dumps({DEFINITION!r})

class Holder:
    inner = Pipeline()

class Broken(Pipeline):
    def definition(self):
        raise ValueError("no role")

class NoText(Pipeline):
    def definition(self):
        return {{}}

class NoJson(Pipeline):
    def definition(self):
        return "{{"

pipeline, broken, no_text, no_json = Pipeline(), Broken(), NoText(), NoJson()
number = 3

def make():
    return Pipeline()
"""


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("sdk_module"):
            del sys.modules[name]


@pytest.fixture
def module(write):
    return write("sdk_module.py", SDK_MODULE).removesuffix(".py")


@pytest.mark.parametrize("source", ["sdk_module:pipeline", "sdk_module.py:pipeline", "sdk_module:Holder.inner"])
def test_sdk_object(module, tmp_path, capsys, source):
    assert main(["export", source, "-o", "p.json"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "uploads the code of its Lambda functions and @step functions" in captured.err
    assert "noise of the import" in captured.err
    assert captured.err.endswith("p.json: 2 steps\n")
    text = (tmp_path / "p.json").read_text("utf-8")
    assert json.loads(text) == DEFINITION
    assert text.startswith('{\n  "Version"')
    assert '"ä €"' in text


def test_standard_output_holds_the_definition_and_nothing_else(module, capfd):
    assert main(["export", "sdk_module:pipeline", "-o", "-"]) == 0
    assert json.loads(capfd.readouterr().out) == DEFINITION


def test_twice_gives_the_same_bytes(module, tmp_path):
    for name in ("a.json", "b.json"):
        assert main(["export", "sdk_module:pipeline", "-o", name]) == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("sdk_module_none:p", "there is no module 'sdk_module_none' in this folder or among the installed ones"),
        ("none.py:p", "there is no file none.py"),
        ("sdk_module:pipelin", "has no 'pipelin'; its Pipeline objects are 'pipeline', "),
        ("sdk_module:pipelin", "(did you mean `pipeline`?)"),
        ("sdk_module:number", "sdk_module:number is of type int, not a Pipeline object"),
        (
            "sdk_module:make",
            "is a function or class, not a Pipeline object of the SageMaker SDK; assign what it returns",
        ),
        ("sdk_module:Pipeline", "is a function or class"),
        ("sdk_module:broken", "making its definition failed at "),
        ("sdk_module:broken", "ValueError: no role"),
        ("sdk_module:no_text", "definition() returned a dict, not JSON text"),
        ("sdk_module:no_json", "sdk_module:no_json: not JSON: "),
    ],
)
def test_no_definition_of_an_object(module, tmp_path, capsys, source, message):
    assert main(["export", source, "-o", "p.json"]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\nimport nothing_of_that_name", ":2: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("import sagemaker.workflow", "it needs no Airflow there (pip install --no-deps airflow-sm-pipelines)"),
        ("raise SystemExit(3)", ":1: SystemExit: 3"),
        ("1 +", "SyntaxError: invalid syntax"),
    ],
)
def test_a_module_that_cannot_be_imported(write, capsys, content, message):
    assert main(["export", f"{write('sdk_module_bad.py', content)}:p", "-o", "p.json"]) == 1
    err = capsys.readouterr().err
    assert "importing sdk_module_bad.py failed at " in err
    assert message in err


def test_an_invalid_definition_is_written_and_its_errors_are_told(write, tmp_path, capsys):
    write("sdk_module.py", "class P:\n    def definition(self):\n        return '{\"Steps\": []}'\np = P()")
    assert main(["export", "sdk_module:p", "-o", "p.json"]) == 1
    assert "a pipeline needs at least one step" in capsys.readouterr().err
    assert (tmp_path / "p.json").exists()


def test_a_file_that_cannot_be_written(module, capsys):
    assert main(["export", "sdk_module:pipeline", "-o", "none/p.json"]) == 1
    assert "none/p.json: cannot be written: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["abc", "s3://", "s3://bucket", "s3://bucket/", ":x", "x:", "pipeline:"])
def test_wrong_source(source, capsys):
    assert main(["export", source, "-o", "p.json"]) == 2
    assert f"expected MODULE:NAME, s3://BUCKET/KEY or pipeline:NAME, found {source!r}" in capsys.readouterr().err


# -- definitions that AWS stores ---------------------------------------------------------------------------------------


@pytest.fixture
def without_settings(monkeypatch, tmp_path):
    """Keep the settings of this machine away from boto3."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws(without_settings):
    with mock_aws():
        yield


@pytest.fixture
def bucket(aws):
    s3 = boto3.client("s3", region_name="eu-west-1")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return s3


def test_definition_in_s3(bucket, tmp_path, capsys):
    first = bucket.put_object(Bucket="bucket", Key="a b/p.json", Body=json.dumps(DEFINITION))["VersionId"]
    bucket.put_object(Bucket="bucket", Key="a b/p.json", Body=b'{"Steps": []}')
    arguments = ["export", "s3://bucket/a b/p.json", "-o", "p.json", "--region", "eu-west-1"]
    assert main([*arguments, "--version-id", first]) == 0
    assert json.loads((tmp_path / "p.json").read_text()) == DEFINITION
    assert "2 steps" in capsys.readouterr().err
    assert main(arguments) == 1
    assert json.loads((tmp_path / "p.json").read_text()) == {"Steps": []}


def create_pipeline(region="eu-west-1", **members):
    client = boto3.client("sagemaker", region_name=region)
    client.create_pipeline(
        PipelineName="mine",
        PipelineDefinition=json.dumps(DEFINITION),
        RoleArn="arn:aws:iam::123456789012:role/R",
        ClientRequestToken="x" * 32,
        **members,
    )
    return client


def test_a_stored_pipeline_is_exported_with_what_stands_around_its_definition(aws, tmp_path):
    create_pipeline(
        PipelineDescription="what it does",
        Tags=[{"Key": "team", "Value": "risk"}],
        ParallelismConfiguration={"MaxParallelExecutionSteps": 3},
    )
    assert main(["export", "pipeline:mine", "-o", "p.json", "--region", "eu-west-1"]) == 0
    assert json.loads((tmp_path / "p.json").read_text()) == {
        "PipelineName": "mine",
        "PipelineArn": "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/mine",
        "PipelineDescription": "what it does",
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
        "Tags": [{"Key": "team", "Value": "risk"}],
        "PipelineDefinition": DEFINITION,
    }


def test_what_is_exported_is_found_when_it_is_loaded(aws, tmp_path):
    create_pipeline(ParallelismConfiguration={"MaxParallelExecutionSteps": 3}, Tags=[{"Key": "a", "Value": "b"}])
    assert main(["export", "pipeline:mine", "-o", "p.json", "--region", "eu-west-1"]) == 0
    resource = load_pipeline(tmp_path / "p.json").resource
    assert (resource.name, resource.role_arn) == ("mine", "arn:aws:iam::123456789012:role/R")
    assert (resource.max_parallel_steps, resource.tags) == (3, (("a", "b"),))


def test_a_stored_pipeline_is_exported_without_what_stands_around_it_if_that_is_wanted(aws, tmp_path):
    create_pipeline()
    assert main(["export", "pipeline:mine", "--definition-only", "-o", "p.json", "--region", "eu-west-1"]) == 0
    assert json.loads((tmp_path / "p.json").read_text()) == DEFINITION


# -- pipelines of other accounts, which moto does not share: the answers are given in advance -------------------------

SHARED = "arn:aws:sagemaker:eu-central-1:444455556666:pipeline/mine"
EXECUTION = f"{SHARED}/execution/abcdef123456"
PIPELINE = {
    "PipelineName": "Mine",
    "PipelineArn": SHARED,
    "PipelineDefinition": json.dumps(DEFINITION),
    "RoleArn": "arn:aws:iam::444455556666:role/R",
}
TAGS = ("list_tags", {"Tags": [{"Key": "team", "Value": "risk"}]}, {"ResourceArn": SHARED})


@pytest.fixture
def service(without_settings, monkeypatch):
    """The SageMaker service, with answers given in advance; notes the region of each client."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("sagemaker", region_name="eu-central-1", **keys)
    regions = []

    def make_client(service, region_name):
        regions.append(region_name)
        return client

    monkeypatch.setattr(boto3, "client", make_client)
    with Stubber(client) as stubber:
        stubber.regions = regions
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_pipeline_that_another_account_shares_is_reached_by_its_arn_in_its_own_region(service, tmp_path):
    service.add_response("describe_pipeline", PIPELINE, {"PipelineName": SHARED})
    service.add_response(*TAGS)
    assert main(["export", f"pipeline:{SHARED}", "-o", "p.json"]) == 0
    exported = json.loads((tmp_path / "p.json").read_text())
    assert exported == {**PIPELINE, "PipelineDefinition": DEFINITION, "Tags": TAGS[1]["Tags"]}
    assert service.regions == ["eu-central-1"]


def test_tags_that_a_share_does_not_include_are_left_out_and_reported(service, tmp_path, capsys):
    """The permissions of AWS RAM for pipelines do not have ListTags."""
    service.add_response("describe_pipeline", PIPELINE, {"PipelineName": SHARED})
    service.add_client_error("list_tags", "AccessDeniedException", "not authorized to perform: sagemaker:ListTags")
    assert main(["export", f"pipeline:{SHARED}", "-o", "p.json"]) == 0
    assert "Tags" not in json.loads((tmp_path / "p.json").read_text())
    assert "The pipeline's tags are not exported: ListTags: AccessDenied" in capsys.readouterr().err


def test_the_definition_of_an_execution_is_the_one_that_it_ran(service, tmp_path):
    ran = json.loads(json.dumps(DEFINITION).replace('"Gate"', '"Before"'))
    of_execution = {"PipelineExecutionArn": EXECUTION}
    service.add_response(
        "describe_pipeline_definition_for_execution", {"PipelineDefinition": json.dumps(ran)}, of_execution
    )
    execution = {"PipelineArn": SHARED, "ParallelismConfiguration": {"MaxParallelExecutionSteps": 2}}
    service.add_response("describe_pipeline_execution", execution, of_execution)
    service.add_response("describe_pipeline", PIPELINE, {"PipelineName": SHARED})
    service.add_response(*TAGS)
    assert main(["export", f"pipeline:{EXECUTION}", "-o", "p.json"]) == 0
    exported = json.loads((tmp_path / "p.json").read_text())
    assert exported["PipelineDefinition"] == ran
    assert (exported["PipelineName"], exported["RoleArn"]) == ("Mine", "arn:aws:iam::444455556666:role/R")
    assert exported["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}


@pytest.mark.loopback
def test_an_execution_that_the_local_aws_has_recorded_is_exported(without_settings, monkeypatch, tmp_path):
    recording = {
        "DescribePipelineExecution": {
            "PipelineArn": SHARED,
            "PipelineExecutionArn": EXECUTION,
            "PipelineExecutionStatus": "Succeeded",
            "CreationTime": "2026-11-20T08:00:00+00:00",
        },
        "DescribePipelineDefinitionForExecution": {"PipelineDefinition": json.dumps(DEFINITION)},
        "DescribePipeline": [{**PIPELINE, "PipelineDefinition": "{}"}],
    }
    with LocalAws(region="eu-central-1", sandbox="rewrite") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        url, body = f"{aws.endpoint_url}/_local/executions", json.dumps(recording).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST")):
            pass
        assert main(["export", f"pipeline:{EXECUTION}", "-o", "p.json"]) == 0
    assert json.loads((tmp_path / "p.json").read_text()) == {**PIPELINE, "PipelineDefinition": DEFINITION}


def test_an_execution_that_may_not_be_read_is_named_with_the_refusal(service, capsys):
    service.add_client_error("describe_pipeline_definition_for_execution", "AccessDeniedException", "no")
    assert main(["export", f"pipeline:{EXECUTION}", "-o", "p.json"]) == 1
    assert f"execution {EXECUTION}: DescribePipelineDefinitionForExecution: AccessDenied" in capsys.readouterr().err


def test_an_older_version_of_a_pipeline_is_named_by_its_number(service, tmp_path):
    service.add_response("describe_pipeline", PIPELINE, {"PipelineName": "mine", "PipelineVersionId": 6})
    service.add_response(*TAGS)
    assert main(["export", "pipeline:mine", "--version-id", "6", "-o", "p.json", "--region", "eu-west-1"]) == 0
    assert service.regions == ["eu-west-1"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("pipeline:mine", "--version-id of a pipeline is a number, not 'newest'"),
        (f"pipeline:{EXECUTION}", "an execution has one definition, and takes no --version-id"),
    ],
)
def test_a_version_that_the_source_cannot_have_is_wrong_usage(capsys, source, message):
    assert main(["export", source, "--version-id", "newest", "-o", "p.json"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "region", "message"),
    [
        ("s3://none/k", "eu-west-1", "s3://none/k: GetObject: NoSuchBucket: "),
        ("pipeline:none", "eu-west-1", "pipeline none: DescribePipeline: "),
        ("pipeline:none", None, "NoRegionError: You must specify a region.; add --region, or set AWS_DEFAULT_REGION"),
    ],
)
def test_aws_refuses(aws, capsys, source, region, message):
    assert main(["export", source, "-o", "p.json", *(["--region", region] if region else [])]) == 1
    assert message in capsys.readouterr().err


def test_no_credentials(without_settings, monkeypatch, capsys):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert main(["export", "s3://bucket/k", "-o", "p.json", "--region", "eu-west-1"]) == 1
    assert "NoCredentialsError: Unable to locate credentials; set AWS_PROFILE, or sign in" in capsys.readouterr().err


def test_an_object_that_is_no_text(bucket, capsys):
    bucket.put_object(Bucket="bucket", Key="k", Body=b"\xff")
    assert main(["export", "s3://bucket/k", "-o", "p.json", "--region", "eu-west-1"]) == 1
    assert "s3://bucket/k: not UTF-8 text at byte 0" in capsys.readouterr().err


# -- a module called pipeline ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["pipeline.py", "pipeline/__init__.py"])
@pytest.mark.parametrize("source", ["pipeline:pipeline", "pipeline:Holder.inner"])
def test_a_module_called_pipeline_in_this_folder_is_meant(tmp_path, write, monkeypatch, capsys, file, source):
    monkeypatch.delitem(sys.modules, "pipeline", raising=False)
    (tmp_path / "pipeline").mkdir()
    write(file, SDK_MODULE)
    try:
        assert main(["export", source, "-o", "p.json"]) == 0
    finally:
        sys.modules.pop("pipeline", None)
    assert json.loads((tmp_path / "p.json").read_text("utf-8")) == DEFINITION
    assert f"{source} is taken as an object of {file} in this folder. For a pipeline" in capsys.readouterr().err


@mock_aws
def test_an_arn_is_a_pipeline_of_the_service_also_beside_such_a_module(write, monkeypatch, capsys):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    write("pipeline.py", SDK_MODULE)
    source = "pipeline:arn:aws:sagemaker:us-east-1:123456789012:pipeline/nothing"
    assert main(["export", source, "-o", "p.json"]) == 1
    err = capsys.readouterr().err
    assert "pipeline arn:aws:sagemaker:us-east-1:123456789012:pipeline/nothing: " in err
    assert "is taken as an object" not in err
