"""The ARNs of pipelines and executions.

An execution's id is the one that its steps have, too: ``Execution.PipelineExecutionId``, and the names of its jobs. Of
account and region the API server knows nothing: each step learns them from its own connection. So an ARN begins here
as that of the request does; for a request with a mere name, with ``[sm_pipelines] arn_prefix``, or with
`UNKNOWN_ACCOUNT`. In a request, account and region do not matter: the endpoint that it was sent to says which Airflow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow.sdk.configuration import conf

from airflow_sm_pipelines.aws_json import invalid

UNKNOWN_ACCOUNT = "arn:aws:sagemaker:airflow:000000000000"
"""How ARNs begin unless somebody has said otherwise: of Airflow, not of AWS."""

_START = r"(?P<start>arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:(?:[0-9]{12}|aws)):pipeline/"
_PIPELINE = re.compile(rf"(?:{_START})?(?P<name>[\w.-]+)")
_EXECUTION = re.compile(rf"{_START}(?P<name>[\w.-]+)/execution/(?P<id>[\w-]+)")


@dataclass(frozen=True, slots=True)
class PipelineReference:
    """A pipeline as a request names it.

    Attributes:
        name: Its name, or the id of its DAG.
        start: How ARNs begin: partition, region and account.
    """

    name: str
    start: str

    @property
    def arn(self) -> str:
        """The pipeline's ARN."""
        return f"{self.start}:pipeline/{self.name}"

    def execution_arn(self, execution_id: str) -> str:
        """Return the ARN of one of its executions."""
        return f"{self.arn}/execution/{execution_id}"


@dataclass(frozen=True, slots=True)
class ExecutionReference:
    """An execution as a request names it.

    Attributes:
        pipeline: Its pipeline.
        execution_id: Its id.
    """

    pipeline: PipelineReference
    execution_id: str

    @property
    def arn(self) -> str:
        """The execution's ARN."""
        return self.pipeline.execution_arn(self.execution_id)


def read_pipeline(text: str) -> PipelineReference:
    """Return the pipeline that a ``PipelineName`` names: a name, the id of a DAG, or an ARN.

    Raises:
        RefusedRequestError: It is none of them.
    """
    found = _PIPELINE.fullmatch(text)
    if found is None:
        raise invalid(f"PipelineName must be a pipeline's name, its ARN, or the id of its DAG, not {text!r}")
    return PipelineReference(found["name"], found["start"] or _configured_start())


def read_execution(arn: str) -> ExecutionReference:
    """Return the execution that a ``PipelineExecutionArn`` names.

    Raises:
        RefusedRequestError: It is no ARN of an execution.
    """
    found = _EXECUTION.fullmatch(arn)
    if found is None:
        raise invalid(f"PipelineExecutionArn must be the ARN of a pipeline execution, not {arn!r}")
    return ExecutionReference(PipelineReference(found["name"], found["start"]), found["id"])


def is_execution_arn(text: str) -> bool:
    """Tell whether a text is the ARN of an execution."""
    return _EXECUTION.fullmatch(text) is not None


def _configured_start() -> str:
    return str(conf.get("sm_pipelines", "arn_prefix", fallback="") or "").rstrip(":") or UNKNOWN_ACCOUNT
