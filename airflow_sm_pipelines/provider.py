"""What Airflow discovers about this package (entry point ``apache_airflow_provider``).

Runs in every Airflow process that asks for provider metadata; the schema is Airflow's own
``provider_info.schema.json``.
"""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata: its name, extra links, command and configuration section."""
    return {
        "package-name": "airflow-sm-pipelines",
        "name": "SageMaker Pipelines",
        "description": "Runs Amazon SageMaker pipeline definitions as Airflow DAGs.",
        "versions": [__version__],
        "extra-links": [
            "airflow_sm_pipelines.execution.links.JobConsoleLink",
            "airflow_sm_pipelines.execution.links.JobLogsLink",
            "airflow_sm_pipelines.execution.links.OutputsLink",
            "airflow_sm_pipelines.execution.links.EmrConsoleLink",
            "airflow_sm_pipelines.execution.links.ModelPackageLink",
            "airflow_sm_pipelines.execution.links.EndpointLink",
            "airflow_sm_pipelines.execution.links.CacheSourceLink",
        ],
        "cli": ["airflow_sm_pipelines.execution.airflow_internals.cli_command.get_commands"],
        "config": {
            "sm_pipelines": {
                "description": "Settings of the SageMaker Pipelines provider.",
                "options": {
                    "deployment": {
                        "description": (
                            "Name of this Airflow deployment. It is part of every execution id and a tag of every "
                            "AWS resource. By default it is a random id, which the scheduler keeps in the Airflow "
                            "variable sm_pipelines_deployment. Two deployments must not have the same name."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "ml-prod",
                        "default": None,
                    },
                    "arn_prefix": {
                        "description": (
                            "How the ARNs of pipelines and executions begin in the answers to programs that start "
                            "pipelines through SageMaker's API: partition, service, region and account. The API "
                            "server has no connection to AWS that it could ask."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "arn:aws:sagemaker:eu-west-1:123456789012",
                        "default": None,
                    },
                    "airflow_tags": {
                        "description": (
                            "Whether AWS resources also get the tags airflow:dag_id, airflow:run_id and "
                            "airflow:task_id, for people and for cost reports. The tags sm-pipelines:..., by which "
                            "resources are found again, do not depend on this."
                        ),
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": "False",
                        "default": "True",
                    },
                },
            }
        },
    }
