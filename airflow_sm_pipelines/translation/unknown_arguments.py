"""Refuses keyword arguments that neither this package nor Airflow knows, before anything else is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature

from airflow_sm_pipelines.definition.suggestions import did_you_mean

# What others call it: the SageMaker SDK, boto3, Airflow 2.
_OTHER_NAMES = {
    "role": "role_arn",
    "execution_role": "role_arn",
    "execution_role_arn": "role_arn",
    "region": "region_name",
    "connection": "aws_conn_id",
    "conn_id": "aws_conn_id",
    "name": "pipeline_name",
    "id": "dag_id",
    "schedule_interval": "schedule",
    "timetable": "schedule",
    "concurrency": "max_active_tasks",
}


def refuse_unknown_arguments(
    function: Callable[..., object], known_besides: Iterable[Callable[..., object]], arguments: Mapping[str, object]
) -> None:
    """Refuse an argument that nobody knows, with the one that may have been meant.

    Args:
        function: The function that was called, for the message; it knows its own parameters.
        known_besides: What takes the arguments that are not the function's: other functions, a class of Airflow.
        arguments: The arguments that are not the function's own parameters.

    Raises:
        TypeError: There is such an argument.
    """
    if not arguments:
        return
    known = {name for one in (function, *known_besides) for name in signature(one).parameters}
    for name in sorted(arguments.keys() - known):
        message = f"{function.__name__}() got an unexpected keyword argument {name!r}"
        raise TypeError("; ".join(filter(None, (message, _hint(name, known)))))


def _hint(name: str, known: set[str]) -> str:
    from airflow.sdk import BaseOperator

    other = _OTHER_NAMES.get(name)
    if other in known:
        return f"did you mean `{other}`?"
    if name in signature(BaseOperator).parameters and {"default_args", "overrides"} <= known:
        return f"tasks take it: write default_args={{{name!r}: ...}}, or put it into overrides"
    return did_you_mean(name, known)
