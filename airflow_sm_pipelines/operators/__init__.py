"""One operator per step type, each a few lines over the one path of `airflow_sm_pipelines.execution`."""
