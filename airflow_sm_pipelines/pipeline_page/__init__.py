"""The pipeline page in Airflow's UI: graph, steps, metrics and comparisons; all of it runs in Airflow's API server."""
