"""``sm-pipelines export SOURCE -o FILE``: write the definition of an SDK object, or one that AWS stores, to a file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from airflow_sm_pipelines.cli.sdk_object import SdkObjectError, definition_of
from airflow_sm_pipelines.cli.stored_definition import FetchError, from_pipeline, from_s3
from airflow_sm_pipelines.definition.json_text import decode
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.errors import InvalidDefinitionError, SageMakerPipelinesError

_UPLOAD_NOTE = "Making a definition uploads the code of its Lambda functions and @step functions, if it has any."


class SourceSyntaxError(SageMakerPipelinesError, ValueError):
    """A source is of none of the three forms."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``export``."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="MODULE:NAME, a Pipeline object of the SageMaker SDK (MODULE: a .py file or a module's name); "
        "s3://BUCKET/KEY, a stored definition; or pipeline:NAME, a pipeline of the SageMaker service",
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="where to write it; - is standard output")
    parser.add_argument("--region", help="AWS region of a stored definition (default: that of the environment)")
    parser.add_argument("--version-id", help="version of the S3 object (default: the current one)")


def run(args: argparse.Namespace) -> int:
    """Write the definition; 1 when there is none or it has errors, 2 when the source is of none of the forms."""
    try:
        text = _fetch(args.source, args.region, args.version_id)
    except SourceSyntaxError as error:
        print(f"sm-pipelines export: {error}", file=sys.stderr)
        return 2
    except (SdkObjectError, FetchError) as error:
        print(f"sm-pipelines export: {error}", file=sys.stderr)
        return 1
    faults = Faults()
    document = decode(text, "", faults)
    if faults:
        for fault in faults:
            print(f"sm-pipelines export: {args.source}: {fault}", file=sys.stderr)
        return 1
    return _write(document, args.output)


def _fetch(source: str, region: str | None, version_id: str | None) -> str:
    bucket, _, key = source.removeprefix("s3://").partition("/")
    if source.startswith("s3://") and bucket and key:
        return from_s3(bucket, key, version_id=version_id, region=region)
    head, _, name = source.rpartition(":")
    if source.startswith("s3://") or not head or not name:
        raise SourceSyntaxError(f"expected MODULE:NAME, s3://BUCKET/KEY or pipeline:NAME, found {source!r}")
    if source.startswith("pipeline:"):
        return from_pipeline(source.removeprefix("pipeline:"), region=region)
    print(_UPLOAD_NOTE, file=sys.stderr)
    return definition_of(head, name)


def _write(document: Json, output: str) -> int:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if output == "-":
        sys.stdout.write(text)
    else:
        try:
            Path(output).write_text(text, "utf-8", "backslashreplace")
        except OSError as error:
            print(f"sm-pipelines export: {output}: cannot be written: {error.strerror or error}", file=sys.stderr)
            return 1
    try:
        steps = len(load_pipeline(document if isinstance(document, dict) else text).steps)
    except InvalidDefinitionError as invalid:
        print(invalid, file=sys.stderr)
        return 1
    where = "" if output == "-" else f"{output}: "
    print(f"{where}{steps} {'step' if steps == 1 else 'steps'}", file=sys.stderr)
    return 0
