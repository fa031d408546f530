"""Jobs whose images run, from the request to the outputs, with a stand-in for Docker."""

from __future__ import annotations

import tarfile

import pytest

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@pytest.fixture
def bench(stand_in, open_workbench):
    with open_workbench(sandbox="docker") as opened:
        yield opened


def put_files(stand_in):
    with tarfile.open(stand_in.home / "put.tar") as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive if member.isfile()}


def variables(stand_in):
    [call] = [call for call in stand_in.calls if call["words"][0] == "create"]
    return dict(line.split("=", 1) for line in call["variables"].splitlines())


def test_a_job_is_put_into_its_container_and_its_outputs_are_fetched(
    bench, stand_in, processing_input, processing_output
):
    stand_in.answer(start={"out": "hello"})
    uri = bench.put("containers/in/x", "data")
    ended = bench.run(
        "contained",
        ["program", "word"],
        Environment={"MINE": "1"},
        ProcessingInputs=[processing_input("in", uri)],
        ProcessingOutputConfig={
            "Outputs": [
                processing_output("out", "s3://test-bucket/containers/out"),
                processing_output("far", "s3://test-bucket/containers/far", LocalPath="/far/away"),
            ]
        },
    )
    assert ended["ProcessingJobStatus"] == "Completed", ended["FailureReason"]
    commands = [call["words"][0] for call in stand_in.calls]
    assert commands == ["version", "image", "create", "cp", "cp", "start", "container", "cp", "cp", "cp", "rm"]
    assert "hello" in bench.log_lines("contained")
    written = {**bench.objects("containers/out/"), **bench.objects("containers/far/")}
    assert set(written) == {"written"}
    [_, _, *copies] = stand_in.asked("cp")
    assert [copy[1].partition(":")[2] for copy in copies] == [
        "/opt/ml/output/.",
        "/far/away/.",
        "/opt/ml/processing/out/.",
    ]


def test_a_container_gets_the_files_of_the_service_and_the_way_to_the_local_aws(bench, stand_in):
    bench.run("surroundings", ["program"], Environment={"MINE": "1"})
    assert set(put_files(stand_in)) == {
        f"./config/{name}" for name in ("processingjobconfig.json", "resourceconfig.json", "sagemaker-sdk.yaml")
    }
    seen = variables(stand_in)
    assert (seen["MINE"], seen["PROCESSING_JOB_NAME"]) == ("1", "surroundings")
    assert seen["AWS_ENDPOINT_URL"] == bench.aws.endpoint_url
    assert seen["SAGEMAKER_USER_CONFIG_OVERRIDE"] == "/opt/ml/config/sagemaker-sdk.yaml"
    assert {"PATH", "HOME", "LANG"}.isdisjoint(seen)  # those of this machine say nothing in an image


def test_the_command_line_sees_only_the_variables_that_it_needs(stand_in, open_workbench, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("DOCKER_CONTEXT", "mine")
    with open_workbench(sandbox="docker") as bench:
        bench.run("needs", ["program"])
    environments = [call["environment"] for call in stand_in.calls if call["words"][0] != "start"]
    assert all("MY_TOKEN" not in names and "DOCKER_CONTEXT" in names for names in environments)


def test_an_image_that_cannot_be_pulled_fails_the_job_before_anything_runs(bench, stand_in):
    stand_in.answer(image={"code": 1}, pull={"code": 1, "error": "denied"})
    ended = bench.run("denied", ["program"])
    assert ended["FailureReason"].startswith("ClientError: Docker on this machine does not have image some-image:1")
    assert "ProcessingStartTime" not in ended
    assert stand_in.asked("create") == []


def test_the_sandbox_is_told_in_the_health_of_the_local_aws(bench):
    assert bench.control("GET", "health")["sandbox"] == bench.aws.sandbox == "docker"


def transform(bench, name):
    bench.put_archive(f"containers/{name}.tar.gz", {"weights": "6"})
    bench.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "i:1", "ModelDataUrl": f"s3://test-bucket/containers/{name}.tar.gz"},
    )
    bench.put(f"containers/{name}/x", "1")
    data = {"S3DataType": "S3Prefix", "S3Uri": f"s3://test-bucket/containers/{name}/"}
    bench.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": {"S3DataSource": data}},
        TransformOutput={"S3OutputPath": "s3://test-bucket/containers/predictions"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    return bench.finish("transform", name)


def test_a_model_server_gets_its_model_and_is_removed_with_the_job(bench, stand_in):
    stand_in.answer(start={"out": "loading", "code": 3}, port={"code": 1})
    ended = transform(bench, "server")
    assert ended["TransformJobStatus"] == "Failed"
    lines = bench.log_lines("server", "/aws/sagemaker/TransformJobs")
    assert "loading" in lines
    assert "Bad HTTP status received from algorithm: 500: the container has ended with exit code 3" in lines
    assert put_files(stand_in) == {"./weights": "6"}
    [create], [remove], [stop] = (stand_in.asked(command) for command in ("create", "rm", "stop"))
    assert "--volume=/opt/ml/model" in create
    assert create[-3:] == ["--", "i:1", "serve"]
    name = create[create.index("--name") + 1]
    assert name.endswith("-model-1")
    assert remove == ["rm", "--force", "--volumes", name]
    assert stop == ["stop", "--time", "5", name]
    assert variables(stand_in)["SAGEMAKER_BATCH"] == "true"
