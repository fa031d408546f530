"""DAGs that start when an asset has changed."""

from airflow.sdk import DAG, Asset, task


@task
def tell(triggering_asset_events=None):
    return [event.extra for events in triggering_asset_events.values() for event in events]


SCHEDULES = {
    "deploy": Asset("x-sagemaker://model-package-group/abalone"),
    "report": Asset("s3://e2e/clean"),
    # The same URI under another name. Airflow lets only one of the two be active, and this may be the one.
    "claims": Asset(name="mine", uri="x-sagemaker://model-package-group/claimed"),
    # No definition names this group: a run does.
    "other": Asset("x-sagemaker://model-package-group/other"),
}
for dag_id, asset in SCHEDULES.items():
    with DAG(dag_id, schedule=[asset]) as dag:
        tell()
    globals()[dag_id] = dag
