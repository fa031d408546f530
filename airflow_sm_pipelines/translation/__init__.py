"""From a pipeline definition to a DAG or a task group. Runs at parse time, in every process of Airflow."""
