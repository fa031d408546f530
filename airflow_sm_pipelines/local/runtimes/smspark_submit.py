"""The program ``smspark-submit`` of AWS's Spark image, with the Spark that ``pyspark`` brings.

Its options are those of AWS's program (repository aws/sagemaker-spark-container): the ones for files take a folder,
too. Spark runs on this machine with two threads instead of on the instances' YARN, so what the configuration says about
the memory and the executors of a cluster has no effect.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.local.runtimes.start import fail

_CONFIGURATION = "processing/input/conf/configuration.json"

_FLAGS = {"-v": "--verbose", "--verbose": "--verbose"}
_FILES = ("--jars", "--py-files", "--files")
_OTHERS = ("--class", "--local-spark-event-logs-dir", "--spark-event-logs-s3-uri")

_PREFIXES = {"spark-defaults": "", "core-site": "spark.hadoop.", "hdfs-site": "spark.hadoop."}
"""Classifications of the configuration that Spark has properties for, and what their names begin with there."""

_NO_JAVA = (
    "ClientError: the local runtime smspark_submit cannot run: there is no Java runtime, neither at JAVA_HOME nor as "
    "java on the PATH; install one (on Debian: apt-get install default-jre-headless)"
)


def main(base: Path, arguments: list[str]) -> int:
    """Become ``spark-submit``.

    Args:
        base: ``/opt/ml``.
        arguments: Those of ``smspark-submit``.

    Returns:
        An exit code, if it cannot.
    """
    import pyspark  # here, so that its absence is told like that of all packages

    home = os.environ.get("JAVA_HOME")
    if shutil.which(f"{home}/bin/java" if home else "java") is None:
        return fail(base, _NO_JAVA)
    spark = Path(pyspark.__path__[0])
    try:
        command = [str(spark / "bin" / "spark-submit"), *spark_arguments(arguments, base / _CONFIGURATION)]
    except ValueError as error:
        return fail(base, f"ClientError: smspark-submit: {error}")
    print(f"Running Spark {pyspark.__version__} of this machine: {shlex.join(command)}", flush=True)
    variables = {**os.environ, "SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable}
    return os.execve(command[0], command, variables)  # noqa: S606 - it is to get the signals


def spark_arguments(arguments: list[str], configuration: Path) -> list[str]:
    """Return the arguments of ``spark-submit``.

    Args:
        arguments: Those of ``smspark-submit``.
        configuration: The file in which the SDK sends the ``configuration`` of a processor; need not exist.

    Raises:
        ValueError: They are not those of ``smspark-submit``, or name files that do not exist.
    """
    options, application = _split(arguments)
    words = ["--master", "local[2]"]
    for name, value in options:
        if name in _FILES:
            words += [name, ",".join(_files(value))]
        elif name == "--local-spark-event-logs-dir":
            words += ["--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir=file://{value}"]
        elif name == "--spark-event-logs-s3-uri":
            raise ValueError(f"the local AWS does not support {name}; --local-spark-event-logs-dir does the same")
        else:
            words += [name, value] if value else [name]
    for name, value in _properties(configuration):
        words += ["--conf", f"{name}={value}"]
    return [*words, *application]


def _split(arguments: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the options, and the application with its own arguments."""
    options, rest = list[tuple[str, str]](), list(arguments)
    while rest and rest[0].startswith("-"):
        name, has_value, value = rest.pop(0).partition("=")
        if name in _FLAGS:
            options.append((_FLAGS[name], ""))
        elif name not in (*_FILES, *_OTHERS):
            raise ValueError(f"no such option: {name}")
        elif has_value or rest:
            options.append((name, value if has_value else rest.pop(0)))
    if not rest:
        raise ValueError("missing parameter: app")
    return options, rest


def _files(value: str) -> Iterator[str]:
    """Yield the files of a comma-separated list, those of a folder in its place."""
    for word in value.split(","):
        path = Path(word)
        if "://" in word or path.is_file():
            yield word
        elif not path.is_dir():
            raise ValueError(f"{word} does not exist")
        else:
            found = sorted(str(file) for file in path.iterdir() if file.is_file())
            if not found:
                raise ValueError(f"there are no files in {word}")
            yield from found


def _properties(configuration: Path) -> Iterator[tuple[str, str]]:
    """Yield the properties of Spark that a configuration sets; the rest of it is for programs that do not run here."""
    if not configuration.is_file():
        return
    document: Any = json.loads(configuration.read_text())
    for entry in document if isinstance(document, list) else [document]:
        classification = entry["Classification"]
        if classification not in _PREFIXES:
            print(f"The classification {classification} of the configuration has no effect here", flush=True)
            continue
        for name, value in entry.get("Properties", {}).items():
            yield f"{_PREFIXES[classification]}{name}", str(value)
