"""The bodies of the requests, with the limits of SageMaker's API (botocore's service model).

Members that Airflow has no counterpart for are there too: whoever sends one is told, instead of getting something else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StrictFloat, StrictInt

Token = Annotated[str | None, Field(alias="ClientRequestToken", pattern=r"^[A-Za-z0-9_.~:+-]{32,128}$")]
"""An idempotency token; it becomes part of a run id, which these are the characters of."""

_LAST_SECOND = 253402300799  # of the year 9999
_Time = Annotated[StrictInt | StrictFloat | None, Field(ge=0, le=_LAST_SECOND)]
_DISPLAY_NAME = r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}$"
_LONGEST_DESCRIPTION = 900
"""Airflow keeps it as the run's note, which has 1000 characters; the rest is for what stopping the run adds."""


class Parameter(BaseModel):
    """A value of a pipeline parameter."""

    name: Annotated[str, Field(alias="Name", min_length=1, max_length=256)]
    value: Annotated[str, Field(alias="Value", max_length=1024)]


class Parallelism(BaseModel):
    """How many steps may be in progress at once."""

    most_steps: Annotated[StrictInt, Field(alias="MaxParallelExecutionSteps", ge=1)]


class SelectedStep(BaseModel):
    """A step to run."""

    name: Annotated[str, Field(alias="StepName", min_length=1, max_length=256)]


class Selection(BaseModel):
    """Which steps to run, and the execution whose results they use."""

    source: Annotated[str | None, Field(alias="SourcePipelineExecutionArn", max_length=2048)] = None
    steps: Annotated[list[SelectedStep], Field(alias="SelectedSteps", min_length=1, max_length=50)]


class Unsupported(BaseModel):
    """Members for which Airflow has no counterpart."""

    version: Annotated[object, Field(alias="PipelineVersionId")] = None
    version_alias: Annotated[object, Field(alias="PipelineVersionAlias")] = None
    role: Annotated[object, Field(alias="RoleArn")] = None


class Start(Unsupported):
    """StartPipelineExecution."""

    pipeline: Annotated[str, Field(alias="PipelineName", min_length=1, max_length=2048)]
    display_name: Annotated[str | None, Field(alias="PipelineExecutionDisplayName", pattern=_DISPLAY_NAME)] = None
    description: Annotated[str | None, Field(alias="PipelineExecutionDescription", max_length=_LONGEST_DESCRIPTION)] = (
        None
    )
    parameters: Annotated[list[Parameter] | None, Field(alias="PipelineParameters", max_length=200)] = None
    parallelism: Annotated[Parallelism | None, Field(alias="ParallelismConfiguration")] = None
    selection: Annotated[Selection | None, Field(alias="SelectiveExecutionConfig")] = None
    mlflow_experiment: Annotated[str | None, Field(alias="MlflowExperimentName", min_length=1, max_length=256)] = None
    token: Token = None


class OfExecution(BaseModel):
    """A request about one execution: DescribePipelineExecution and the like."""

    execution: Annotated[str, Field(alias="PipelineExecutionArn", min_length=1, max_length=2048)]


class Stop(OfExecution):
    """StopPipelineExecution."""

    token: Token = None


class Retry(OfExecution):
    """RetryPipelineExecution."""

    parallelism: Annotated[Parallelism | None, Field(alias="ParallelismConfiguration")] = None
    token: Token = None


class Page(BaseModel):
    """A part of a list."""

    next_token: Annotated[str | None, Field(alias="NextToken", max_length=8192)] = None
    most: Annotated[StrictInt, Field(alias="MaxResults", ge=1, le=100)] = 100


class ExecutionPage(Page, OfExecution):
    """ListPipelineParametersForExecution."""


class StepsPage(ExecutionPage):
    """ListPipelineExecutionSteps."""

    order: Annotated[Literal["Ascending", "Descending"], Field(alias="SortOrder")] = "Descending"


class ExecutionsPage(Page):
    """ListPipelineExecutions."""

    pipeline: Annotated[str, Field(alias="PipelineName", min_length=1, max_length=2048)]
    created_after: Annotated[_Time, Field(alias="CreatedAfter")] = None
    created_before: Annotated[_Time, Field(alias="CreatedBefore")] = None
    order: Annotated[Literal["Ascending", "Descending"], Field(alias="SortOrder")] = "Descending"
    sort_by: Annotated[Literal["CreationTime"], Field(alias="SortBy")] = "CreationTime"
    version_alias: Annotated[object, Field(alias="PipelineVersionAlias")] = None
