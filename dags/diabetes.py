"""The diabetes pipeline as a DAG: these two lines beside its definition, diabetes.json, are all of it."""

from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("diabetes.json")
