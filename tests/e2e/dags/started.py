"""A pipeline that is started through SageMaker's API: its name is not the DAG's id."""

from sleeping_steps import step

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Seconds", "Type": "Integer", "DefaultValue": 0},
        {"Name": "ExitCode", "Type": "Integer", "DefaultValue": 0},
        {"Name": "Verdict", "Type": "String", "DefaultValue": "good"},
    ],
    "Steps": [
        {**step("Work", {"Get": "Parameters.Seconds"}), "DisplayName": "The work"},
        {
            "Name": "Decide",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {"Type": "Equals", "LeftValue": {"Get": "Parameters.Verdict"}, "RightValue": "good"},
                    {
                        "Type": "Equals",
                        "LeftValue": {"Get": "Steps.Work.ProcessingJobStatus"},
                        "RightValue": "Completed",
                    },
                ],
                "IfSteps": [step("Quick", 0, exit_code=0)],
                "ElseSteps": [
                    {
                        "Name": "Refuse",
                        "Type": "Fail",
                        "Arguments": {
                            "ErrorMessage": {
                                "Std:Join": {"On": " ", "Values": ["Verdict:", {"Get": "Parameters.Verdict"}]}
                            }
                        },
                    }
                ],
            },
        },
    ],
}

dag = pipeline_dag(DEFINITION, dag_id="started", pipeline_name="Started-Pipeline", poll_interval=2)
for name in ("Work", "Quick"):
    dag.get_task(name).waiting = Waiting(poll_interval=2, settle=1)
