"""Nested branches, steps after failures, steps after both branches (an Airflow dag)."""

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("branches.json")
