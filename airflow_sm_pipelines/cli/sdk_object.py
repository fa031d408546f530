"""A ``Pipeline`` object of the SageMaker SDK, found by the name of its module and its own."""

from __future__ import annotations

import importlib
import sys
import traceback
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import SageMakerPipelinesError


class SdkObjectError(SageMakerPipelinesError):
    """The module cannot be imported, has no such object, or the object gives no definition."""


class SdkPipeline(Protocol):
    """What the SDK's ``Pipeline`` has, in version 2 (`sagemaker.workflow`) and 3 (`sagemaker.mlops.workflow`)."""

    def definition(self) -> str:
        """Return the definition as JSON text; uploads the code of ``@step`` functions and Lambda functions."""


def definition_of(module: str, name: str) -> str:
    """Return the definition of a Pipeline object as JSON text.

    Whatever the user's code prints goes to standard error.

    Args:
        module: Path of a ``.py`` file, or name of a module that can be imported from the working directory.
        name: Name of the object in it; dots lead to members.

    Raises:
        SdkObjectError: There is no definition; says why, in one sentence.
    """
    with redirect_stdout(sys.stderr):
        pipeline = _find(_import(module), module, name)
        try:
            text = pipeline.definition()
        except Exception as error:
            raise SdkObjectError(f"{module}:{name}: making its definition failed{_place(error)}") from error
    if not isinstance(text, str):
        raise SdkObjectError(f"{module}:{name}: definition() returned a {type(text).__name__}, not JSON text")
    return text


def _import(module: str) -> ModuleType:
    path = Path(module)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise SdkObjectError(f"there is no file {module}")
    sys.path.insert(0, str(path.resolve().parent) if is_file else str(Path.cwd()))
    try:
        return _import_file(path) if is_file else importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            raise SdkObjectError(
                f"there is no module {module!r} in this folder or among the installed ones; name a file as "
                f"{module}.py:NAME"
            ) from error
        raise SdkObjectError(f"importing {module} failed{_place(error)}{_cure(error)}") from error


def _cure(error: BaseException) -> str:
    """Say where the command runs when the SDK is missing: versions below 3 cannot be installed beside Airflow 3."""
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
    # Code in the file may ask for its own module while it runs: dataclasses and pickle do.
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
            raise SdkObjectError(f"{module_name} has no {name!r}; {there}" + (f" ({near})" if near else ""))
        found = getattr(found, part)
    if _is_pipeline(found):
        return cast("SdkPipeline", found)
    kind = "a function or class" if callable(found) else f"of type {type(found).__name__}"
    raise SdkObjectError(
        f"{module_name}:{name} is {kind}, not a Pipeline object of the SageMaker SDK"
        + ("; assign what it returns to a name, and give that name" if callable(found) else "")
    )


def _is_pipeline(value: object) -> bool:
    return not isinstance(value, (type, ModuleType)) and callable(getattr(value, "definition", None))


def _place(error: BaseException) -> str:
    """Return where a fault of the user's code arose, and what it says."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    last = frames[-1]
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f" at {last.filename}:{last.lineno}: {said}"
