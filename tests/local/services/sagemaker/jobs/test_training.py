"""Training jobs end to end: a real boto3 against a local AWS, scripts that really run."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
GROUP = "/aws/sagemaker/TrainingJobs"
SKLEARN = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
METRICS = [{"Name": "loss", "Regex": "loss: (.*?);"}, {"Name": "other", "Regex": "other: (.*?);"}]
SCRIPT = """
import argparse, json, os, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("--alpha", type=float)
parser.add_argument("-n", type=int)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
arguments = parser.parse_args()
for epoch in range(3):
    print(f"loss: {1 / (epoch + 1):.3f}; other: x;")
model = pathlib.Path(arguments.model_dir)
(model / "sub").mkdir()
(model / "sub" / "weights").write_text(f"{arguments.alpha} {arguments.n}")
(model / "data").write_text(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "x.csv").read_text())
output = pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"])
(output / "environment.json").write_text(json.dumps({**os.environ, "cwd": os.getcwd()}))
config = pathlib.Path("/opt/ml/input/config")
(output / "config.json").write_text(json.dumps({p.name: json.loads(p.read_text()) for p in config.iterdir()}))
"""


def request_of(name, **members):
    """A CreateTrainingJob request; ``entrypoint`` and other members of AlgorithmSpecification in small letters."""
    algorithm = {"TrainingImage": SKLEARN, "TrainingInputMode": "File", **members.pop("algorithm", {})}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": algorithm,
        "OutputDataConfig": {"S3OutputPath": "s3://test-bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def channel(name, uri, **members):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


@pytest.fixture
def train(bench):
    def run(name, **members):
        bench.sagemaker.create_training_job(**request_of(name, **members))
        return bench.finish("training", name)

    return run


def shell(code):
    return {"ContainerEntrypoint": ["sh", "-c", code]}


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def completed(bench):
    """A training job in script mode that ran SCRIPT to success: its request and description."""
    bench.put("training/data/x.csv", "1,2")
    source = bench.put_archive("training/sourcedir.tar.gz", {"train.py": SCRIPT})
    request = request_of(
        "script",
        algorithm={
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss: (.*?);"}, {"Name": "o", "Regex": "other: (.*?);"}]
        },
        HyperParameters={
            "sagemaker_program": json.dumps("train.py"),
            "sagemaker_submit_directory": json.dumps(source),
            "alpha": "0.5",
            "n": "3",
        },
        InputDataConfig=[channel("train", "s3://test-bucket/training/data", ContentType="text/csv")],
        Environment={"COLOUR": "{{ blue }}"},
        Tags=[{"Key": "team", "Value": "ml"}],
    )
    bench.sagemaker.create_training_job(**request)
    return request, bench.finish("training", "script")


def test_script_mode_trains_a_model(bench, completed):
    _, description = completed
    assert description["TrainingJobStatus"] == "Completed", description
    artifacts = description["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == "s3://test-bucket/models/script/output/model.tar.gz"
    assert bench.archive(artifacts) == {"sub/weights": b"0.5 3", "data": b"1,2"}


def test_describe_echoes_the_request_without_its_tags(bench, completed):
    request, description = completed
    members = {name: value for name, value in request.items() if name not in ("Tags", "OutputDataConfig")}
    # The Python SDK's attach() reads the key of every job.
    assert description["OutputDataConfig"] == {"KmsKeyId": "", **request["OutputDataConfig"]}
    assert members.items() <= description.items()
    assert description["EnableManagedSpotTraining"] is False
    tags = bench.sagemaker.list_tags(ResourceArn=description["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "ml"}]


def test_the_history_goes_from_starting_to_completed_without_gaps(completed):
    _, description = completed
    rows = description["SecondaryStatusTransitions"]
    assert [row["Status"] for row in rows] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(row["EndTime"] == after["StartTime"] for row, after in pairwise(rows))
    assert description["SecondaryStatus"] == "Completed"
    assert all(row["StatusMessage"] for row in rows)


def test_times_are_in_order_and_training_is_billed(completed):
    _, description = completed
    names = ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime")
    times = [description[name] for name in names]
    assert times == sorted(times)
    assert times[-1] - times[0] < timedelta(seconds=30)
    assert description["BillableTimeInSeconds"] >= 1


def test_final_metrics_are_the_last_values_that_the_regexes_find(completed):
    [metric] = completed[1]["FinalMetricDataList"]
    assert (metric["MetricName"], round(metric["Value"], 3)) == ("loss", 0.333)


def test_output_data_become_an_archive(bench, completed):
    files = bench.archive("s3://test-bucket/models/script/output/output.tar.gz")
    assert set(files) == {"environment.json", "config.json"}


def test_the_script_sees_the_toolkits_variables(bench, completed):
    files = bench.archive("s3://test-bucket/models/script/output/output.tar.gz")
    seen = json.loads(files["environment.json"])
    assert seen["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
    assert (seen["SM_HP_ALPHA"], seen["SM_HP_N"], seen["SM_HPS"]) == ("0.5", "3", '{"alpha":0.5,"n":3}')
    assert seen["SM_USER_ARGS"] == '["--alpha","0.5","-n","3"]'
    assert (seen["TRAINING_JOB_NAME"], seen["COLOUR"]) == ("script", "{{ blue }}")
    assert seen["PYTHONPATH"] == "/opt/ml/code"
    assert seen["cwd"] == "/opt/ml/code"


def test_configuration_files_have_the_documented_form(bench, completed):
    files = bench.archive("s3://test-bucket/models/script/output/output.tar.gz")
    config = json.loads(files["config.json"])
    assert config["hyperparameters.json"] == completed[0]["HyperParameters"]
    assert config["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert config["inputdataconfig.json"] == {
        "train": {
            "ContentType": "text/csv",
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }


def test_output_goes_to_the_log_of_the_job(bench, completed):
    assert "loss: 0.333; other: x;" in bench.log_lines("script", GROUP)


def test_a_script_that_fails_gives_the_toolkits_reason(bench, train):
    code = "raise ValueError('bad {{ data }}')"
    source = bench.put_archive("failing.tar.gz", {"train.py": code})
    parameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source}
    description = train("failing", HyperParameters=parameters)
    assert description["TrainingJobStatus"] == description["SecondaryStatus"] == "Failed"
    reason = description["FailureReason"]
    assert reason.startswith(
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: bad {{ data }}"'
    )
    assert reason.endswith(", exit code: 1")
    assert description["SecondaryStatusTransitions"][-1]["StatusMessage"] == reason


def test_the_failure_file_is_the_reason_up_to_1024_characters(train):
    code = "mkdir -p /opt/ml/output; printf 'why %.0s' $(seq 500) > /opt/ml/output/failure; exit 3"
    reason = train("explained", algorithm=shell(code))["FailureReason"]
    assert len(reason) == 1024
    assert reason.startswith("AlgorithmError: why why")
    assert reason.endswith(", exit code: 3")


def test_an_empty_model_directory_gives_no_archive(bench, train):
    description = train("empty", algorithm=shell("true"))
    assert description["TrainingJobStatus"] == "Completed"
    assert bench.objects("models/empty/") == {}


def test_a_model_may_stay_uncompressed(bench, train):
    code = "echo x > /opt/ml/model/weights"
    target = {"S3OutputPath": "s3://test-bucket/models/", "CompressionType": "NONE"}
    description = train("plain", algorithm=shell(code), OutputDataConfig=target)
    assert description["ModelArtifacts"]["S3ModelArtifacts"] == "s3://test-bucket/models/plain/output/model/"
    assert bench.objects("models/plain/output/model/") == {"weights": "x\n"}


def test_an_entrypoint_with_arguments_replaces_what_the_image_would_run(bench, train):
    algorithm = {"ContainerEntrypoint": ["sh", "-c", 'echo "$0" "$1"'], "ContainerArguments": ["{{ a b }}", "c"]}
    assert train("entrypoint", algorithm=algorithm)["TrainingJobStatus"] == "Completed"
    assert bench.log_lines("entrypoint", GROUP) == ["{{ a b }} c"]


def test_an_image_without_a_runtime_fails_with_that_reason(train):
    description = train("unknown-image", algorithm={"TrainingImage": "my-image:1"})
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith("ClientError: no local runtime for image my-image:1: the job has")


def test_everything_that_is_not_supported_is_named_at_once(train):
    gzip = channel("train", "s3://b/x", CompressionType="Gzip", InputMode="Pipe")
    description = train(
        "unsupported",
        InputDataConfig=[gzip],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        TensorBoardOutputConfig={"S3OutputPath": "s3://b/t"},
    )
    assert description["FailureReason"] == (
        "ClientError: the local AWS does not support TensorBoardOutputConfig; InputDataConfig[train].InputMode=Pipe; "
        "InputDataConfig[train].CompressionType=Gzip; ResourceConfig.InstanceCount=2, only 1"
    )


def test_missing_data_fail_the_job_and_name_the_channel(train):
    description = train(
        "dataless", InputDataConfig=[channel("train", "s3://test-bucket/nothing")], algorithm=shell("true")
    )
    assert "input train: no S3 objects found under s3://test-bucket/nothing" in description["FailureReason"]


def test_a_shell_script_may_come_in_a_channel(bench, train):
    bench.put_archive("channel-code/sourcedir.tar.gz", {"run.sh": "echo shell $1 > /opt/ml/model/x"})
    parameters = {
        "sagemaker_program": "run.sh",
        "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz",
        "word": "1",
    }
    description = train(
        "channel-code",
        HyperParameters=parameters,
        InputDataConfig=[channel("code", "s3://test-bucket/channel-code/")],
    )
    assert description["TrainingJobStatus"] == "Completed"
    assert bench.archive(description["ModelArtifacts"]["S3ModelArtifacts"]) == {"x": b"shell --word\n"}


def test_a_program_outside_of_the_source_is_refused(train):
    description = train("outside", HyperParameters={"sagemaker_program": "../train.py"})
    assert "../train.py is no path inside of the source directory" in description["FailureReason"]


def test_requirements_are_installed_for_the_job_only(bench, train):
    """A package from the source itself: no network is needed."""
    files = {
        "train.py": "import local_only, pathlib; pathlib.Path('/opt/ml/model/x').write_text(local_only.__file__)",
        "requirements.txt": "--no-index\n./package",
        "package/pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
        "package/backend.py": BACKEND,
    }
    source = bench.put_archive("required.tar.gz", files)
    parameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source}
    description = train("required", HyperParameters=parameters)
    assert description["TrainingJobStatus"] == "Completed", bench.log_lines("required", GROUP)
    place = bench.archive(description["ModelArtifacts"]["S3ModelArtifacts"])["x"].decode()
    assert "/home/venv/lib/" in place
    with pytest.raises(ModuleNotFoundError):
        import local_only  # noqa: F401


BACKEND = """
import zipfile
def build_wheel(directory, *_):
    name = "local_only-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        wheel.writestr("local_only.py", "")
        info = "local_only-1.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: local-only\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def test_requirements_that_cannot_be_installed_fail_the_job(bench, train):
    source = bench.put_archive("unmet.tar.gz", {"train.py": "", "requirements.txt": "--no-index\nno-such-package-here"})
    parameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source}
    reason = train("unmet", HyperParameters=parameters)["FailureReason"]
    assert reason.startswith("AlgorithmError: InstallRequirementsError:\nExitCode 1")


def test_a_job_that_exceeds_its_time_is_stopped_and_its_model_saved(bench, train):
    code = "echo x > /opt/ml/model/partial; sleep 60"
    description = train("overtime", algorithm=shell(code), StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert bench.archive(description["ModelArtifacts"]["S3ModelArtifacts"]) == {"partial": b"x\n"}


def test_a_stopped_job_may_save_its_model_first(bench):
    code = "trap 'echo saved > /opt/ml/model/m; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    bench.sagemaker.create_training_job(**request_of("stopped", algorithm=shell(code)))
    bench.wait_for_line("stopped", "ready", GROUP)
    bench.sagemaker.stop_training_job(TrainingJobName="stopped")
    description = bench.finish("training", "stopped")
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == ("Stopped", "Stopped")
    statuses = [row["Status"] for row in description["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Stopping", "Stopped"]
    assert bench.archive(description["ModelArtifacts"]["S3ModelArtifacts"]) == {"m": b"saved\n"}


def test_a_script_is_stopped_through_its_runtime(bench):
    code = (
        "import pathlib, signal, sys, time\n"
        "def stop(*_):\n    pathlib.Path('/opt/ml/model/m').write_text('saved')\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('ready')\ntime.sleep(60)\n"
    )
    source = bench.put_archive("stopping.tar.gz", {"train.py": code})
    parameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source}
    bench.sagemaker.create_training_job(**request_of("script-stopped", HyperParameters=parameters))
    bench.wait_for_line("script-stopped", "ready", GROUP)
    bench.sagemaker.stop_training_job(TrainingJobName="script-stopped")
    description = bench.finish("training", "script-stopped")
    assert description["TrainingJobStatus"] == "Stopped"
    assert bench.archive(description["ModelArtifacts"]["S3ModelArtifacts"]) == {"m": b"saved"}


def test_stopping_an_ended_job_is_refused(bench, completed):
    code, message = refusal(bench.sagemaker.stop_training_job, TrainingJobName="script")
    expected = "The request was rejected because the training job is in status Completed."
    assert (code, message) == ("ValidationException", expected)


def test_unknown_jobs_are_refused(bench):
    assert refusal(bench.sagemaker.stop_training_job, TrainingJobName="unknown")[0] == "ResourceNotFound"
    answer = refusal(bench.sagemaker.describe_training_job, TrainingJobName="unknown")
    assert answer == ("ValidationException", "Requested resource not found.")


def test_names_are_unique(bench, completed):
    code, message = refusal(bench.sagemaker.create_training_job, **request_of("script"))
    assert code == "ResourceInUse"
    assert message.startswith("Training job names must be unique within an AWS account and region, and a training job")


def test_checkpoints_are_uploaded_while_the_job_runs_and_brought_back(bench, train):
    config = {"S3Uri": "s3://test-bucket/checkpoints/one", "LocalPath": "/opt/ml/checkpoints"}
    code = "echo 1 > /opt/ml/checkpoints/step; sleep 60"
    bench.sagemaker.create_training_job(**request_of("saving", algorithm=shell(code), CheckpointConfig=config))
    deadline = time.monotonic() + 10
    while bench.objects("checkpoints/one/") != {"step": "1\n"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bench.sagemaker.stop_training_job(TrainingJobName="saving")
    bench.finish("training", "saving")
    code = "cat /opt/ml/checkpoints/step; echo 2 > /opt/ml/checkpoints/step"
    description = train("resuming", algorithm=shell(code), CheckpointConfig=config)
    assert description["TrainingJobStatus"] == "Completed"
    assert bench.log_lines("resuming", GROUP)[0] == "1"
    assert bench.objects("checkpoints/one/") == {"step": "2\n"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"algorithm": {"AlgorithmName": "x"}}, "exactly one of TrainingImage and AlgorithmName"),
        ({"algorithm": {"MetricDefinitions": [{"Name": "a", "Regex": "("}]}}, "MetricDefinition a: invalid regular"),
        ({"InputDataConfig": [channel("a", "s3://b/x"), channel("a", "s3://b/x")]}, "a occurs 2 times"),
        (
            {
                "algorithm": {
                    "TrainingImage": "1.dkr.ecr.us-west-2.amazonaws.com/xgboost:1",
                    "MetricDefinitions": [{"Name": "a", "Regex": "b"}],
                }
            },
            "You can't override the metric definitions for Amazon SageMaker algorithms",
        ),
    ],
)
def test_rules_of_the_request_are_checked(bench, members, expected):
    code, message = refusal(bench.sagemaker.create_training_job, **request_of("wrong", **members))
    assert (code, expected in message) == ("ValidationException", True)


def test_jobs_are_listed_with_their_states(bench, completed):
    answer = bench.sagemaker.list_training_jobs(NameContains="script", StatusEquals="Completed")
    [entry] = answer["TrainingJobSummaries"]
    assert (entry["TrainingJobName"], entry["TrainingJobStatus"]) == ("script", "Completed")


def test_a_fault_rule_fails_a_training_job(bench, train):
    reason = "CapacityError: Unable to provision requested ML compute capacity."
    rule = {
        "service": "sagemaker",
        "operation": "CreateTrainingJob",
        "action": "job_fail",
        "reason": reason,
        "times": 1,
    }
    bench.control("POST", "faults", rule)
    assert train("no-capacity", algorithm=shell("true"))["FailureReason"] == reason


def test_eight_jobs_run_at_once_and_see_only_their_own_files(bench):
    code = "sleep 2; test $(ls /opt/ml/model | wc -l) = 0; echo $TRAINING_JOB_NAME > /opt/ml/model/name"
    names = [f"parallel-{number}" for number in range(8)]
    began = time.monotonic()
    for name in names:
        bench.sagemaker.create_training_job(**request_of(name, algorithm=shell(code)))
    for name in names:
        uri = bench.finish("training", name)["ModelArtifacts"]["S3ModelArtifacts"]
        assert bench.archive(uri) == {"name": f"{name}\n".encode()}
    assert time.monotonic() - began < 8 * 2
