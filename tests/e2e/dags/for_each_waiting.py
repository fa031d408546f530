"""The loop of `for_each` without deferral: whoever waits for a turn is started again and again."""

from for_each import DEFINITION

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag(DEFINITION, dag_id="for_each_waiting", deferrable=False, poll_interval=1)
