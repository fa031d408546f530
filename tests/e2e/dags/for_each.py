"""A loop over items that the run gives: each has its own seconds and exit code; the body has two steps."""

from sleeping_steps import step

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Items", "Type": "String", "DefaultValue": "[]"}],
    "Steps": [
        {
            "Name": "Each",
            "Type": "ForEach",
            "Arguments": {
                "IterableItems": {"Get": "Parameters.Items"},
                "MaxConcurrency": 2,
                "ForEachBody": [
                    step(
                        "First",
                        {"Get": "ForEach.CurrentItem.seconds"},
                        exit_code={"Get": "ForEach.CurrentItem.exit"},
                    ),
                    step("Second", {"Get": "ForEach.CurrentItem.then"}, "First", exit_code=0),
                ],
            },
        },
        step("After", 0, "Each", exit_code=0),
    ],
}

dag = pipeline_dag(DEFINITION, dag_id="for_each", poll_interval=2)
for name in ("First", "Second"):
    dag.get_task(name).waiting = Waiting(poll_interval=2, settle=1)
