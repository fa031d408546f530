"""Transform jobs end to end: a real boto3 against a local AWS, inference functions that really run."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
GROUP = "/aws/sagemaker/TransformJobs"
FUNCTIONS = """
import os, pathlib
def model_fn(model_dir):
    print("loaded from", model_dir)
    return int(pathlib.Path(model_dir, "factor").read_text())
def input_fn(data, content_type):
    assert content_type == "text/csv", content_type
    return [float(line) for line in data.split()]
def predict_fn(data, model, context):
    assert context.system_properties["model_dir"]
    return [value * model for value in data]
def output_fn(prediction, accept):
    return "\\n".join(f"{value:g}{os.environ.get('UNIT', '')}" for value in prediction)
"""
ECHO = """
def model_fn(model_dir):
    return None
def transform_fn(model, data, content_type, accept):
    return "<" + data + "|" + accept + ">", accept
"""


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def model(bench, request):
    """Creates a model of containers, each given by the files of its artifact."""

    def create(*artifacts, environment=None, name=None):
        name = name or request.node.name.replace("_", "-").split("[")[0][:60].strip("-")
        containers = [
            {
                "Image": IMAGE,
                "ModelDataUrl": bench.put_archive(f"artifacts/{name}/{number}/model.tar.gz", files),
                "Environment": environment or {},
            }
            for number, files in enumerate(artifacts)
        ]
        members = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": containers}
        bench.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **members)
        return name

    return create


def request_of(name, model, prefix, *, source=None, target=None, **members):
    data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://test-bucket/{prefix}"}}
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {"DataSource": data, "ContentType": "text/csv", **(source or {})},
        "TransformOutput": {"S3OutputPath": f"s3://test-bucket/out/{name}", **(target or {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    }


@pytest.fixture
def transform(bench, request):
    """Runs a transform job over files; returns its description and its outputs."""

    def run(model, files, **members):
        name = request.node.name.replace("_", "-").replace("[", "-").rstrip("]")[:60].strip("-")
        for path, text in files.items():
            bench.put(f"in/{name}/{path}", text)
        bench.sagemaker.create_transform_job(**request_of(name, model, f"in/{name}/", **members))
        return bench.finish("transform", name), bench.objects(f"out/{name}/")

    return run


DOUBLE = {"factor": "2", "code/inference.py": FUNCTIONS}


def test_inference_functions_answer_each_file(bench, model, transform):
    description, outputs = transform(model(DOUBLE), {"a.csv": "1\n2\n", "deep/b.csv": "5"}, Environment={"UNIT": "m"})
    assert description["TransformJobStatus"] == "Completed"
    assert outputs == {"a.csv.out": "2m\n4m", "deep/b.csv.out": "10m"}
    assert "loaded from /opt/ml/model" in bench.log_lines(description["TransformJobName"], GROUP)
    assert description["CreationTime"] <= description["TransformStartTime"] <= description["TransformEndTime"]
    assert description["TransformInput"]["ContentType"] == "text/csv"


def test_transform_fn_replaces_the_other_three(model, transform):
    target = {"Accept": "text/plain"}
    _, outputs = transform(model({"code/inference.py": ECHO}), {"x": "1"}, target=target)
    assert outputs == {"x.out": "<1|text/plain>"}


@pytest.mark.parametrize(
    ("source", "target", "members", "expected"),
    [
        ({}, {}, {}, "<1\n2\n3\n|j>"),
        ({"SplitType": "Line"}, {}, {}, "<1\n2\n3\n|j>"),
        ({"SplitType": "Line"}, {}, {"BatchStrategy": "SingleRecord"}, "<1|j><2|j><3|j>"),
        ({"SplitType": "Line"}, {"AssembleWith": "Line"}, {"BatchStrategy": "SingleRecord"}, "<1|j>\n<2|j>\n<3|j>\n"),
    ],
)
def test_records_are_split_batched_and_assembled(model, transform, source, target, members, expected):
    name = f"echo-{abs(hash(str((source, target, members))))}"
    artifact = {"code/inference.py": ECHO.replace("+ accept +", "+ 'j' +")}
    _, outputs = transform(model(artifact, name=name), {"x": "1\n2\n3\n"}, source=source, target=target, **members)
    assert outputs == {"x.out": expected}


def test_a_batch_is_not_larger_than_the_payload_limit(model, transform):
    line = "x" * 400_000 + "\n"
    echo = "def model_fn(d): pass\ndef transform_fn(m, data, c, a): return f'{len(data)};'"
    members = {"MaxPayloadInMB": 1, "source": {"SplitType": "Line"}}
    _, outputs = transform(model({"code/inference.py": echo}), {"x": line * 5}, **members)
    assert outputs == {"x.out": "800002;800002;400001;"}


def test_the_answer_of_one_container_is_the_request_of_the_next(model, transform):
    triple = {"factor": "3", "code/inference.py": FUNCTIONS.replace('"text/csv", content_type', '"application/json"')}
    description, outputs = transform(model(DOUBLE, triple), {"x": "1\n2"})
    assert description["TransformJobStatus"] == "Completed", description
    assert outputs == {"x.out": "6\n12"}


def test_the_script_may_come_from_the_submit_directory(bench, model, transform):
    source = bench.put_archive("submitted.tar.gz", {"serve.py": FUNCTIONS})
    environment = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    _, outputs = transform(model({"factor": "7"}, environment=environment), {"x": "1"})
    assert outputs == {"x.out": "7"}


def test_a_model_package_serves_like_its_containers(bench, transform):
    uri = bench.put_archive("packaged.tar.gz", DOUBLE)
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": uri}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    package = bench.sagemaker.create_model_package(ModelPackageName="packaged", InferenceSpecification=specification)
    container = {"ModelPackageName": package["ModelPackageArn"], "Environment": {"UNIT": "km"}}
    bench.sagemaker.create_model(ModelName="packaged", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    _, outputs = transform("packaged", {"x": "1"})
    assert outputs == {"x.out": "2km"}


def test_predictions_are_joined_with_their_records(model, transform):
    pass_through = "def model_fn(d): pass\ndef transform_fn(m, data, c, a): return data.replace('2', 'two')"
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    _, outputs = transform(
        model({"code/inference.py": pass_through}),
        {"x": "id1,2\nid2,3\n"},
        source={"SplitType": "Line"},
        target={"Accept": "text/csv", "AssembleWith": "Line"},
        DataProcessing=processing,
    )
    assert outputs == {"x.out": "id1,two\nid2,3\n"}


def test_only_whole_files_are_uploaded_and_one_bad_file_fails_the_job(bench, model, transform):
    description, outputs = transform(model(DOUBLE), {"bad": "x", "good": "1"})
    assert description["TransformJobStatus"] == "Failed"
    assert description["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert outputs == {"good.out": "2"}
    text = "\n".join(bench.log_lines(description["TransformJobName"], GROUP))
    assert "could not convert string to float: 'x'" in text
    assert "bad: Bad HTTP status received from algorithm: 500" in text


def test_a_model_that_cannot_be_loaded_fails_the_job(bench, model, transform):
    description, _ = transform(model({"code/inference.py": "raise RuntimeError('broken')"}), {"x": "1"})
    assert description["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert "RuntimeError: broken" in "\n".join(bench.log_lines(description["TransformJobName"], GROUP))


def test_a_missing_module_of_the_script_is_named(model, transform):
    description, _ = transform(model({"code/inference.py": "import no_such_module_here"}), {"x": "1"})
    assert description["FailureReason"] == "ClientError: the model's container has no module no_such_module_here"


def test_transform_fn_and_predict_fn_exclude_each_other(bench, model, transform):
    description, _ = transform(model({"code/inference.py": ECHO + FUNCTIONS}), {"x": "1"})
    text = "\n".join(bench.log_lines(description["TransformJobName"], GROUP))
    assert "transform_fn cannot be used together with input_fn, predict_fn, output_fn" in text


def test_an_image_without_a_runtime_fails_with_that_reason(model, transform):
    description, _ = transform(model({"weights": "x"}), {"x": "1"})
    reason = description["FailureReason"]
    assert reason.startswith(f"ClientError: no local runtime for image {IMAGE}: the model has no code/inference.py")


def test_everything_that_is_not_supported_is_named_at_once(bench, model, transform):
    description, _ = transform(
        model(DOUBLE),
        {"x": "1"},
        source={"SplitType": "RecordIO"},
        DataCaptureConfig={"DestinationS3Uri": "s3://test-bucket/capture"},
    )
    expected = "ClientError: the local AWS does not support TransformInput.SplitType=RecordIO; DataCaptureConfig"
    assert description["FailureReason"] == expected


def test_an_unknown_model_is_refused(bench):
    code, message = refusal(bench.sagemaker.create_transform_job, **request_of("modelless", "unknown", "in/"))
    arn = "arn:aws:sagemaker:us-west-2:123456789012:model/unknown"
    assert (code, message) == ("ValidationException", f'Could not find model "{arn}".')


def test_a_model_that_was_deleted_meanwhile_fails_the_job(bench, model):
    bench.put("in/late/x", "1")
    name = model(DOUBLE)
    rule = {"service": "sagemaker", "operation": "CreateTransformJob", "action": "job_slow", "seconds": 0.3, "times": 1}
    bench.control("POST", "faults", rule)
    bench.sagemaker.create_transform_job(**request_of("late", name, "in/late"))
    bench.sagemaker.delete_model(ModelName=name)
    assert bench.finish("transform", "late")["FailureReason"].startswith("ClientError: Could not find model")


def test_a_transform_job_can_be_stopped(bench, model):
    slow = "import time\ndef model_fn(d): pass\ndef transform_fn(m, d, c, a): print('busy'); time.sleep(60)"
    bench.put("in/stopping/x", "1")
    bench.sagemaker.create_transform_job(**request_of("stopping", model({"code/inference.py": slow}), "in/stopping"))
    deadline = time.monotonic() + 15
    while "TransformStartTime" not in bench.sagemaker.describe_transform_job(TransformJobName="stopping"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bench.sagemaker.stop_transform_job(TransformJobName="stopping")
    assert bench.finish("transform", "stopping", 10)["TransformJobStatus"] == "Stopped"
    _, message = refusal(bench.sagemaker.stop_transform_job, TransformJobName="stopping")
    assert message == "The request was rejected because the transform job is in status Stopped."


def test_a_request_that_takes_too_long_fails(bench, model, transform):
    slow = "import time\ndef model_fn(d): pass\ndef transform_fn(m, d, c, a): time.sleep(60)"
    client = {"InvocationsTimeoutInSeconds": 1}
    description, _ = transform(model({"code/inference.py": slow}), {"x": "1"}, ModelClientConfig=client)
    assert description["TransformJobStatus"] == "Failed"
    assert "no answer within 1 s" in "\n".join(bench.log_lines(description["TransformJobName"], GROUP))


def test_names_are_unique_and_jobs_are_listed_newest_first(bench, model):
    name = model(DOUBLE)
    bench.put("in/listed/x", "1")
    for number in range(2):
        bench.sagemaker.create_transform_job(**request_of(f"listed-{number}", name, "in/listed"))
    code, message = refusal(bench.sagemaker.create_transform_job, **request_of("listed-0", name, "in/listed"))
    assert (code, "already exists" in message) == ("ResourceInUse", True)
    entries = bench.sagemaker.list_transform_jobs(NameContains="listed-")["TransformJobSummaries"]
    assert [entry["TransformJobName"] for entry in entries] == ["listed-1", "listed-0"]
    assert [bench.finish("transform", f"listed-{n}")["TransformJobStatus"] for n in range(2)] == ["Completed"] * 2


def test_a_single_record_needs_a_split(bench, model):
    request = request_of("unsplit", model(DOUBLE), "in/", BatchStrategy="SingleRecord")
    code, message = refusal(bench.sagemaker.create_transform_job, **request)
    assert (code, message) == ("ValidationException", "BatchStrategy SingleRecord needs a SplitType other than None")


def test_unknown_jobs_are_refused(bench):
    assert refusal(bench.sagemaker.stop_transform_job, TransformJobName="unknown")[0] == "ResourceNotFound"
    answer = refusal(bench.sagemaker.describe_transform_job, TransformJobName="unknown")
    assert answer == ("ValidationException", "Could not find requested job with name: unknown")
