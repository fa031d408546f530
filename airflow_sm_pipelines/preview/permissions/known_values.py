"""Values of planned requests as parts of ARNs: ``*`` stands for what only a run knows.

A property of another step is known if that step's own request says it: its outputs, its name, its model artifacts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from airflow_sm_pipelines.aws.authorization import ANY
from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.s3_objects import bucket_and_key
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.paths import Path, look_up
from airflow_sm_pipelines.definition.references import Namespace, parse_reference
from airflow_sm_pipelines.errors import ExpressionSyntaxError, MissingMemberError
from airflow_sm_pipelines.preview.permissions.permission import UnknownValue

_DEEPEST = 10
# What each run draws anew. A pattern must leave room for it in any case.
_DRAWN = re.compile(
    r"Execution\.|token$|try number$|digest of |deployment$|DAG id$|run id$|installation$|map index$|every key below |"
    r"id of the new application|ARN of the |their values$|members of "
)
_LATEST_VERSION = re.compile(r"latest approved (?P<group>.*)", re.DOTALL)
_PART_OF_URI = re.compile(r"(?P<part>bucket|key) of (?P<uri>.*)", re.DOTALL)
_ARTIFACTS = ("ModelArtifacts", "S3ModelArtifacts")
# The name of an attempt, with or without a prefix of the definition.
_ATTEMPT = re.compile(r"pipelines-\*.*|(?P<prefix>.+?)-\*-\*", re.DOTALL)
# Each retry of an attempt counts up.
_FIRST_ATTEMPT = re.compile(r"(<token>)-0\b")


class KnownValues:
    """What can be told of the values of one definition's planned requests.

    Args:
        requests: The request that creates the resource of each step, by step; empty for a step without one.
        unknown: What stands for a value that only a run knows.
    """

    def __init__(self, requests: Mapping[str, Body], unknown: str = ANY) -> None:
        self._requests = requests
        self._unknown = unknown

    def text(self, value: object, note: Callable[[str], object] = lambda _: None, depth: int = 0) -> str:
        """Return a value as part of an ARN.

        Args:
            value: A value of a planned request.
            note: Is told each expression whose value only a run knows.
            depth: How many references have been followed.
        """
        parts = _parts(_FIRST_ATTEMPT.sub(r"\1", str(value)))
        found = [part if is_text else self._known(part, note, depth) for is_text, part in parts]
        return re.sub(r"\*+", ANY, "".join(found))

    def _known(self, placeholder: str, note: Callable[[str], object], depth: int) -> str:
        found = _LATEST_VERSION.fullmatch(placeholder)
        if found:
            return f"{self.text(found['group'], note, depth + 1)}/*"
        found = _PART_OF_URI.fullmatch(placeholder)
        if found:
            bucket, key = bucket_and_key(self.text(found["uri"], note, depth + 1))
            return (bucket if found["part"] == "bucket" else key) or ANY
        value = self._property(placeholder) if depth < _DEEPEST else None
        if value is not None:
            return self.text(value, note, depth + 1)
        if _DRAWN.match(placeholder):
            return ANY
        note(placeholder)
        return self._unknown

    def _property(self, placeholder: str) -> str | None:
        try:
            reference = parse_reference(placeholder)
        except ExpressionSyntaxError:
            return None
        request = self._requests.get(reference.name)
        if reference.namespace is not Namespace.STEP or not request:
            return None
        if reference.path == _ARTIFACTS:
            return _artifacts(request)
        found = _found(dict(request), reference.path)
        return found if isinstance(found, str) else None


def _artifacts(request: Body) -> str | None:
    """Return where a training job puts its model: developer guide, "How Amazon SageMaker AI processes training output".

    ``<S3OutputPath>/<TrainingJobName>/output/model.tar.gz``.
    """
    folder = _found(dict(request), ("OutputDataConfig", "S3OutputPath"))
    if not isinstance(folder, str):
        return None
    return f"{folder.rstrip('/')}/{request.get('TrainingJobName', ANY)}/output/model.tar.gz"


def _found(request: Json, path: Path) -> Json:
    try:
        return look_up(request, path)
    except MissingMemberError:
        return None


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Split a text into what is known and placeholders, which may hold others; yield whether it is known, and it."""
    depth, begin = 0, 0
    for index, character in enumerate(text):
        if character == "<":
            if depth == 0:
                yield True, text[begin:index]
                begin = index + 1
            depth += 1
        elif character == ">" and depth:
            depth -= 1
            if depth == 0:
                yield False, text[begin:index]
                begin = index + 1
    yield depth == 0, text[begin:]


def name_pattern(text: str) -> str:
    """Return the pattern of a resource's name: of an attempt's name what all attempts of the step begin with.

    Names without a prefix of the definition all begin with ``pipelines-``: SageMaker writes names in ARNs in small
    letters, and IAM tells letters apart, so that the name of the step does not help to tell them.
    """
    found = _ATTEMPT.fullmatch(text)
    if found is None:
        return text
    return f"{found['prefix']}-*" if found["prefix"] else "pipelines-*"


def unknown_value(text: str) -> UnknownValue:
    """Return an expression whose value only a run knows, with what makes it known."""
    kind, _, name = text.partition(".")
    if kind == "Parameters":
        return UnknownValue(text, f"the parameter has no default: give its value with --parameters {name}=VALUE")
    if text == "role of the DAG":
        return UnknownValue(text, "the step names no role: give that of pipeline_dag() with --role-arn")
    return UnknownValue(text)
