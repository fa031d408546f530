"""Everything that can be told of a valid definition without AWS: what would be refused, and what may surprise."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sm_pipelines.definition.loading import position
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.preview.advice import DefinitionWarning, warnings
from airflow_sm_pipelines.preview.cache_advice import compared_attributes
from airflow_sm_pipelines.preview.property_findings import property_findings
from airflow_sm_pipelines.preview.request_findings import request_findings
from airflow_sm_pipelines.preview.step_rules import step_rule_findings


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in a definition that becomes a DAG.

    Attributes:
        errors: Why a step fails, whatever the parameters are.
        warnings: What may fail, or surprise.
        notes: What is good to know, and cannot be seen in the definition.
    """

    errors: tuple[DefinitionError, ...]
    warnings: tuple[DefinitionWarning, ...]
    notes: tuple[DefinitionNote, ...] = ()


@dataclass(frozen=True, slots=True)
class DefinitionNote:
    """Something that is good to know about a definition.

    Attributes:
        path: JSON path of the place.
        message: What it is.
        hint: Always empty.
    """

    path: str
    message: str
    hint: str = ""


def find(pipeline: Pipeline) -> Findings:
    """Return what is to be told of a pipeline. Reads botocore's models of the API, and asks nobody.

    Args:
        pipeline: A pipeline that `load_pipeline` returned.
    """
    told = {(one.path, one.message): one for one in (*property_findings(pipeline), *request_findings(pipeline))}
    found = sorted(told.values(), key=lambda one: position(one.path))
    return Findings(
        tuple(one for one in found if isinstance(one, DefinitionError)),
        (
            *warnings(pipeline),
            *step_rule_findings(pipeline),
            *(one for one in found if isinstance(one, DefinitionWarning)),
        ),
        tuple(
            DefinitionNote(f"{step.path}.CacheConfig", compared)
            for step in pipeline.steps
            if (compared := compared_attributes(step))
        ),
    )
