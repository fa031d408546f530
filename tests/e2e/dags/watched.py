"""Eight jobs at once that are deferred at once, as on AWS: enough to be listed."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(
    definition(*(step(f"Work{number}", {"Get": "Parameters.Seconds"}) for number in range(8))),
    dag_id="watched",
    poll_interval=2,
    overrides={"Processing": {"settle": 0}},
)
