"""Batch transform: sends the input files to the model's containers and writes their answers.

Each container is a process of its own (`serving`), or runs in Docker (`image_server`); the answer of one is the request
of the next. The rules of splitting and assembling are those of the API reference of CreateTransformJob (TransformInput,
TransformOutput, BatchStrategy, MaxPayloadInMB).
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.local.runtimes.data_processing import DataProcessing
from airflow_sm_pipelines.local.runtimes.image_server import ImageServer
from airflow_sm_pipelines.local.runtimes.serving_process import InvocationError, ServingProcess
from airflow_sm_pipelines.local.runtimes.start import fail

_Server = ServingProcess | ImageServer

_SEE_LOG = "See job logs for more information"
"""The rest of a transform job's failure reason (public reports)."""


def main(base: Path, arguments: list[str]) -> int:
    """Transform every input file.

    Args:
        base: ``/opt/ml``.
        arguments: Name of the plan's file below it.
    """
    plan = json.loads((base / arguments[0]).read_text())
    source, target = base / "transform" / "input", base / "transform" / "output"
    processes: list[_Server] = []
    images = iter(json.loads(os.environ.get("LOCAL_AWS_MODEL_SERVERS", "[]")))
    try:
        for number, container in enumerate(plan["containers"], start=1):
            if container["runtime"] == "image_server":
                processes.append(ImageServer(next(images), plan["timeout_seconds"]))
            else:
                processes.append(ServingProcess(base, container, number, plan["timeout_seconds"]))
        errors = [error for path in _files(source) if (error := _transform(path, source, target, plan, processes))]
    except InvocationError as error:  # a container does not start
        return fail(base, _reason(error))
    finally:
        for process in processes:
            process.close()
    return fail(base, _reason(errors[0])) if errors else 0


def _reason(error: InvocationError) -> str:
    print(error, file=sys.stderr, flush=True)
    if error.reason:
        return error.reason
    return f"{'ClientError' if error.status < 500 else 'AlgorithmError'}: {_SEE_LOG}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _transform(
    path: Path, source: Path, target: Path, plan: dict[str, Any], processes: list[_Server]
) -> InvocationError | None:
    """Transform one file; its output is written only when all of it is there."""
    name = path.relative_to(source)
    try:
        data = path.read_bytes()
        if plan["compression"] == "Gzip":
            data = gzip.decompress(data)
        answers = b"".join(_answers(data, plan, processes))
    except InvocationError as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        return error
    except (OSError, EOFError) as error:
        return InvocationError(400, f"{name}: {error}")
    output = target / f"{name}.out"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(answers)
    return None


def _answers(data: bytes, plan: dict[str, Any], processes: list[_Server]) -> Iterator[bytes]:
    processing = DataProcessing(**plan["data_processing"], content_type=plan["content_type"], accept=plan["accept"])
    for payload in _payloads(data, plan):
        body, content_type = processing.filter_input(payload), plan["content_type"]
        for process in processes:
            accept = plan["accept"] if process is processes[-1] else ""
            body, content_type = process.invoke(body, content_type, accept)
        body = processing.join(payload, body)
        yield body + b"\n" if plan["assemble_with"] == "Line" and not body.endswith(b"\n") else body


def _payloads(data: bytes, plan: dict[str, Any]) -> Iterator[bytes]:
    limit = plan["max_payload_bytes"]
    if plan["split_type"] == "None":
        yield _within(data, limit)
        return
    batch = b""
    for line in data.splitlines(keepends=True):
        record = _within(line, limit)
        if plan["batch_strategy"] == "SingleRecord":
            yield record.rstrip(b"\r\n")
            continue
        if batch and limit and len(batch) + len(record) > limit:
            yield batch
            batch = b""
        batch += record
    if batch:
        yield batch


def _within(payload: bytes, limit: int) -> bytes:
    if limit and len(payload) > limit:
        raise InvocationError(413, f"a payload of {len(payload)} bytes is larger than MaxPayloadInMB, {limit} bytes")
    return payload
