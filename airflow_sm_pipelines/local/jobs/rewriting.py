"""Replacing ``/opt/ml`` by a job's folder in commands and scripts, where no sandbox is possible."""

from __future__ import annotations

import re
from pathlib import Path

_OPT_ML = re.compile(r"(?<![A-Za-z0-9_.-])/opt/ml(?![A-Za-z0-9_-])")
_REWRITTEN_FILES = frozenset({".py", ".sh", ".json"})


def rewrite_text(text: str, opt_ml: Path) -> str:
    """Return the text with the path ``/opt/ml`` replaced, but neither ``/opt/mlflow`` nor ``s3://bucket/opt/ml``."""
    return _OPT_ML.sub(lambda _: str(opt_ml), text)


def rewrite_files(opt_ml: Path) -> None:
    """Rewrite every script and JSON file below a folder; files that are not UTF-8 text stay as they are."""
    for path in opt_ml.rglob("*"):
        if path.suffix in _REWRITTEN_FILES and path.is_file() and not path.is_symlink():
            _rewrite_file(path, opt_ml)


def _rewrite_file(path: Path, opt_ml: Path) -> None:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return
    rewritten = rewrite_text(text, opt_ml)
    if rewritten != text:
        path.write_bytes(rewritten.encode())
