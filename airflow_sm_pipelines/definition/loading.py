"""Loads a pipeline definition from any of its forms, checks it, and returns a `Pipeline`.

Nothing here uses the network: a DAG file is parsed in every task process.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.definition.checks import check
from airflow_sm_pipelines.definition.json_text import decode, encode, place_in
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe, list_names
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.package_faults import package_faults
from airflow_sm_pipelines.definition.pipeline_resource import RESOURCE_MEMBERS, is_function, read_resource
from airflow_sm_pipelines.definition.reading import read_pipeline
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.errors import InvalidDefinitionError

_CLOUDFORMATION_TYPE = "AWS::SageMaker::Pipeline"


def load_pipeline(
    source: str | os.PathLike[str] | dict[str, Any], *, base_folder: str | os.PathLike[str] | None = None
) -> Pipeline:
    """Load and check a pipeline definition.

    Args:
        source: A path, JSON text (a string that starts with a brace), or a dict, which is not changed. The JSON is a
            definition or contains one: a request or response of CreatePipeline, UpdatePipeline or DescribePipeline, or
            a CloudFormation resource or template with one pipeline.
        base_folder: The folder that a relative path starts from; the working directory by default.

    Raises:
        InvalidDefinitionError: The definition breaks rules of the language; the group holds an error for each.
        PackageFaultError: The definition brought a fault of this package to light.
        OSError: The file cannot be read.
    """
    faults = Faults()
    name, text = _text_of(source, base_folder, faults)
    with package_faults(name):
        return _load(name, text, faults, is_authored=not isinstance(source, dict))


def _load(name: str, text: str, faults: Faults, *, is_authored: bool) -> Pipeline:
    document = None if faults else decode(text, "", faults, is_authored=is_authored)
    around: tuple[JsonObject, str] = ({}, "")
    if not faults:
        document, around = _definition_in(document, faults)
    digest = "" if faults else hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    if faults:
        raise InvalidDefinitionError(name, faults)
    resource = read_resource(*around, faults)
    read = read_pipeline(document, name, digest, faults)
    pipeline = replace(
        read, resource=resource, document=document if isinstance(document, dict) else {}, length=_length(text)
    )
    faults.extend(check(pipeline))
    if faults:
        raise InvalidDefinitionError(name, sorted(faults, key=lambda fault: position(fault.path)))
    return pipeline


def _length(text: str) -> int:
    """Return how long a JSON text is, without its indentation."""
    return len(text) - 2 * text.count("  ")


def _text_of(source: object, base_folder: str | os.PathLike[str] | None, faults: Faults) -> tuple[str, str]:
    """Return the name of a source for messages, and its JSON text."""
    if isinstance(source, dict):
        return "<dict>", encode(_without_dates(source), faults)
    if isinstance(source, str) and source.lstrip(" \t\r\n\ufeff").startswith("{"):
        return "<text>", source.lstrip("\ufeff")
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source), _read_file(Path(base_folder or "", source), faults)
    source_type = type(source)
    if hasattr(source, "definition") and hasattr(source, "steps"):
        name = f"{source_type.__module__}.{source_type.__name__}"
        message = f"{name} is a Pipeline object of the SageMaker SDK, not a definition"
        hint = (
            "creating its definition may upload code: run `sm-pipelines export MODULE:NAME -o FILE` and load that file"
        )
        faults.add("", message, hint)
    else:
        faults.add("", f"expected a path, JSON text or a dict, found a Python {source_type.__name__}")
    return f"<{source_type.__name__}>", ""


def _without_dates(source: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of boto3's ``describe_pipeline`` without the members that no JSON has; all else as it is.

    The others are not needed, and the digest must not change with the time of the last run.
    """
    if "PipelineDefinition" not in source or "Steps" in source:
        return source
    return {name: value for name, value in source.items() if name in RESOURCE_MEMBERS or name in _WRAPPERS}


def _read_file(path: Path, faults: Faults) -> str:
    if "\0" in str(path):
        faults.add("", "expected a path, JSON text or a dict, found a string with a NUL character")
        return ""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        readable = content.decode("utf-8", errors="replace")
        position = len(content[: error.start].decode("utf-8", errors="replace"))
        faults.add("", f"not JSON: invalid UTF-8 at byte {error.start}{place_in(readable, position)}")
        return ""


def position(path: str) -> list[tuple[int, str]]:
    """Return a sort key of a JSON path that counts as people do: ``Steps[9]`` before ``Steps[10]``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]{1,9})", path)]


def _definition_in(document: Json, faults: Faults) -> tuple[Json, tuple[JsonObject, str]]:
    """Return the definition inside an API request, an API answer or a CloudFormation resource or template.

    With it comes the object that has it as its ``PipelineDefinition``, empty if there is none, and that object's path.
    """
    path = ""
    around: tuple[JsonObject, str] = ({}, "")
    while isinstance(document, dict) and "Steps" not in document:
        wrapper = next((name for name in _WRAPPERS if name in document), None)
        if wrapper is None:
            break
        if wrapper == "PipelineDefinition":
            around = (document, path)
        path = f"{path}.{wrapper}" if path else wrapper
        document = _WRAPPERS[wrapper](document[wrapper], path, faults)
        if faults:
            return None, around
    if not isinstance(document, dict):
        hint = "the file holds the definition as a JSON string: write its text itself" if _is_encoded(document) else ""
        faults.add(path, f"expected a pipeline definition (an object), found {describe(document)}", hint)
    return document, around


def _is_encoded(document: Json) -> bool:
    """Tell whether a definition was written as a JSON string, as ``json.dump(pipeline.definition(), file)`` does."""
    return isinstance(document, str) and document.lstrip().startswith("{")


def _body(value: Json, path: str, faults: Faults) -> Json:
    if isinstance(value, str):
        return decode(value, path, faults)
    if isinstance(value, dict) and is_function(value):
        message = f"the CloudFormation function {next(iter(value))!r} is resolved only when the stack is deployed"
        faults.add(path, message, "load the deployed pipeline's definition, as DescribePipeline returns it")
    return value


def _stored_in_s3(value: Json, path: str, faults: Faults) -> Json:
    location = value if isinstance(value, dict) else {}
    uri = f"s3://{location.get('Bucket')}/{location.get('ObjectKey') or location.get('Key')}"
    message = f"the definition is stored at {uri}; definitions are loaded without network access"
    version = f" --version-id {location['VersionId']}" if "VersionId" in location else ""
    faults.add(path, message, f"run `sm-pipelines export {uri}{version} -o FILE` and load that file")
    return None


def _resource(value: Json, path: str, faults: Faults) -> Json:
    return value


def _only_pipeline(value: Json, path: str, faults: Faults) -> Json:
    resources: JsonObject = value if isinstance(value, dict) else {}
    pipelines = {
        name: resource
        for name, resource in resources.items()
        if isinstance(resource, dict) and resource.get("Type") == _CLOUDFORMATION_TYPE
    }
    if len(pipelines) == 1:
        return next(iter(pipelines.values()))
    found = f"this one has {list_names(pipelines)}" if pipelines else "this one has none"
    faults.add(path, f"expected a template with one {_CLOUDFORMATION_TYPE}; {found}", "load the resource by itself")
    return None


_WRAPPERS: dict[str, Callable[[Json, str, Faults], Json]] = {
    "PipelineDefinitionS3Location": _stored_in_s3,
    "PipelineDefinitionBody": _body,
    "PipelineDefinition": _body,
    "Properties": _resource,
    "Resources": _only_pipeline,
}
