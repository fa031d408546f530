"""The S3 URIs of property files."""

from __future__ import annotations

from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.paths import look_up
from airflow_sm_pipelines.errors import EvaluationError, MissingMemberError


def property_file_uri(step: Step, name: str, properties: Json) -> str:
    """Return the S3 URI of a property file: ``FilePath`` below the output that the finished job reports.

    Args:
        step: The step that declares the file.
        name: Name of the file.
        properties: The step's properties.

    Raises:
        EvaluationError: The properties do not say where the output is.
    """
    declared = next(file for file in step.property_files if file.name == name)
    path = ("ProcessingOutputConfig", "Outputs", declared.output_name, "S3Output", "S3Uri")
    try:
        folder = look_up(properties, path)
    except MissingMemberError as error:
        raise EvaluationError(f"Steps.{step.name}.PropertyFiles.{name}", str(error)) from error
    return f"{str(folder).rstrip('/')}/{declared.file_path}"
