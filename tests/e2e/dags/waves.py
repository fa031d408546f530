"""Twenty independent steps whose jobs last 0, 1, 5, 12 and 20 seconds."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag

DURATIONS = (0, 1, 5, 12, 20)

dag = pipeline_dag(
    definition(*(step(f"Sleep{seconds}-{copy}", seconds) for seconds in DURATIONS for copy in range(4))),
    dag_id="waves",
    poll_interval=2,
)
