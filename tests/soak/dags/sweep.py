"""The sweep, for when it is asked for."""

from airflow_sm_pipelines import stop_orphans_dag

dag = stop_orphans_dag(schedule=None)
