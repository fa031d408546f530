"""The champion pipeline as a DAG; what it expects to find, `sm-pipelines demo --pipeline diabetes_champion` makes."""

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("diabetes_champion.json")
