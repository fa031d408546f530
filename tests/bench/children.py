"""What a forked child needs, as Airflow forks one for each parse and each task."""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Child:
    """A child that has ended.

    Attributes:
        seconds: Its processor time.
        answer: What its work has returned.
    """

    seconds: float
    answer: Any


def in_a_child(work: Callable[[], Any]) -> Child:
    """Do some work in a forked child.

    Args:
        work: Returns what JSON can hold.

    Raises:
        RuntimeError: The child has ended before its work was done; what went wrong stands on its standard error.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = work()
            # A child's clock starts at its fork.
            os.write(writer, json.dumps([time.process_time(), answer]).encode())
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    if not text:
        raise RuntimeError("the child has not ended well")
    return Child(*json.loads(text))


def become_a_dag_processor() -> None:
    """Load what Airflow's DAG processor has loaded when it forks; a worker has no less."""
    import airflow.dag_processing.processor
    import airflow.providers.amazon.aws.operators.sagemaker
    import airflow.providers.standard.operators.empty  # noqa: F401

    import airflow_sm_pipelines.plugin  # noqa: F401

    gc.freeze()


def parse(file: Path) -> list[Any]:
    """Do what the DAG processor does with a file, and return the serialized DAGs.

    Raises:
        RuntimeError: The file has import errors.
    """
    import structlog
    from airflow.dag_processing.processor import DagFileParseRequest, _parse_file

    request = DagFileParseRequest(file=str(file), bundle_path=file.parent, bundle_name="bench", callback_requests=[])
    result = _parse_file(request, structlog.get_logger())
    if result is None or result.import_errors:
        raise RuntimeError(f"{file.name} cannot be imported: {result}")
    return list(result.serialized_dags)


def parsed_size(file: Path) -> int:
    """Do the same, and return the size of the serialized DAGs, in bytes."""
    return sum(len(json.dumps(dag.data, default=str)) for dag in parse(file))


def import_as_a_task(file: Path, dag_id: str, counted: Path | None = None) -> int:
    """Import a DAG file as a task process of one of its DAGs does.

    Args:
        file: The file.
        dag_id: The DAG.
        counted: A folder.

    Returns:
        How many files of that folder were opened meanwhile.
    """
    opened: set[str] = set()

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and counted is not None and str(arguments[0]).startswith(str(counted)):
            opened.add(str(arguments[0]))

    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    sys.addaudithook(note)
    runpy.run_path(str(file))
    return len(opened)
