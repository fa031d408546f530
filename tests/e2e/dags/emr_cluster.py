"""One EMR step that sleeps, on a cluster of its own (an Airflow dag)."""

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

SECONDS = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Seconds"}]}}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Seconds", "Type": "Integer", "DefaultValue": 0}],
    "Steps": [
        {
            "Name": "Work",
            "Type": "EMR",
            "Arguments": {
                "ClusterConfig": {"ReleaseLabel": "emr-7.0.0", "Instances": {"InstanceCount": 1}},
                "StepConfig": {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["sleep", SECONDS]}},
            },
        }
    ],
}

dag = pipeline_dag(DEFINITION, dag_id="emr_cluster", poll_interval=2)
dag.get_task("Work").waiting = Waiting(poll_interval=2, settle=1)
