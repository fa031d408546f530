"""One EMR step that sleeps, on the cluster that a run names (an Airflow dag)."""

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

SECONDS = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Seconds"}]}}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Seconds", "Type": "Integer", "DefaultValue": 0},
        {"Name": "ClusterId", "Type": "String", "DefaultValue": "j-NONE"},
    ],
    "Steps": [
        {
            "Name": "Work",
            "Type": "EMR",
            "Arguments": {
                "ClusterId": {"Get": "Parameters.ClusterId"},
                "StepConfig": {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["sleep", SECONDS]}},
            },
        }
    ],
}

dag = pipeline_dag(DEFINITION, dag_id="emr_step", poll_interval=2)
dag.get_task("Work").waiting = Waiting(poll_interval=2, settle=1)
