"""Where a definition can be exported from: a ``Pipeline`` object of the SageMaker SDK, S3, the SageMaker service.

An object of the SDK is found by the name of its module and its own. What AWS stores is read by
`airflow_sm_pipelines.preview.stored_definitions`.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from airflow_sm_pipelines.aws.s3_objects import bucket_and_key
from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.preview.stored_definitions import (
    FoundDefinition,
    SourceError,
    from_execution,
    from_pipeline,
    from_s3,
    is_execution,
)

_UPLOAD_NOTE = "Making a definition uploads the code of its Lambda functions and @step functions, if it has any."


class SourceSyntaxError(SageMakerPipelinesError, ValueError):
    """A source has none of the three forms."""


def fetch_definition(source: str, *, region: str | None = None, version_id: str | None = None) -> FoundDefinition:
    """Return the definition of a source.

    Args:
        source: ``MODULE:NAME``, ``s3://BUCKET/KEY`` or ``pipeline:NAME``. In a folder that has a module ``pipeline``,
            ``pipeline:NAME`` is an object of that module; ``pipeline:ARN`` is a pipeline of the service, or the one
            that an execution of it ran, anywhere and in any account that shares it.
        region: AWS region of a stored definition; that of the ARN or the environment by default.
        version_id: Version of the S3 object, or number of the pipeline's version; the current one by default.

    Raises:
        SourceSyntaxError: The source has none of these forms, or its version is not one of that form.
        SourceError: The source gives no definition.
    """
    bucket, key = bucket_and_key(source)
    if bucket and key:
        return from_s3(bucket, key, version_id=version_id, region=region)
    head, _, name = source.rpartition(":")
    if source.startswith("s3://") or not head or not name:
        raise SourceSyntaxError(f"expected MODULE:NAME, s3://BUCKET/KEY or pipeline:NAME, found {source!r}")
    stored = source.removeprefix(_SERVICE_PREFIX)
    if stored != source:
        module = None if stored.startswith("arn:") else _module_in_this_folder(_SERVICE_PREFIX.rstrip(":"))
        if module is None:
            return _from_service(stored, region, version_id)
        print(_THE_MODULE_IS_MEANT.format(module=module, source=source), file=sys.stderr)
    print(_UPLOAD_NOTE, file=sys.stderr)
    return FoundDefinition(from_sdk_object(head, name))


def _from_service(stored: str, region: str | None, version_id: str | None) -> FoundDefinition:
    if is_execution(stored):
        if version_id is not None:
            raise SourceSyntaxError("an execution has one definition, and takes no --version-id")
        return from_execution(stored, region=region)
    if version_id is not None and not version_id.isdecimal():
        raise SourceSyntaxError(f"--version-id of a pipeline is a number, not {version_id!r}")
    return from_pipeline(stored, version_id=None if version_id is None else int(version_id), region=region)


_SERVICE_PREFIX = "pipeline:"
_THE_MODULE_IS_MEANT = (
    "{source} is taken as an object of {module} in this folder. For a pipeline of the SageMaker service, write "
    "pipeline:ARN, or run the command in another folder."
)


def _module_in_this_folder(name: str) -> str | None:
    """Return the file of a module in the working directory, ``None`` if there is none of that name."""
    return next((file for file in (f"{name}.py", f"{name}/__init__.py") if Path(file).is_file()), None)


class SdkPipeline(Protocol):
    """What the SDK's ``Pipeline`` has, in version 2 (`sagemaker.workflow`) and 3 (`sagemaker.mlops.workflow`)."""

    def definition(self) -> str:
        """Return the definition as JSON text; uploads the code of ``@step`` functions and Lambda functions."""


def from_sdk_object(module: str, name: str) -> str:
    """Return the definition of a Pipeline object as JSON text.

    What the user's code prints goes to standard error.

    Args:
        module: Path of a ``.py`` file, or name of a module that can be imported from the working directory.
        name: Name of the object in it; dots lead to members.

    Raises:
        SourceError: There is no definition; the message says why in one sentence.
    """
    with redirect_stdout(sys.stderr):
        pipeline = _find(_import(module), module, name)
        try:
            text = pipeline.definition()
        except Exception as error:
            raise SourceError(f"{module}:{name}: making its definition failed{_place(error)}") from error
    if not isinstance(text, str):
        raise SourceError(f"{module}:{name}: definition() returned a {type(text).__name__}, not JSON text")
    return text


def _import(module: str) -> ModuleType:
    path = Path(module)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise SourceError(f"there is no file {module}")
    sys.path.insert(0, str(path.resolve().parent) if is_file else str(Path.cwd()))
    try:
        return _import_file(path) if is_file else importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            raise SourceError(
                f"there is no module {module!r} in this folder or among the installed ones; name a file as "
                f"{module}.py:NAME"
            ) from error
        raise SourceError(f"importing {module} failed{_place(error)}{_cure(error)}") from error


def _cure(error: BaseException) -> str:
    """Say where to run the command if the SDK is missing: versions below 3 cannot be installed beside Airflow 3."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "sagemaker":
        return (
            "; run this command in the environment in which the pipeline is written: it needs no Airflow there "
            "(pip install --no-deps airflow-sm-pipelines)"
        )
    return ""


def _import_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Python cannot import {path}")
    module = module_from_spec(spec)
    # Code in the file may look up its own module while it runs: dataclasses and pickle do.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _find(module: ModuleType, module_name: str, name: str) -> SdkPipeline:
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            pipelines = [key for key, value in vars(module).items() if _is_pipeline(value)]
            there = f"its Pipeline objects are {list_names(pipelines)}" if pipelines else "it has no Pipeline object"
            near = did_you_mean(name, pipelines)
            raise SourceError(f"{module_name} has no {name!r}; {there}" + (f" ({near})" if near else ""))
        found = getattr(found, part)
    if _is_pipeline(found):
        return cast("SdkPipeline", found)
    kind = "a function or class" if callable(found) else f"of type {type(found).__name__}"
    raise SourceError(
        f"{module_name}:{name} is {kind}, not a Pipeline object of the SageMaker SDK"
        + ("; assign what it returns to a name, and give that name" if callable(found) else "")
    )


def _is_pipeline(value: object) -> bool:
    return not isinstance(value, (type, ModuleType)) and callable(getattr(value, "definition", None))


def _place(error: BaseException) -> str:
    """Return where the user's code failed, and the message."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    last = frames[-1]
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f" at {last.filename}:{last.lineno}: {said}"
