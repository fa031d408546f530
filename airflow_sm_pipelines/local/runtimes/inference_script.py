"""A container that runs the user's inference functions as SageMaker's inference toolkit does.

``model_fn``, and either ``transform_fn`` or any of ``input_fn``, ``predict_fn``, ``output_fn``; each may take a context
as one more argument (sagemaker-inference-toolkit 1.x). The defaults read and write JSON, CSV and NPY.
"""

from __future__ import annotations

import importlib.util
import inspect
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.local.runtimes.serving import Predictor, ServingError, serve

_JSON, _CSV, _NPY = "application/json", "text/csv", "application/x-npy"
_TEXT_TYPES = (_JSON, _CSV, "application/jsonlines", "text/plain", "text/libsvm")
_SPLIT = ("input_fn", "predict_fn", "output_fn")


def main(base: Path, arguments: list[str]) -> int:
    """Serve until the connection ends."""
    del base
    return serve(arguments, _load)


class Context:
    """What the functions may ask for besides their arguments.

    Args:
        model_dir: Folder of the model.
    """

    def __init__(self, model_dir: str) -> None:
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
        self.request_headers: dict[str, str] = {}

    def get_request_header(self, name: str) -> str | None:
        """A header of the current request."""
        return self.request_headers.get(name)


def _load(container: dict[str, Any]) -> Predictor:
    module = _import(container)
    own = [name for name in _SPLIT if hasattr(module, name)]
    if hasattr(module, "transform_fn") and own:
        raise ServingError(500, f"transform_fn cannot be used together with {', '.join(own)}")
    if not hasattr(module, "model_fn"):
        raise ServingError(500, f"{container['program']} has no model_fn")
    context = Context(container["model_dir"])
    model = _call(module.model_fn, (container["model_dir"],), context)

    def predict(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        accept = accept or container["default_accept"]
        context.request_headers = {"Content-Type": content_type, "Accept": accept}
        data: Any = body.decode() if content_type.split(";", maxsplit=1)[0].strip() in _TEXT_TYPES else body
        if hasattr(module, "transform_fn"):
            return _response(_call(module.transform_fn, (model, data, content_type, accept), context), accept)
        taken = _call(getattr(module, "input_fn", _default_input), (data, content_type), context)
        prediction = _call(getattr(module, "predict_fn", _default_predict), (taken, model), context)
        return _response(_call(getattr(module, "output_fn", _default_output), (prediction, accept), context), accept)

    return predict


def _import(container: dict[str, Any]) -> Any:
    path = Path(container["model_dir"], "code", container["program"])
    if not path.is_file():
        image = container["image"]
        text = (
            f"no local runtime for image {image}: the model has no code/{container['program']}, it is not the built-in "
            "XGBoost, and what else the image would run is unknown here; a local AWS that is started with "
            "--sandbox docker runs the image"
        )
        raise ServingError(500, text, f"ClientError: {text}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # noqa: S101 - of a .py file
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], context: Context) -> Any:
    """Call a function, with the context if it takes one more argument."""
    count = len(inspect.signature(function).parameters)
    if count == len(arguments) + 1:
        return function(*arguments, context)
    if count == len(arguments):
        return function(*arguments)
    raise TypeError(f"{function.__name__} takes {count} arguments, but {len(arguments)} were given.")


def _response(result: Any, accept: str) -> tuple[bytes, str]:
    """Body and content type; the functions may return both."""
    if isinstance(result, tuple) and len(result) == 2:
        result, accept = result
    if isinstance(result, str):
        return result.encode(), accept
    if isinstance(result, (bytes, bytearray)):
        return bytes(result), accept
    raise ServingError(500, f"the inference functions returned {type(result).__name__}; text or bytes were expected")


def _default_input(data: Any, content_type: str) -> Any:
    import numpy  # scripts without the defaults need none

    kind = content_type.split(";", maxsplit=1)[0].strip()
    if kind == _JSON:
        return numpy.array(json.loads(data))
    if kind == _CSV:
        return numpy.genfromtxt(io.StringIO(data), delimiter=",", ndmin=2)
    if kind == _NPY:
        return numpy.load(io.BytesIO(data))
    raise ServingError(415, f"Content type {content_type} is not supported by the default input_fn")


def _default_predict(data: Any, model: Any) -> Any:
    return model.predict(data)


def _default_output(prediction: Any, accept: str) -> tuple[bytes, str]:
    import numpy

    kind = accept.split(";", maxsplit=1)[0].strip()
    array = numpy.asarray(prediction)
    if kind == _JSON:
        return json.dumps(array.tolist()).encode(), kind
    stream = io.BytesIO()
    if kind == _CSV:
        numpy.savetxt(stream, array, delimiter=",", fmt="%s")
    elif kind == _NPY:
        numpy.save(stream, array)
    else:
        raise ServingError(406, f"Accept {accept} is not supported by the default output_fn")
    return stream.getvalue(), kind
