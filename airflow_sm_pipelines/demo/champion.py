"""The second demo: tune, check the data, measure the best model by age group, have it reviewed, publish it.

Its pipeline expects what a company has: Lambda functions, an EMR cluster, and a reviewer who reads a queue.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import call
from airflow_sm_pipelines.demo.airflow_api import ApiObject
from airflow_sm_pipelines.demo.examples import CHAMPION, Demo, Stage, dags_folder
from airflow_sm_pipelines.errors import AwsCallError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_FUNCTION_PREFIX = "champion-"
_ROLE = "arn:aws:iam::123456789012:role/LambdaRole"
_CALLBACK_PATH = "/sm-pipelines/callback"
_POLL_SECONDS = 1


@contextmanager
def _surroundings(stage: Stage) -> Iterator[Mapping[str, object]]:
    """Deploy the functions, start a cluster, and let a reviewer work until the context ends."""
    _deploy_functions(stage.client("lambda"))
    emr = stage.client("emr")
    flow = {"Name": "champion", "ReleaseLabel": "emr-7.0.0", "Instances": {"KeepJobFlowAliveWhenNoSteps": True}}
    cluster = str(call(emr, "RunJobFlow", flow)["JobFlowId"])
    queue = str(call(stage.client("sqs"), "CreateQueue", {"QueueName": "champion-reviews"})["QueueUrl"])
    done = threading.Event()
    reviewer = threading.Thread(target=_review, args=(stage, queue, done), name="reviewer", daemon=True)
    reviewer.start()
    try:
        yield {"ClusterId": cluster, "ReviewQueueUrl": queue}
    finally:
        done.set()
        reviewer.join()
        call(emr, "TerminateJobFlows", {"JobFlowIds": [cluster]})


def _deploy_functions(client: BaseClient) -> None:
    for file in sorted((dags_folder() / f"{CHAMPION.name}_functions").glob("*.py")):
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.write(file, file.name)
        function = {
            "FunctionName": f"{_FUNCTION_PREFIX}{file.stem}",
            "Runtime": "python3.11",
            "Role": _ROLE,
            "Handler": f"{file.stem}.handle",
            "Code": {"ZipFile": code.getvalue()},
            "Timeout": 60,
        }
        call(client, "CreateFunction", function)


def _review(stage: Stage, queue: str, done: threading.Event) -> None:
    """Answer the messages in the queue, as a company's handler would. Here, the error of a model decides."""
    sqs = stage.client("sqs")
    sagemaker = stage.client("sagemaker", endpoint_url=f"{stage.airflow.api.base_url}{_CALLBACK_PATH}")
    while not done.is_set():
        try:
            received = call(sqs, "ReceiveMessage", {"QueueUrl": queue, "WaitTimeSeconds": _POLL_SECONDS})
            for message in received.get("Messages", ()):
                _answer(sagemaker, json.loads(message["Body"]))
                call(sqs, "DeleteMessage", {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]})
        except AwsCallError as error:  # a message that is not deleted comes again
            print(f"The reviewer goes on after: {error}", flush=True)
            done.wait(_POLL_SECONDS)


def _answer(sagemaker: BaseClient, body: ApiObject) -> None:
    outputs = {} if body["status"] == "Stopping" else _judgement(body["arguments"])
    answer = {
        "CallbackToken": body["token"],
        "OutputParameters": [{"Name": name, "Value": value} for name, value in outputs.items()],
    }
    try:
        call(sagemaker, "SendPipelineExecutionStepSuccess", answer)
    except AwsCallError as error:
        if error.code != "ConflictException":  # it was answered in Airflow's UI
            raise


def _judgement(arguments: ApiObject) -> dict[str, str]:
    error, limit, group = arguments["worst_mse"], arguments["limit"], arguments["worst_group"]
    approved = error <= limit
    comment = f"the MSE of its worst age group, {group}, is {error:.0f}, the limit is {limit:g}"
    return {"approved": str(approved).lower(), "comment": comment}


def _results(stage: Stage, run_id: str, limit: float) -> Iterator[str]:
    """Yield the results of the steps that have succeeded."""
    api = stage.airflow.api
    succeeded = {
        task["task_id"] for task in api.task_instances(CHAMPION.name, run_id) if task["state"] == "success"
    } & _LINES.keys()
    for task_id, lines in _LINES.items():
        if task_id in succeeded:
            yield from lines(api.xcom(CHAMPION.name, run_id, task_id))


def _of_tuning(tuning: ApiObject) -> Iterator[str]:
    best = tuning["BestTrainingJob"]
    tuned = ", ".join(f"{name} {float(value):.3g}" for name, value in sorted(best["TunedHyperParameters"].items()))
    metric = best["FinalHyperParameterTuningJobObjectiveMetric"]
    tried = len(tuning["TrainingJobSummaries"])
    yield f"Best of {tried} models: {tuned} ({metric['MetricName']} {metric['Value']:.2f})"


def _of_groups(loop: ApiObject) -> Iterator[str]:
    yield "Its MSE in each age group:"
    for iteration in loop["IterationOutputs"]:
        found = iteration["Report"]["OutputParameters"]
        yield f"  {found['group']:<10} {found['rows']:>4} rows  {found['mse']:8.1f}"


def _of_package(package: ApiObject) -> Iterator[str]:
    yield f"Model package: {package['ModelPackageArn']} (version {package['ModelPackageVersion']})"


_LINES: dict[str, Callable[[ApiObject], Iterator[str]]] = {
    "DataQuality": lambda check: iter([f"Baseline of the data: {check['CalculatedBaselineConstraints']}"]),
    "Tune": _of_tuning,
    "MeasureGroups.result": _of_groups,
    "Register-RegisterModel": _of_package,
    "Review": lambda review: iter([f"Review: {review['OutputParameters']['comment']}"]),
    "Approve": lambda approval: iter([f"The model package is now {approval['OutputParameters']['status']}"]),
    "Summarize": lambda step: iter([f"Summary: {step['Config']['Args'][-1]}"]),
}

CHAMPION_DEMO = Demo(CHAMPION, _surroundings, _results)
