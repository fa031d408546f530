"""Endpoints, their configurations and inference components: a real boto3 against a local AWS."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
VARIANT = {"VariantName": "all", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
STEP = [{"Key": "sm-pipelines:task", "Value": "Deploy"}]


@pytest.fixture(scope="module")
def rehearsing(open_workbench):
    """A local AWS in which deployments take a moment."""
    with open_workbench(sandbox="rewrite", stand_in=Rehearsal(job_seconds=0.05)) as bench:
        bench.sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"})
        yield bench


@pytest.fixture
def bench(rehearsing):
    """The same for each test, with names that are free."""
    yield rehearsing
    rehearsing.control("DELETE", "faults")
    sagemaker = rehearsing.sagemaker
    while sagemaker.list_inference_components()["InferenceComponents"]:
        try:
            sagemaker.delete_inference_component(InferenceComponentName="adviser")
        except ClientError:  # in motion
            time.sleep(0.01)
    while sagemaker.list_endpoints()["Endpoints"]:
        try:
            sagemaker.delete_endpoint(EndpointName="shop")
        except ClientError:  # in motion
            time.sleep(0.01)
    for row in sagemaker.list_endpoint_configs()["EndpointConfigs"]:
        sagemaker.delete_endpoint_config(EndpointConfigName=row["EndpointConfigName"])


@pytest.fixture
def config(bench):
    def create(name, **members):
        bench.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[VARIANT], **members)

    create("one", DataCaptureConfig=CAPTURE)
    return create


CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 50,
    "DestinationS3Uri": "s3://bucket/capture",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def slow_down(bench, operation):
    """Let deployments that begin now take long enough to be seen in motion."""
    bench.control(
        "POST", "faults", {"service": "sagemaker", "operation": operation, "action": "job_slow", "seconds": 0.6}
    )


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def settled(bench, name="shop"):
    deadline = time.monotonic() + 10
    while True:
        found = bench.sagemaker.describe_endpoint(EndpointName=name)
        if found["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def settled_component(bench):
    deadline = time.monotonic() + 10
    while True:
        found = bench.sagemaker.describe_inference_component(InferenceComponentName="adviser")
        if found["InferenceComponentStatus"] not in ("Creating", "Updating"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


@pytest.mark.usefixtures("config")
def test_an_endpoint_comes_into_service_and_shows_its_variants(bench):
    slow_down(bench, "CreateEndpoint")
    created = bench.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
    creating = bench.sagemaker.describe_endpoint(EndpointName="shop")
    assert creating["EndpointStatus"] == "Creating"
    assert creating["PendingDeploymentSummary"]["EndpointConfigName"] == "one"
    found = settled(bench)
    assert found["EndpointArn"] == created["EndpointArn"]
    [variant] = found["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"], variant["CurrentWeight"]) == ("all", 2, 1.0)
    assert found["DataCaptureConfig"]["CaptureStatus"] == "Started"
    assert "PendingDeploymentSummary" not in found


def test_an_endpoint_is_updated_to_another_configuration(bench, config):
    config("two")
    bench.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
    settled(bench)
    slow_down(bench, "UpdateEndpoint")
    bench.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName="two")
    assert bench.sagemaker.describe_endpoint(EndpointName="shop")["EndpointConfigName"] == "one"
    assert settled(bench)["EndpointConfigName"] == "two"


def test_an_endpoint_of_a_failing_step_fails_with_the_steps_reason(open_workbench):
    rehearsal = Rehearsal(job_seconds=0.01, outcomes={"Deploy": Outcome(failure_reason="no disk")})
    with open_workbench(sandbox="rewrite", stand_in=rehearsal) as bench:
        sagemaker = bench.sagemaker
        variant = {name: value for name, value in VARIANT.items() if name != "ModelName"}
        sagemaker.create_endpoint_config(EndpointConfigName="one", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one", Tags=STEP)
        found = settled(bench)
        assert (found["EndpointStatus"], found["FailureReason"]) == ("Failed", "no disk")
        assert "ProductionVariants" not in found


def test_an_update_that_a_fault_lets_fail_is_rolled_back(bench, config):
    config("two")
    bench.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
    settled(bench)
    rule = {"service": "sagemaker", "operation": "UpdateEndpoint", "action": "job_fail", "reason": "unhealthy"}
    bench.control("POST", "faults", rule)
    bench.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName="two")
    found = settled(bench)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "one")
    assert found["FailureReason"] == "unhealthy"


def test_names_that_are_taken_or_missing_are_refused_in_awss_words(bench, config):
    sagemaker = bench.sagemaker
    code, message = refusal(
        sagemaker.create_endpoint_config, EndpointConfigName="one", ProductionVariants=[{"VariantName": "x"}]
    )
    assert (code, message.startswith("Cannot create already existing endpoint configuration")) == (
        "ValidationException",
        True,
    )
    missing = {"EndpointName": "shop", "EndpointConfigName": "no"}
    assert "Could not find endpoint configuration" in refusal(sagemaker.create_endpoint, **missing)[1]
    assert "Could not find endpoint " in refusal(sagemaker.update_endpoint, **missing)[1]
    slow_down(bench, "CreateEndpoint")
    sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
    taken = refusal(sagemaker.create_endpoint, EndpointName="shop", EndpointConfigName="one")
    assert "Cannot create already existing endpoint " in taken[1]
    moving = refusal(sagemaker.delete_endpoint, EndpointName="shop")
    assert moving[1].startswith("Cannot update in-progress endpoint")
    assert (
        "Could not find model"
        in refusal(
            sagemaker.create_endpoint_config,
            EndpointConfigName="x",
            ProductionVariants=[{**VARIANT, "ModelName": "no"}],
        )[1]
    )


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        ([VARIANT, VARIANT], "VariantName must be unique, but all occurs 2 times"),
        (
            [{**VARIANT, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}],
            "cannot have both ServerlessConfig and InstanceType",
        ),
    ],
)
def test_variants_that_cannot_be_are_refused(bench, variants, problem):
    request = {"EndpointConfigName": "x", "ProductionVariants": variants}
    assert problem in refusal(bench.sagemaker.create_endpoint_config, **request)[1]


@pytest.mark.usefixtures("config")
def test_lists_and_deletion(bench):
    sagemaker = bench.sagemaker
    sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
    settled(bench)
    in_service = sagemaker.list_endpoints(StatusEquals="InService", NameContains="sho")["Endpoints"]
    assert [row["EndpointName"] for row in in_service] == ["shop"]
    assert sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"] == []
    assert [row["EndpointConfigName"] for row in sagemaker.list_endpoint_configs()["EndpointConfigs"]] == ["one"]
    sagemaker.delete_endpoint_config(EndpointConfigName="one")
    assert settled(bench)["EndpointStatus"] == "InService"  # it goes on without
    sagemaker.delete_endpoint(EndpointName="shop")
    wait_until(lambda: sagemaker.list_endpoints()["Endpoints"] == [])


@pytest.mark.usefixtures("config")
def test_a_component_needs_an_endpoint_in_service_with_its_variant(bench):
    request = {
        "InferenceComponentName": "adviser",
        "EndpointName": "shop",
        "VariantName": "all",
        "Specification": {"ModelName": "m"},
        "RuntimeConfig": {"CopyCount": 2},
    }
    create = bench.sagemaker.create_inference_component
    assert "Could not find endpoint" in refusal(create, **request)[1]
    slow_down(bench, "CreateEndpoint")
    bench.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
    assert "is in status Creating, not InService" in refusal(create, **request)[1]
    settled(bench)
    assert "no variant other" in refusal(create, **{**request, "VariantName": "other"})[1]
    assert "Could not find model" in refusal(create, **{**request, "Specification": {"ModelName": "no"}})[1]
    create(**request)
    found = settled_component(bench)
    assert (found["InferenceComponentStatus"], found["RuntimeConfig"]["CurrentCopyCount"]) == ("InService", 2)
    assert found["Specification"] == {"ModelName": "m"}


@pytest.mark.usefixtures("config")
def test_a_component_is_updated_listed_and_deleted(bench):
    sagemaker = bench.sagemaker
    sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
    settled(bench)
    sagemaker.create_inference_component(
        InferenceComponentName="adviser",
        EndpointName="shop",
        VariantName="all",
        Specification={"Container": {"Image": "image:1"}},
        RuntimeConfig={"CopyCount": 1},
    )
    settled_component(bench)
    sagemaker.update_inference_component(InferenceComponentName="adviser", RuntimeConfig={"CopyCount": 3})
    found = settled_component(bench)
    assert found["RuntimeConfig"] == {"DesiredCopyCount": 3, "CurrentCopyCount": 3}
    assert found["Specification"]["Container"]["DeployedImage"] == {"SpecifiedImage": "image:1"}
    rows = sagemaker.list_inference_components(EndpointNameEquals="shop")["InferenceComponents"]
    assert [(row["InferenceComponentName"], row["VariantName"]) for row in rows] == [("adviser", "all")]
    sagemaker.delete_inference_component(InferenceComponentName="adviser")
    wait_until(lambda: sagemaker.list_inference_components()["InferenceComponents"] == [])


@pytest.mark.usefixtures("config")
def test_nothing_is_behind_an_endpoint_and_who_calls_it_is_told(bench):
    with pytest.raises(ClientError, match="The local AWS does not know"):
        bench.client("sagemaker-runtime").invoke_endpoint(EndpointName="shop", Body=b"1")


def test_a_deployment_goes_on_over_a_restart(open_workbench, tmp_path):
    variant = {name: value for name, value in VARIANT.items() if name != "ModelName"}
    with open_workbench(sandbox="rewrite", state_dir=tmp_path) as bench:
        bench.sagemaker.create_endpoint_config(EndpointConfigName="one", ProductionVariants=[variant])
        bench.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="one")
        assert bench.sagemaker.describe_endpoint(EndpointName="shop")["EndpointStatus"] == "Creating"
    with open_workbench(sandbox="rewrite", state_dir=tmp_path) as bench:
        assert settled(bench)["EndpointStatus"] == "InService"
