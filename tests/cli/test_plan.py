from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_sm_pipelines.cli.main import main

GOLDEN = Path(__file__).parent.parent / "golden"
DEFINITIONS = sorted(file for file in GOLDEN.glob("*.json") if not file.name.endswith(".graph.json"))


def get(text):
    return {"Get": text}


def join(*values, on=""):
    return {"Std:Join": {"On": on, "Values": list(values)}}


PROCESSING = {
    "ProcessingResources": {
        "ClusterConfig": {"InstanceCount": get("Parameters.N"), "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    },
    "AppSpecification": {"ImageUri": "i"},
    "RoleArn": "arn:aws:iam::123456789012:role/R",
}
PARAMETERS = [{"Name": "N", "Type": "Integer", "DefaultValue": 1}, {"Name": "Uri"}]


def processing(name, arguments=None, **members):
    return {"Name": name, "Type": "Processing", "Arguments": {**PROCESSING, **(arguments or {})}, **members}


def call(name, arguments, **members):
    return {"Name": name, "Type": "Lambda", "Arguments": arguments, "FunctionArn": "f", **members}


@pytest.fixture
def plan(write, capsys):
    """Plan steps; return the exit code and the plan as JSON."""

    def run(*steps, options=(), **members):
        definition = write("p.json", {"Parameters": PARAMETERS, "Steps": [*steps], **members})
        code = main(["plan", definition, "--format", "json", *options])
        return code, json.loads(capsys.readouterr().out)

    return run


def payload(found):
    return found["steps"][0]["calls"][-1]["request"]["Payload"]


def test_parameters_are_typed_values_and_the_rest_are_placeholders(plan):
    report = {"PropertyFile": get("Steps.Eval.PropertyFiles.R"), "Path": "a['b']"}
    uri = {"S3Uri": join("s3://b", get("Execution.PipelineExecutionId"), "r.json", on="/"), "Path": "c"}
    arguments = {
        "typed": get("Parameters.N"),
        "missing": get("Parameters.Uri"),
        "known": join("n=", get("Parameters.N"), True, 2.5),
        "mixed": join("s3:/", get("Parameters.N"), get("Steps.Eval.RoleArn"), on="/"),
        "file": {"Std:JsonGet": report},
        "document": {"Std:JsonGet": uri},
        "experiment": get("PipelineExperimentConfig.ExperimentName"),
        "trial": get("PipelineExperimentConfig.TrialName"),
        "null": None,
    }
    outputs = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o"}]}}
    files = [{"PropertyFileName": "R", "OutputName": "o", "FilePath": "r.json"}]
    code, found = plan(
        call("A", arguments),
        processing("Eval", outputs, PropertyFiles=files),
        options=["--parameters", "N=3"],
        PipelineExperimentConfig={"ExperimentName": join("e", get("Parameters.N"))},
    )
    assert code == 0
    assert found["parameters"] == {"N": 3, "Uri": "<Parameters.Uri>"}
    assert payload(found) == {
        "typed": 3,
        "missing": "<Parameters.Uri>",
        "known": "n=3true2.5",
        "mixed": "s3://3/<Steps.Eval.RoleArn>",
        "file": "<Steps.Eval.PropertyFiles.R a['b']>",
        "document": "<s3://b/<Execution.PipelineExecutionId>/r.json c>",
        "experiment": "e3",
        "trial": "<Execution.PipelineExecutionId>",
        "null": None,
    }


def test_experiment_and_trial_are_created_by_the_steps_that_may_be_the_first(plan):
    _, found = plan(
        processing("First", {}),
        {**processing("Beside", {}), "DependsOn": []},
        {**processing("After", {}), "DependsOn": ["First"]},
        {**processing("Anyway", {}), "DependsOn": [{"Step": "First", "Trigger": "Any"}]},
        PipelineExperimentConfig={},
    )
    calls = {step["name"]: [call["operation"] for call in step["calls"]] for step in found["steps"]}
    both = ["CreateExperiment", "CreateTrial", "CreateProcessingJob"]
    assert calls == {"First": both, "Beside": both, "After": both[2:], "Anyway": both}


def test_a_job_has_its_name_and_the_tags_of_its_owner(plan):
    _, found = plan(processing("Prep_data", {"Tags": [{"Key": "a", "Value": "b"}]}), PipelineExperimentConfig={})
    *before, request = found["steps"][0]["calls"]
    assert [call["operation"] for call in before] == ["CreateExperiment", "CreateTrial"]
    assert (request["service"], request["operation"]) == ("sagemaker", "CreateProcessingJob")
    body = request["request"]
    assert body["ProcessingJobName"] == "pipelines-<Execution.PipelineExecutionId>-Prep-data-<token>-0"
    assert body["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1
    assert {tag["Key"]: tag["Value"] for tag in body["Tags"]} == {
        "a": "b",
        "sm-pipelines:deployment": "<deployment>",
        "sm-pipelines:dag": "<DAG id>",
        "sm-pipelines:run": "<run id>",
        "sm-pipelines:task": "Prep_data",
        "sm-pipelines:map-index": "-1",
        "sm-pipelines:installation": "<installation>",
        "airflow:dag_id": "<DAG id>",
        "airflow:run_id": "<run id>",
        "airflow:task_id": "Prep_data",
    }


def test_a_job_is_shown_with_its_experiment_and_where_it_logs_with_mlflow(plan):
    server = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"
    required = ("AlgorithmSpecification", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
    training = {"Name": "Train", "Type": "Training", "Arguments": {name: {} for name in required}}
    _, found = plan(
        training,
        processing("Prepare", {}),
        PipelineExperimentConfig={"ExperimentName": "churn"},
        MlflowConfig={"MlflowResourceArn": server, "MlflowExperimentName": join("exp-", get("Parameters.N"))},
    )
    train, prepare = (step["calls"][-1]["request"] for step in found["steps"])
    variables = {"MLFLOW_TRACKING_URI": server, "MLFLOW_EXPERIMENT_NAME": "exp-1"}
    assert train["MlflowConfig"] == {"MlflowResourceArn": server, "MlflowExperimentName": "exp-1"}
    assert train["Environment"] == prepare["Environment"] == variables
    assert train["ExperimentConfig"] == {
        "TrialComponentDisplayName": "Train",
        "ExperimentName": "churn",
        "TrialName": "<Execution.PipelineExecutionId>",
    }


def test_a_definition_without_an_experiment_config_plans_no_experiment(plan):
    """Developer guide, "Disable Experiments Integration"; an explicit null means the same."""
    for members in ({}, {"PipelineExperimentConfig": None}):
        _, found = plan(processing("A", {}), **members)
        (call,) = found["steps"][0]["calls"]
        assert call["operation"] == "CreateProcessingJob"
        assert "ExperimentConfig" not in call["request"]


def test_a_prefix_that_is_too_long_is_a_fault(plan):
    code, found = plan(processing("A", {"ProcessingJobName": join("n" * 40, get("Parameters.N"))}))
    assert code == 1
    assert "Arguments.ProcessingJobName: " in found["steps"][0]["faults"][0]
    assert "at most 38 characters" in found["steps"][0]["faults"][0]


def test_a_pipeline_without_experiment_makes_none(plan):
    _, found = plan(processing("Prep"))
    assert [call["operation"] for call in found["steps"][0]["calls"]] == ["CreateProcessingJob"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Mine", "Mine-<Execution.PipelineExecutionId>-<token>-0"),
        (get("Steps.Eval.X"), "<Steps.Eval.X>-<Execution.PipelineExecutionId>-<token>-0"),
        (join("n", get("Parameters.N")), "n1-<Execution.PipelineExecutionId>-<token>-0"),
    ],
)
def test_a_name_in_the_definition_is_a_prefix(plan, name, shown):
    _, found = plan(processing("A", {"ProcessingJobName": name}), processing("Eval"))
    assert found["steps"][0]["calls"][-1]["request"]["ProcessingJobName"] == shown


@pytest.mark.parametrize("name", ["mine", None])
def test_an_endpoint_configuration_has_the_name_of_the_definition_or_one_that_is_made(plan, name):
    given = {"EndpointConfigName": name} if name else {}
    step = {"Name": "Config", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [], **given}}
    _, found = plan(step)
    made = "pipelines-<Execution.PipelineExecutionId>-Config-<token>-0"
    assert found["steps"][0]["calls"][-1]["request"]["EndpointConfigName"] == (name or made)


def test_short_names(plan):
    tuning = {"Name": "LongerName", "Type": "Tuning", "Arguments": {"HyperParameterTuningJobConfig": {}}}
    _, found = plan(tuning)
    request = found["steps"][0]["calls"][-1]["request"]
    assert request["HyperParameterTuningJobName"] == "pipelines-<Execution.PipelineExecutionId>-<token>-0"


def test_edges_branches_and_loops(plan):
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": get("Steps.A.RoleArn"), "RightValue": "x"}],
            "IfSteps": [call("B", {}, DependsOn=[{"Step": "A", "Trigger": "Failed"}])],
        },
    }
    body = {"IterableItems": ["x"], "MaxConcurrency": 1, "ForEachBody": [processing("Body")]}
    loop = {"Name": "Loop", "Type": "ForEach", "Arguments": body}
    _, found = plan(gate, processing("A"), loop)
    steps = {step["name"]: step for step in found["steps"]}
    assert steps["Gate"]["calls"] == []
    assert steps["Gate"]["arguments"] == {
        "Conditions": [{"Type": "Equals", "LeftValue": "<Steps.A.RoleArn>", "RightValue": "x"}]
    }
    assert steps["Gate"]["retries"] == []
    assert steps["B"]["depends_on"] == [{"step": "A", "trigger": "Failed"}, {"step": "Gate", "trigger": "Completed"}]
    assert steps["B"]["branch_of"] == {"condition": "Gate", "branch": "if"}
    assert steps["Body"]["body_of"] == "Loop"
    assert {"Key": "sm-pipelines:map-index", "Value": "<map index>"} in steps["Body"]["calls"][-1]["request"]["Tags"]
    assert "-Body-N-" in steps["Body"]["calls"][-1]["request"]["ProcessingJobName"]
    assert steps["Loop"]["arguments"] == {"IterableItems": ["x"], "MaxConcurrency": 1}


DEFAULT = "Step.SERVICE_FAULT, Step.THROTTLING: 5 retries, after 1, 2, 4, 8, 16 s"


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({}, "5 retries, after 1, 2, 4, 8, 16 s"),
        ({"MaxAttempts": 1, "IntervalSeconds": 30}, "1 retry, after 30 s"),
        ({"MaxAttempts": 7, "BackoffRate": 1}, "7 retries, after 1, 1, 1, 1, 1, ... s"),
        ({"MaxAttempts": 0}, "never retried"),
        (
            {"ExpireAfterMin": 1, "IntervalSeconds": 20, "BackoffRate": 1.5},
            "retried until 1 min after the first attempt, after 20, 30 s",
        ),
        (
            {"ExpireAfterMin": 1, "IntervalSeconds": 100},
            "not retried: the first retry would start later than 1 min after the first attempt",
        ),
    ],
)
def test_retry_policies_in_words(plan, policy, text):
    kind = "SageMaker.CAPACITY_ERROR"
    _, found = plan(processing("A", RetryPolicies=[{"ExceptionType": [kind], **policy}]))
    assert found["steps"][0]["retries"] == [f"{kind}: {text}", DEFAULT]


def test_cache(plan):
    _, found = plan(processing("A", CacheConfig={"Enabled": True, "ExpireAfter": "30d"}), processing("B"))
    assert [step["cache"] for step in found["steps"]] == [{"enabled": True, "expire_after": "30d"}, None]


OWNER_TAGS = ("deployment", "dag", "run", "task", "map-index", "installation")


def test_other_services(plan):
    token = {"Name": "Ask", "Type": "Callback", "SqsQueueUrl": get("Parameters.Uri"), "Arguments": {"a": 1}}
    emr = {"Name": "Emr", "Type": "EMR", "Arguments": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {}}}}
    cluster = {"Name": "New", "Type": "EMR", "Arguments": {"ClusterConfig": {"X": 1}, "StepConfig": {}}}
    serverless = {
        "Name": "Less",
        "Type": "EMRServerless",
        "Arguments": {"ApplicationConfig": {"type": "SPARK"}, "JobConfig": {"executionRoleArn": "r"}},
    }
    _, found = plan(token, emr, cluster, serverless)
    calls = [(step["name"], call["operation"], call["request"]) for step in found["steps"] for call in step["calls"]]
    message = {
        "token": "<token>",
        "pipelineExecutionArn": "<Execution.PipelineExecutionArn>",
        "arguments": {"a": 1},
        "status": "Executing",
    }

    def named(step: str) -> str:
        return f"pipelines-<Execution.PipelineExecutionId>-{step}-<token>-0"

    def owner_of(step: str) -> dict[str, str]:
        values = ("<deployment>", "<DAG id>", "<run id>", step, "-1", "<installation>")
        owner = {f"sm-pipelines:{key}": value for key, value in zip(OWNER_TAGS, values, strict=True)}
        for_people = zip(("dag_id", "run_id", "task_id"), values[1:4], strict=True)
        return {**owner, **{f"airflow:{key}": value for key, value in for_people}}

    tags = [{"Key": key, "Value": value} for key, value in owner_of("New").items()]
    alone = {"KeepJobFlowAliveWhenNoSteps": False}
    last = {"Name": named("New"), "ActionOnFailure": "TERMINATE_CLUSTER"}
    shared = f"{named('Emr')} (<deployment>|<DAG id>|<run id>|Emr|-1)"
    steps = [{"Name": shared, "ActionOnFailure": "CONTINUE", "HadoopJarStep": {}}]
    less = {"name": named("Less"), "clientToken": named("Less"), "tags": owner_of("Less")}
    run = {"executionRoleArn": "r", "applicationId": "<id of the new application>", **less}
    assert calls == [
        ("Ask", "SendMessage", {"QueueUrl": "<Parameters.Uri>", "MessageBody": message}),
        ("Emr", "DescribeCluster", {"ClusterId": "j-1"}),
        ("Emr", "AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": steps}),
        ("New", "RunJobFlow", {"Name": named("New"), "X": 1, "Instances": alone, "Steps": [last], "Tags": tags}),
        ("Less", "CreateApplication", {"type": "SPARK", **less}),
        ("Less", "StartJobRun", run),
    ]


def test_members_of_the_step(plan):
    check = {**PROCESSING, "ProcessingResources": {}}
    members = {"CheckType": "DATA_QUALITY", "SkipCheck": get("Steps.A.X"), "RegisterNewBaseline": get("Parameters.B")}
    step = {"Name": "Check", "Type": "QualityCheck", "Arguments": check, **members}
    parameters = [*PARAMETERS, {"Name": "B", "Type": "Boolean", "DefaultValue": True}]
    _, found = plan(step, processing("A"), Parameters=parameters)
    assert found["steps"][0]["members"] == {
        "CheckType": "DATA_QUALITY",
        "SkipCheck": "<Steps.A.X>",
        "RegisterNewBaseline": True,
    }


@pytest.mark.parametrize("role", ["arn:aws:iam::123456789012:role/Own", None])
def test_a_step_without_a_role_takes_that_of_the_dag(plan, role):
    arguments = {name: value for name, value in PROCESSING.items() if name != "RoleArn"} | (
        {"RoleArn": role} if role else {}
    )
    _, found = plan({"Name": "A", "Type": "Processing", "Arguments": arguments}, options=["--validate"])
    assert found["steps"][0]["calls"][-1]["request"]["RoleArn"] == (role or "<role of the DAG>")
    assert found["steps"][0]["faults"] == []


def test_a_version_of_a_package_has_no_tags_of_its_own(plan):
    versioned = {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": "g", "Tags": []}}
    _, found = plan(versioned, {**versioned, "Name": "S", "Arguments": {}})
    requests = [step["calls"][-1]["request"] for step in found["steps"]]
    assert requests[0] == {
        "ModelPackageGroupName": "g",
        "ClientToken": "pipelines-<Execution.PipelineExecutionId>-<token>-0",
    }
    assert "Tags" in requests[1]


@pytest.mark.parametrize("name", [get("Parameters.Uri"), join("p" * 40, get("Parameters.Uri"))])
def test_the_name_of_a_package_that_only_a_run_knows_is_no_fault(plan, name):
    code, found = plan({"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageName": name}})
    assert code == 0
    assert "<Parameters.Uri>" in found["steps"][0]["calls"][-1]["request"]["ModelPackageName"]


# -- --validate --------------------------------------------------------------------------------------------------------


def test_faults_of_a_request(plan):
    bad = {"Environment": {"x": "y" * 300}, "Nope": 1}
    code, found = plan(processing("A", bad), processing("B"), options=["--validate", "--parameters", "N=101"])
    assert code == 1
    assert found["steps"][0]["faults"] == [
        "CreateProcessingJob: ProcessingResources.ClusterConfig.InstanceCount: 101, but the API allows at most 100",
        "CreateProcessingJob: Environment['x']: 300 characters, but the API allows at most 256",
        "CreateProcessingJob: Nope: the API knows no such member",
    ]
    assert len(found["steps"][1]["faults"]) == 1


def test_a_placeholder_is_no_fault(plan):
    unknown = get("Steps.B.X")
    arguments = {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": unknown,
                "InstanceType": join("ml.", unknown),
                "VolumeSizeInGB": get("Parameters.Volume"),
            }
        },
        "RoleArn": unknown,
        "StoppingCondition": unknown,
        "NetworkConfig": {
            "EnableNetworkIsolation": unknown,
            "VpcConfig": {"Subnets": unknown, "SecurityGroupIds": [unknown]},
        },
        "Environment": unknown,
        "ProcessingInputs": [{"InputName": unknown, "S3Input": unknown}],
    }
    parameters = [*PARAMETERS, {"Name": "Volume", "Type": "Integer"}]
    code, found = plan(processing("A", arguments), processing("B"), options=["--validate"], Parameters=parameters)
    assert found["steps"][0]["faults"] == []
    assert code == 0


def test_what_only_looks_like_a_placeholder_is_checked(plan):
    arguments = {"ProcessingResources": {"ClusterConfig": {"InstanceCount": "<Steps.B.X>"}}}
    code, found = plan(processing("A", arguments), options=["--validate"])
    assert code == 1
    assert any("InstanceCount: expected an integer" in fault for fault in found["steps"][0]["faults"])


# What `--validate` finds in definitions that the SDK or people wrote: the fault is in the file.
FAULTS = {"v2_pseudo_functions": ["ProcessingResources.ClusterConfig.InstanceCount: 1000"]}


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.stem)
def test_golden_definitions_fit_the_api(file, capsys):
    expected = FAULTS.get(file.stem, [])
    assert main(["plan", str(file), "--format", "json", "--validate"]) == (1 if expected else 0)
    faults = [fault for step in json.loads(capsys.readouterr().out)["steps"] for fault in step["faults"]]
    assert len(faults) == len(expected)
    assert all(text in fault for text, fault in zip(expected, faults, strict=True))


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["N"], "expected NAME=VALUE, found 'N'"),
        (["Urj=x"], "the definition declares no parameter 'Urj' (did you mean `Uri`?)"),
        (["x=1"], "(it declares N, Uri)"),
        (["N=a=b"], "parameter N must be an integer, not the string 'a=b'"),
    ],
)
def test_wrong_parameters(write, capsys, assignments, message):
    definition = write("p.json", {"Parameters": PARAMETERS, "Steps": [call("A", {})]})
    assert main(["plan", definition, "--parameters", *assignments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_parameters_may_be_given_in_several_places(plan):
    options = ["--parameters", "N=3", "--parameters", "Uri=s3://a=b"]
    _, found = plan(call("A", {"x": get("Parameters.Uri")}), options=options)
    assert found["parameters"] == {"N": 3, "Uri": "s3://a=b"}


def test_unreadable_definition(capsys):
    assert main(["plan", "nope.json"]) == 1
    assert "nope.json: cannot be read" in capsys.readouterr().err


def test_text(write, capsys):
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [call("A", {"x": "ä"})]}}
    loop = {"IterableItems": ["i"], "MaxConcurrency": 1, "ForEachBody": [call("B", {}, DependsOn=["Gate"])]}
    definition = {
        "Parameters": PARAMETERS,
        "Steps": [gate, {"Name": "Loop", "Type": "ForEach", "Arguments": loop}, processing("P", {"Nope": 1})],
    }
    definition["Steps"][0]["Arguments"]["IfSteps"][0]["CacheConfig"] = {"Enabled": True, "ExpireAfter": "30d"}
    assert main(["plan", write("p.json", definition), "--validate"]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "\n".join(
            [
                "N = 1",
                'Uri = "<Parameters.Uri>"',
                "no value yet: Uri",
                "",
                "Gate  Condition",
                "  evaluated without an AWS call of its own",
                "    {",
                '      "Conditions": []',
                "    }",
                "",
                "A  Lambda",
                "  after: Gate (if)",
                f"  retries: {DEFAULT}",
                "  cache: a result up to 30d old is reused unless one of these has changed: "
                "FunctionArn, OutputParameters, Arguments",
                "  lambda:Invoke",
                "    {",
                '      "FunctionName": "f",',
                '      "InvocationType": "RequestResponse",',
                '      "LogType": "Tail",',
                '      "ClientContext": {',
                '        "custom": {',
                '          "executionId": "<Execution.PipelineExecutionId>",',
                '          "step": "A",',
                '          "token": "<token>",',
                '          "try": "<try number>"',
                "        }",
                "      },",
                '      "Payload": {',
                '        "x": "ä"',
                "      }",
                "    }",
                "  members",
                "    {",
                '      "FunctionArn": "f"',
                "    }",
                "",
                "Loop  ForEach",
                "  after: Gate",
            ]
        )
    )
    assert "B  Lambda\n  once per item of Loop\n  after: Gate\n" in out
    assert out.endswith("  fault: CreateProcessingJob: Nope: the API knows no such member\n\n1 fault\n")


def test_text_says_which_calls_depend_on_what_is_there(write, capsys):
    definition = {"Steps": [{"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": "g"}}]}
    assert main(["plan", write("p.json", definition)]) == 0
    out = capsys.readouterr().out
    assert "  sagemaker:CreateModelPackageGroup (only if it does not exist)\n" in out
    assert "  sagemaker:CreateModelPackage\n" in out


def test_airflow_is_not_imported(write):
    definition = write("p.json", {"Steps": [call("A", {})]})
    script = (
        "import sys; from airflow_sm_pipelines.cli.main import main; main(['plan', sys.argv[1]]);"
        "print([m for m in ('airflow', 'boto3') if m in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", script, definition], capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"


def test_scalars_have_the_types_of_the_api_as_when_they_are_sent(plan):
    arguments = {
        **PROCESSING,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": {"Get": "Parameters.Count"}, "InstanceType": "ml.m5.large"}
        },
        "Environment": {"COUNT": {"Get": "Parameters.Number"}, "LATER": {"Get": "Execution.PipelineName"}, "YES": True},
        "Unknown": 1,
    }
    parameters = [
        {"Name": "Count", "Type": "String", "DefaultValue": "2"},
        {"Name": "Number", "Type": "Integer", "DefaultValue": 3},
    ]
    _, found = plan({"Name": "A", "Type": "Processing", "Arguments": arguments}, Parameters=parameters)
    request = found["steps"][0]["calls"][-1]["request"]
    assert request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 2
    assert request["Environment"] == {"COUNT": "3", "LATER": "<Execution.PipelineName>", "YES": "true"}
    assert request["Unknown"] == 1, "what the API does not know is shown, too"


def test_the_steps_that_do_not_run_with_these_parameters_are_named(definition, write, capsys):
    def stop(name):
        return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": name}}

    condition = {"Type": "LessThan", "LeftValue": {"Get": "Parameters.Size"}, "RightValue": 5}
    arguments = {"Conditions": [condition], "IfSteps": [stop("Small")], "ElseSteps": [stop("Large")]}
    step = {"Name": "Check", "Type": "Condition", "Arguments": arguments}
    parameters = [{"Name": "Size", "Type": "Integer", "DefaultValue": 3}]
    file = write("sizes.json", json.dumps(definition(step, Parameters=parameters)))

    assert main(["plan", file]) == 0
    assert capsys.readouterr().out.endswith(
        "\n\nNot with these parameters:\n  Large: Check is true; try --parameters Size=5\n"
    )
    assert main(["plan", file, "--parameters", "Size=5", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["untried"] == [
        {"steps": ["Small"], "because": "Check is false", "arguments": ["--parameters", "Size=4"]}
    ]
