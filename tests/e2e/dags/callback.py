"""A step that waits for an answer, and one that reads it; in several ways of waiting."""

from datetime import timedelta
from pathlib import Path

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

ASK = {
    "Name": "Ask",
    "Type": "Callback",
    "Arguments": {"number": {"Get": "Parameters.Number"}, "nested": {"list": [{"Get": "Parameters.Number"}]}},
    "SqsQueueUrl": {"Get": "Parameters.QueueUrl"},
    "OutputParameters": [
        {"OutputName": "approved", "OutputType": "Boolean"},
        {"OutputName": "rows", "OutputType": "Integer"},
        {"OutputName": "auc", "OutputType": "Float"},
        {"OutputName": "where", "OutputType": "String"},
    ],
}
CONDITION = {
    "Type": "Equals",
    "LeftValue": {"Get": "Steps.Ask.OutputParameters['approved']"},
    "RightValue": True,
}
APPROVED = {
    "Name": "Approved",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [CONDITION],
        "IfSteps": [],
        "ElseSteps": [{"Name": "Refused", "Type": "Fail", "Arguments": {"ErrorMessage": "not approved"}}],
    },
}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "QueueUrl", "Type": "String"},
        {"Name": "Number", "Type": "Integer", "DefaultValue": 5},
    ],
    "Steps": [ASK, APPROVED],
}

dag = pipeline_dag(DEFINITION, dag_id="callback")
dag.get_task("Ask").waiting = Waiting(poll_interval=2, settle=1)

in_worker = pipeline_dag(DEFINITION, dag_id="callback_in_worker", deferrable=False, poll_interval=1)

limited = pipeline_dag(DEFINITION, dag_id="callback_limited", default_args={"execution_timeout": timedelta(seconds=20)})
limited.get_task("Ask").waiting = Waiting(poll_interval=2, settle=1)

shipped = Path(__file__).parents[2] / "integration" / "definitions" / "callback.json"
handler = pipeline_dag(shipped, dag_id="callback_handler", poll_interval=2)
