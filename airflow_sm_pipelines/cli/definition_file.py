"""The definition that a subcommand is told to work on."""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError


def read_definition(file: str) -> Pipeline | None:
    """Return the pipeline of a file; ``None`` after saying on standard error why there is none.

    Args:
        file: Its path, as named on the command line; never JSON text.
    """
    try:
        return load_pipeline(Path(file))
    except InvalidDefinitionError as invalid:
        print(invalid, file=sys.stderr)
    except OSError as error:
        print(f"{file}: cannot be read: {error.strerror or error}", file=sys.stderr)
    return None
