"""A definition by the name that a command is given: a file, or a source that it can be exported from."""

from __future__ import annotations

from pathlib import Path

from airflow_sm_pipelines.definition.json_text import decode
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.preview.sources import fetch_definition
from airflow_sm_pipelines.preview.stored_definitions import FoundDefinition, SourceError


def named_definition(name: str, *, region: str | None = None) -> Pipeline:
    """Return the pipeline that a name means.

    Args:
        name: Path of a file; an ARN of a pipeline or an execution; or a source of `sm-pipelines export`.
        region: AWS region of what AWS stores; that of the ARN or the environment by default.

    Raises:
        SourceSyntaxError: There is no such file, and the name is no source either.
        SourceError: The source gives no definition.
        InvalidDefinitionError: The definition breaks rules of the language.
        OSError: The file cannot be read.
    """
    is_source = ":" in name and not Path(name).exists()
    if not is_source:
        return load_pipeline(Path(name))
    return loaded(fetch_definition(f"pipeline:{name}" if name.startswith("arn:") else name, region=region), name)


def loaded(found: FoundDefinition, name: str) -> Pipeline:
    """Return the pipeline of a definition that was fetched.

    Args:
        found: The definition, with what stands around it.
        name: What it is called, for messages.

    Raises:
        SourceError: It is not JSON.
        InvalidDefinitionError: It breaks rules of the language.
    """
    faults = Faults()
    document = decode(found.text, "", faults)
    if faults:
        raise SourceError(f"{name}: {'; '.join(map(str, faults))}")
    whole: JsonObject = {**found.surroundings, "PipelineDefinition": document}
    return load_pipeline(whole if found.surroundings or not isinstance(document, dict) else document)
