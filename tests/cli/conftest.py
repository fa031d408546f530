from __future__ import annotations

import json

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into the working directory, JSON unless it is text, and return its name."""
    monkeypatch.chdir(tmp_path)

    def write_file(name, content):
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return name

    return write_file
