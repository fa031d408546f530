"""Two steps and a loop of three items, each with two steps."""

from sleeping_steps import step

from airflow_sm_pipelines import pipeline_dag

DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Seconds", "Type": "Integer", "DefaultValue": 1}],
    "Steps": [
        step("Alone", 2, exit_code=0),
        {
            "Name": "Each",
            "Type": "ForEach",
            "Arguments": {
                "IterableItems": ["a", "b", "c"],
                "MaxConcurrency": 3,
                "ForEachBody": [
                    step("First", {"Get": "Parameters.Seconds"}, exit_code=0),
                    step("Second", 1, "First", exit_code=0),
                ],
            },
        },
        step("Other", 2, exit_code=0),
    ],
}

dag = pipeline_dag(DEFINITION, dag_id="parallel_few", poll_interval=1)
