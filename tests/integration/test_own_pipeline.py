"""docs/your-own-pipeline.md, as somebody follows it: its files and its commands, on the local AWS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.test_architecture import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

PAGE = (ROOT.parent / "docs" / "your-own-pipeline.md").read_text()
_FILE = re.compile(r"^`([\w./]+)`[^\n]*\n\n```(?:python|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTEAD = ("python3 -m venv venv\n", "sm-pipelines local\n", "airflow standalone\n")
"""How the blocks of commands begin that the test replaces: by its own environment, local AWS and scheduler."""


def test_whoever_follows_the_page_trains_a_model_with_scripts_of_their_own(tmp_path: Path) -> None:
    files = dict(_FILE.findall(PAGE))
    assert list(files) == ["prepare.py", "train.py", "dags/houses.json", "dags/houses.py", "upload.py", "result.py"]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    blocks = _COMMANDS.findall(PAGE)
    assert [block for block in blocks if block.startswith(INSTEAD)] == [
        next(block for block in blocks if block.startswith(beginning)) for beginning in INSTEAD
    ]

    with LocalAws() as aws:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
        environment |= {
            **aws.environment(),
            "HOME": str(tmp_path),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["bash", "-eu"],
            input="".join(block for block in blocks if not block.startswith(INSTEAD)),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    checked, learnt = _OUTPUT.findall(PAGE)
    assert done.stdout.startswith(checked)
    model = re.fullmatch(r"models/pipelines-\w{12}-Train-\w{10}-0/output/model\.tar\.gz (.+)\n", learnt)
    assert model, "the page shows what result.py prints"
    assert done.stdout.rstrip().endswith(model[1])
