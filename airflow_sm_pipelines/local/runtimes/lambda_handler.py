"""Lambda's runtime for Python: imports the handler, calls it once, writes down what it returned or raised.

The forms of errors and log lines are those of the Python runtime interface client (``awslambdaric``), which is open.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_TIMED_OUT = 124


def main(base: Path, arguments: list[str]) -> int:
    """Run the handler.

    Args:
        base: Folder of the invocation, with ``task`` (the code), ``opt`` (the layers), ``event.json`` and
            ``invocation.json``; ``result.json`` is written there.
        arguments: The handler, ``module.function``.

    Returns:
        0, also if the handler failed: that stands in ``result.json``.
    """
    invocation = json.loads((base / "invocation.json").read_text())
    _see(base)
    try:
        handler = _load(arguments[0])
        _end_in_time(base, float(invocation["timeout_seconds"]))
        answer = handler(json.loads((base / "event.json").read_text() or "null"), _context(invocation))
        payload = _marshal(answer)
    except _RuntimeError as problem:
        _write_error(base, problem.kind, str(problem), [], invocation)
    except Exception as error:
        frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
        _write_error(base, type(error).__name__, str(error), frames, invocation)
    else:
        _write(base, payload, is_error=False)
    return 0


class _RuntimeError(Exception):
    """What the runtime itself complains of."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _see(base: Path) -> None:
    """Put code and layers first where Python looks for modules."""
    layers = base / "opt" / "python"
    site_packages = sorted((layers / "lib").glob("python3*/site-packages"))
    sys.path[:0] = [str(path) for path in (base / "task", layers, *site_packages)]


def _load(name: str) -> Any:
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise _RuntimeError("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}") from error
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise _RuntimeError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        raise _RuntimeError(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}"
        ) from error
    if not hasattr(module, function_name):
        raise _RuntimeError("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return getattr(module, function_name)


def _marshal(answer: Any) -> str:
    try:
        return json.dumps(answer, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise _RuntimeError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _end_in_time(base: Path, seconds: float) -> None:
    """End the process when the handler's time is over, whatever it does."""

    def end() -> None:
        time.sleep(seconds)
        _write_document(base, {"timed_out": True})
        os._exit(_TIMED_OUT)

    threading.Thread(target=end, daemon=True).start()


def _context(invocation: dict[str, Any]) -> Any:
    """Return the handler's context object."""
    ends = time.monotonic() + float(invocation["timeout_seconds"])
    given = invocation["client_context"]
    client_context = None
    if given is not None:
        client = SimpleNamespace(**given["client"]) if isinstance(given.get("client"), dict) else None
        client_context = SimpleNamespace(custom=given.get("custom"), env=given.get("env"), client=client)
    own = {name: value for name, value in invocation.items() if name not in ("timeout_seconds", "client_context")}
    return SimpleNamespace(
        **own,
        identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
        client_context=client_context,
        get_remaining_time_in_millis=lambda: max(0, int((ends - time.monotonic()) * 1000)),
    )


def _write_error(base: Path, kind: str, message: str, frames: list[str], invocation: dict[str, Any]) -> None:
    trace = "".join(frames)
    print(f"[ERROR] {kind}: {message}\nTraceback (most recent call last):\n{trace}", flush=True)
    document = {
        "errorMessage": message,
        "errorType": kind,
        "requestId": invocation["aws_request_id"],
        "stackTrace": frames,
    }
    _write(base, json.dumps(document), is_error=True)


def _write(base: Path, payload: str, *, is_error: bool) -> None:
    _write_document(base, {"payload": payload, "is_error": is_error})


def _write_document(base: Path, document: dict[str, Any]) -> None:
    """Write the result as a whole, since the process may be killed meanwhile; the first one stays."""
    part = base / f"result.{threading.get_ident()}"
    part.write_text(json.dumps(document))
    with contextlib.suppress(FileExistsError):
        os.link(part, base / "result.json")
