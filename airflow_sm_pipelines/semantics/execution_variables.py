"""The values of execution variables, in the service's own forms.

Names and meaning: SDK, ``ExecutionVariables``. The form of a time is documented nowhere; *assumed* is that of AWS's
other services, ISO 8601 in UTC with milliseconds and ``Z``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_LONGEST_ENTITY_NAME = 120


def execution_time(moment: datetime) -> str:
    """Return a time as ``StartDateTime`` and ``CurrentDateTime`` tell it, e.g. ``2026-01-02T03:04:05.000Z``.

    Two such texts compare as their times do, also with a time of the same form in a condition.

    Args:
        moment: The time, with its time zone.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pipeline_arn(partition: str, region: str, account: str, pipeline: str) -> str:
    """Return the ARN that a pipeline has in the service; the case of its name is kept (API reference, ``PipelineArn``).

    Args:
        partition: The AWS partition, e.g. ``aws``.
        region: The AWS region.
        account: The AWS account, 12 digits.
        pipeline: Name of the pipeline.
    """
    return f"arn:{partition}:sagemaker:{region}:{account}:pipeline/{pipeline}"


def execution_arn(pipeline: str, execution_id: str) -> str:
    """Return the ARN of an execution (API reference, ``PipelineExecutionArn``).

    Args:
        pipeline: ARN of the pipeline.
        execution_id: Id of the execution, 12 characters.
    """
    return f"{pipeline}/execution/{execution_id}"


def entity_name(pipeline: str) -> str:
    """Return the name of a pipeline as an experiment may have it.

    The name of a pipeline in the service is always fit for one. Ours may be the id of a DAG, which has underscores and
    dots (API reference, ``ExperimentEntityName``: letters, digits and inner hyphens, at most 120).

    Args:
        pipeline: Name of the pipeline.
    """
    hyphened = re.sub(r"[^A-Za-z0-9]", "-", pipeline).strip("-")
    return hyphened[:_LONGEST_ENTITY_NAME].strip("-") or "pipeline"
