"""Runs spark-submit on this machine, for work that was meant for a cluster.

It runs with ``--master local[2]`` instead of the cluster's YARN. The application's file is brought from S3 first: only
EMR's Spark reads ``s3://`` by itself, and data behind such a URI is out of the reach of a Spark without EMR's files.
"""

from __future__ import annotations

import posixpath
import shutil

from airflow_sm_pipelines.local.jobs.container import JobFailure, S3Download

_CODE = "/opt/ml/emr"
_OPTIONS_OF_THE_CLUSTER = frozenset({"--master", "--deploy-mode"})
_FLAGS = frozenset({"--verbose", "-v", "--supervise"})


def spark_submit(arguments: list[str]) -> tuple[tuple[str, ...], tuple[S3Download, ...]]:
    """Return the command and its code.

    Args:
        arguments: ``spark-submit`` and its arguments, as they were meant for a cluster.

    Raises:
        JobFailure: There is no such program here.
    """
    if shutil.which(arguments[0]) is None:
        raise JobFailure(f"{arguments[0]} is not installed on this machine, so there is no Spark to run this with")
    options, rest = _split(arguments[1:])
    words = (arguments[0], "--master", "local[2]", *options)
    if not rest or not rest[0].startswith("s3://"):
        return (*words, *rest), ()
    return (*words, place_of(rest[0]), *rest[1:]), (code_from(rest[0]),)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the options that count here, and the application with its own arguments."""
    options, rest = list[str](), list(arguments)
    while rest and rest[0].startswith("-"):
        name, has_value, _ = rest[0].partition("=")
        length = 1 if has_value or name in _FLAGS else 2
        if name not in _OPTIONS_OF_THE_CLUSTER:
            options += rest[:length]
        del rest[:length]
    return options, rest


def code_from(uri: str) -> S3Download:
    """Return the download of one file of code."""
    return S3Download("code", uri, _CODE)


def place_of(uri: str) -> str:
    """Return where `code_from` puts a file, as the command sees it."""
    return f"{_CODE}/{posixpath.basename(uri)}"
