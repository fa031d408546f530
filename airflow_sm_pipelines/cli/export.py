"""``sm-pipelines export SOURCE -o FILE``: write the definition of an SDK object, or one that AWS stores, to a file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from airflow_sm_pipelines.cli.arguments import WRONG_USAGE
from airflow_sm_pipelines.definition.json_text import decode
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.preview.sources import SourceSyntaxError, fetch_definition
from airflow_sm_pipelines.preview.stored_definitions import SourceError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``export``."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="MODULE:NAME, a Pipeline object of the SageMaker SDK (MODULE: a .py file or a module's name); "
        "s3://BUCKET/KEY, a stored definition; or pipeline:NAME, a pipeline of the SageMaker service. In a folder with "
        "a pipeline.py, pipeline:NAME is an object of that file, and pipeline:ARN the pipeline of the service, or the "
        "one that an execution ran. A pipeline of the service is written with its name, role, description, tags and "
        "ParallelismConfiguration around the definition",
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="where to write it; - is standard output")
    parser.add_argument("--region", help="AWS region of a stored definition (default: that of ARN or environment)")
    parser.add_argument("--version-id", help="version of the S3 object or the pipeline (default: the current one)")
    parser.add_argument(
        "--definition-only", action="store_true", help="write a pipeline's definition without what stands around it"
    )


def run(args: argparse.Namespace) -> int:
    """Write the definition. Return 1 if there is none or it has errors, 2 if the source has none of the forms."""
    try:
        found = fetch_definition(args.source, region=args.region, version_id=args.version_id)
    except SourceSyntaxError as error:
        print(f"sm-pipelines export: {error}", file=sys.stderr)
        return WRONG_USAGE
    except SourceError as error:
        print(f"sm-pipelines export: {error}", file=sys.stderr)
        return 1
    faults = Faults()
    document = decode(found.text, "", faults)
    if faults:
        for fault in faults:
            print(f"sm-pipelines export: {args.source}: {fault}", file=sys.stderr)
        return 1
    is_whole = bool(found.surroundings) and not args.definition_only
    return _write({**found.surroundings, "PipelineDefinition": document} if is_whole else document, args.output)


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
