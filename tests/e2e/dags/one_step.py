"""One step; the run says how long its job lasts and with which code it ends."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(definition(step("Work", {"Get": "Parameters.Seconds"})), dag_id="one_step", poll_interval=2)
