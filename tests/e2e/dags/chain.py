"""Two steps, the second after the first; also without deferral."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(
    definition(step("First", {"Get": "Parameters.Seconds"}), step("Second", 0, "First")),
    dag_id="chain",
    deferrable=False,
    poll_interval=1,
)
