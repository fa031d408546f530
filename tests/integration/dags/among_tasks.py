"""Two pipelines among tasks of the DAG's author, with callbacks (an Airflow dag)."""

import os
from pathlib import Path

from airflow.sdk import DAG, BaseNotifier, Param, task

from airflow_sm_pipelines import pipeline_task_group

WORK = {
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    "AppSpecification": {
        "ImageUri": "unused",
        "ContainerEntrypoint": ["sh", "-c", "exit $0"],
        "ContainerArguments": [{"Std:Join": {"On": "", "Values": [{"Get": "Parameters.ExitCode"}]}}],
    },
    "Environment": {"INPUT": {"Get": "Parameters.InputUri"}},
    "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "InputUri", "Type": "String"},
        {"Name": "ExitCode", "Type": "Integer", "DefaultValue": 0},
    ],
    "Steps": [
        {"Name": "Work", "Type": "Processing", "Arguments": WORK},
        {
            "Name": "AfterFailure",
            "Type": "Condition",
            "DependsOn": [{"Step": "Work", "Trigger": "Failed"}],
            "Arguments": {"Conditions": [], "IfSteps": [], "ElseSteps": []},
        },
    ],
}


def note(text):
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(text + "\n")


def note_failure(context):
    note(f"callback: {context['ti'].task_id} {type(context['exception']).__name__}")


class Note(BaseNotifier):
    def notify(self, context):
        note(f"notifier: {context['ti'].task_id}")


with DAG(
    "among_tasks",
    params={"ExtractFails": False, "Skips": False, "ExitCode": Param(0, type="integer")},
    default_args={"on_success_callback": Note()},
) as dag:

    @task
    def extract(**context) -> dict:
        from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

        if context["params"]["ExtractFails"]:
            raise AirflowFailException("no data")
        if context["params"]["Skips"]:
            raise AirflowSkipException("nothing new")
        return {"uri": "s3://integration/extracted", "code": 0}

    @task
    def announce(status, variable, whole):
        return [status, variable, sorted(whole)[:1]]

    options = {
        "deferrable": False,
        "poll_interval": 0.2,
        "overrides": {"Work": {"on_failure_callback": note_failure, "retries": 0}},
    }
    first = pipeline_task_group(DEFINITION, group_id="first", parameters={"InputUri": extract()["uri"]}, **options)
    second = pipeline_task_group(
        DEFINITION,
        group_id="second",
        parameters={"InputUri": first["Work"].output["Environment"]["INPUT"], "ExitCode": 0},
        **options,
    )
    result = second["Work"].output
    first >> second >> announce(result["ProcessingJobStatus"], result["Environment"]["INPUT"], result)
