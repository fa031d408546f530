"""Files that hold the pipelines of an account and region: written whole, and only if they changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from airflow_sm_pipelines.aws.calls import call, pages
from airflow_sm_pipelines.definition.json_text import decode
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.preview.stored_definitions import FoundDefinition, SourceError

State = Literal["new", "changed", "unchanged", "gone", "failed"]

_LONGEST_ID = 250
"""Characters of a DAG id (Airflow); the name of a pipeline may have 256 (API reference, CreatePipeline)."""

_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class PulledDefinition:
    """A pipeline, and what became of its file.

    Attributes:
        pipeline: Name of the pipeline.
        file: The file; ``None`` if it has none.
        state: What the file is, or was before it was written.
        note: Why it failed, or what is wrong with the definition; empty if there is nothing to say.
    """

    pipeline: str
    file: Path | None
    state: State
    note: str = ""


def file_name(pipeline: str) -> str:
    """Return the name of a pipeline's file; without its extension it can be a DAG id, which a long name is cut for."""
    if len(pipeline) <= _LONGEST_ID:
        return f"{pipeline}.json"
    digest = hashlib.sha256(pipeline.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{pipeline[: _LONGEST_ID - _DIGEST_LENGTH - 1]}-{digest}.json"


def pull(found: FoundDefinition, folder: Path, *, check: bool) -> PulledDefinition:
    """Write a pipeline into its file, unless the file has the same content.

    Args:
        found: The definition, with what stands around it.
        folder: The folder of the files.
        check: Whether to write nothing.

    Raises:
        SourceError: The definition is not JSON, or the file holds a pipeline of another account or region.
        OSError: The file cannot be read or written.
    """
    name, arn = str(found.surroundings["PipelineName"]), str(found.surroundings["PipelineArn"])
    document = _document(found, name)
    content = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
    file = folder / file_name(name)
    before = file.read_bytes() if file.exists() else None
    state: State = "new" if before is None else "unchanged" if before == content else "changed"
    if before is not None and (other := _arn_in(before)) and other.lower() != arn.lower():
        raise SourceError(f"{file} holds {other}; choose another folder for {arn}")
    if state != "unchanged" and not check:
        _replace(file, content)
    return PulledDefinition(name, file, state, _errors_in(document, file))


def pipeline_names(client: Any) -> list[str]:
    """Return the names of all pipelines of an account and region, sorted.

    Args:
        client: A boto3 client for SageMaker.

    Raises:
        AwsCallError: A call failed.
    """
    return sorted(str(one["PipelineName"]) for one in pages(client, "ListPipelines", {}, "PipelineSummaries"))


def account_of(client: Any) -> str:
    """Return the account of the credentials.

    Args:
        client: A boto3 client for STS.

    Raises:
        AwsCallError: The call failed.
    """
    return str(call(client, "GetCallerIdentity", {})["Account"])


def gone_pipelines(folder: Path, present: set[str], account: str, region: str) -> Iterator[PulledDefinition]:
    """Yield the files in a folder whose pipeline is not in the account and region any more; they stay as they are.

    Args:
        folder: The folder.
        present: Names of the pipelines that are there.
        account: The AWS account, 12 digits.
        region: The AWS region.
    """
    kept = {name.lower() for name in present}
    for file in sorted(folder.glob("*.json")):
        arn = _arn_in(file.read_bytes())
        parts = arn.split(":")
        if len(parts) == 6 and parts[3:5] == [region, account]:
            name = parts[5].rpartition("/")[2]
            if name.lower() not in kept:
                yield PulledDefinition(name, file, "gone", "the file stays; delete it if nothing needs its DAG")


def _document(found: FoundDefinition, name: str) -> dict[str, Json]:
    faults = Faults()
    definition = decode(found.text, "", faults)
    if faults:
        raise SourceError(f"pipeline {name}: {'; '.join(map(str, faults))}")
    return {**found.surroundings, "PipelineDefinition": definition}


def _arn_in(content: bytes) -> str:
    """Return the ``PipelineArn`` in a file; empty if it has none, or is no JSON object."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    return str(document.get("PipelineArn", "")) if isinstance(document, dict) else ""


def _errors_in(document: dict[str, Json], file: Path) -> str:
    try:
        load_pipeline(document)
    except InvalidDefinitionError as invalid:
        number = len(invalid.exceptions)
        return f"{number} error{'' if number == 1 else 's'}: sm-pipelines check {file}"
    return ""


def _replace(file: Path, content: bytes) -> None:
    """Put a whole file in the place of another: nobody ever reads half of it, also when this process is killed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{hashlib.sha256(file.name.encode()).hexdigest()[:16]}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
