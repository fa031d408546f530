"""The diabetes pipeline as a part of a bigger DAG: tasks of your own before it, after it, and beside its failures."""

from airflow.sdk import DAG, task

from airflow_sm_pipelines import pipeline_task_group


def tell_the_team(context):
    """Stand for a notifier, such as that of Slack: Airflow calls it in the worker when the step has failed for good."""
    print(f"{context['ti'].task_id} failed: {context['exception']}")


with DAG("diabetes_in_a_dag", tags=["example"]) as dag:

    @task
    def choose_limit():
        """Return the highest error with which a model is still registered."""
        return 4000.0

    @task
    def announce(model, package):
        """Tell where the model is: the arguments are parts of what two steps have published."""
        print(f"{package} has the model {model}")
        return package

    diabetes = pipeline_task_group(
        "diabetes.json",
        parameters={"MaxMse": choose_limit()},
        overrides={"Training": {"on_failure_callback": tell_the_team}},
    )
    announce(
        model=diabetes["Train"].output["ModelArtifacts"]["S3ModelArtifacts"],
        package=diabetes["Register-RegisterModel"].output["ModelPackageArn"],
    )
