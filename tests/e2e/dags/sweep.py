from airflow_sm_pipelines import stop_orphans_dag

dag = stop_orphans_dag(dag_id="sweep", schedule=None)
