"""One EMR Serverless job run with an application of its own, by a Spark that only sleeps (an Airflow dag)."""

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Seconds", "Type": "Integer", "DefaultValue": 0}],
    "Steps": [
        {
            "Name": "Work",
            "Type": "EMRServerless",
            "Arguments": {
                "ExecutionRoleArn": "arn:aws:iam::123456789012:role/EmrServerlessRole",
                "ApplicationConfig": {"releaseLabel": "emr-7.0.0", "type": "SPARK"},
                "JobConfig": {
                    "jobDriver": {
                        "sparkSubmit": {
                            "entryPoint": "sleep",
                            "entryPointArguments": [
                                {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Seconds"}]}}
                            ],
                        }
                    }
                },
            },
        }
    ],
}

dag = pipeline_dag(DEFINITION, dag_id="emr_serverless", poll_interval=2)
dag.get_task("Work").waiting = Waiting(poll_interval=2, settle=1)
