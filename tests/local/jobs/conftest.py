"""A stand-in for Docker's command line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

# Keeps what it is asked for, with the file of variables and what it reads; answers as `answers` says, by command.
STAND_IN = """#!{python} -IS
import json, os, sys, time
home = {home!r}
words = sys.argv[1:]
command = "container inspect" if words[:2] == ["container", "inspect"] else words[0]
call = {{"words": words, "environment": sorted(os.environ)}}
for word in words:
    if word.startswith("--env-file="):
        path = word.partition("=")[2]
        call["variables"], call["mode"] = open(path).read(), os.stat(path).st_mode
if words[:2] == ["cp", "-"]:
    with open(home + "/put.tar", "wb") as file:
        file.write(sys.stdin.buffer.read())
with open(home + "/calls", "a") as file:
    file.write(json.dumps(call) + "\\n")
answer = json.load(open(home + "/answers")).get(command, {{}})
if words[0] == "cp" and words[1] != "-" and not answer:
    open(words[2] + "/written", "w").close()
time.sleep(answer.get("seconds", 0))
print(answer.get("out", ""))
print(answer.get("error", ""), file=sys.stderr)
sys.exit(answer.get("code", 0))
"""


class StandIn:
    """A program named docker."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir()
        (home / "docker").write_text(STAND_IN.format(python=sys.executable, home=str(home)))
        (home / "docker").chmod(0o755)
        self.answer()

    def answer(self, **answers: dict[str, Any]) -> None:
        answers.setdefault("container_inspect", {"out": self.state()})
        (self.home / "answers").write_text(json.dumps({name.replace("_", " "): one for name, one in answers.items()}))

    @staticmethod
    def state(**members: Any) -> str:
        return json.dumps({"Status": "exited", "ExitCode": 0, "Error": "", **members})

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / "calls").read_text().splitlines()]

    def asked(self, command: str) -> list[list[str]]:
        return [call["words"] for call in self.calls if call["words"][0] == command]


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    made = StandIn(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.home}{os.pathsep}{os.environ['PATH']}")
    return made
