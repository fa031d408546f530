"""The launcher as a process, driven through `JobProcess`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from airflow_sm_pipelines.local.jobs import launcher
from airflow_sm_pipelines.local.jobs.job_process import JobProcess
from airflow_sm_pipelines.local.jobs.launcher import LaunchOrder

MARK = "LAUNCHER_TEST_MARK"
RESTORE_AND_RUN = (
    "sys.exit(subprocess.call(['sh', '-c', sys.argv[1]], preexec_fn=lambda: signal.signal(15, signal.SIG_DFL)))"
)


def marked(mark: str) -> list[int]:
    """Processes with this mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def wait_until_marked(mark: str, count: int) -> None:
    """Wait for a number of processes: one that is just being started has no variables to show."""
    deadline = time.monotonic() + 15
    while len(marked(mark)) < count:
        assert time.monotonic() < deadline, marked(mark)
        time.sleep(0.02)


def wait_until_gone(mark: str) -> None:
    deadline = time.monotonic() + 15
    while marked(mark):
        assert time.monotonic() < deadline, marked(mark)
        time.sleep(0.02)


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


def start(command, tmp_path, mark="none", **environment) -> JobProcess:
    variables = {"PATH": os.environ["PATH"], MARK: mark, **environment}
    return JobProcess(command, variables, tmp_path, {})


def read(process) -> str:
    with open(process.output, closefd=False) as output:
        return output.read()


def read_line(process) -> str:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(process.output, 1)
    return line.decode()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-command"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_exit_codes_are_those_of_docker(command, code, tmp_path):
    with start(command, tmp_path) as process:
        read(process)
        assert process.wait() == code


def test_the_command_has_exactly_the_given_environment_and_directory(tmp_path):
    with start(["env"], tmp_path, COLOUR="blue") as process:
        variables = dict(line.split("=", 1) for line in read(process).splitlines())
    assert variables == {"PATH": os.environ["PATH"], MARK: "none", "COLOUR": "blue"}
    with start(["pwd"], tmp_path) as process:
        assert read(process).strip() == str(tmp_path.resolve())


def test_the_command_reads_nothing_from_its_standard_input(tmp_path):
    with start(["cat"], tmp_path) as process:
        assert read(process) == ""
        assert process.wait() == 0


def test_both_streams_come_in_their_order(tmp_path):
    with start(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], tmp_path) as process:
        assert read(process) == "1\n2\n3\n"


def test_terminate_reaches_the_command(tmp_path):
    with start(["sh", "-c", "trap 'echo caught; exit 5' TERM; echo ready; sleep 60 & wait"], tmp_path) as process:
        read_line(process)
        process.terminate()
        assert read(process) == "caught\n"
        assert process.wait() == 5


def test_terminate_reaches_the_child_of_a_tracer_that_passes_no_signals_on(tmp_path):
    traced = "trap 'echo caught; exit 5' TERM; echo ready; sleep 60 & wait"
    tracer = f"import signal, subprocess, sys; signal.signal(15, signal.SIG_IGN); {RESTORE_AND_RUN}"
    command = [sys.executable, "-c", tracer, traced]
    variables = {"PATH": os.environ["PATH"]}
    with JobProcess(command, variables, tmp_path, {}, is_tracer=True) as process:
        assert read_line(process) == "ready\n"
        process.terminate()
        assert read(process) == "caught\n"
        assert process.wait() == 5


def test_kill_reaches_every_process_of_the_job(tmp_path, mark):
    code = "sleep 60 & setsid sleep 60 & echo ready; trap '' TERM; sleep 60"
    with start(["sh", "-c", code], tmp_path, mark) as process:
        read_line(process)
        wait_until_marked(mark, 3)
        process.kill()
        read(process)
        assert process.wait() == 137
    wait_until_gone(mark)


def test_processes_left_behind_by_the_command_are_killed(tmp_path, mark):
    code = "(setsid sleep 60 &) ; (sleep 60 &) ; exit 3"
    with start(["sh", "-c", code], tmp_path, mark) as process:
        read(process)
        assert process.wait() == 3
    assert marked(mark) == []


def test_leaving_the_context_kills_the_job(tmp_path, mark):
    code = "trap '' TERM; sleep 60 & echo ready; sleep 60"
    with start(["sh", "-c", code], tmp_path, mark) as process:
        read_line(process)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert marked(mark) == []


def test_the_launcher_holds_no_variables_of_this_process_for_jobs_to_read(tmp_path):
    with start(["sh", "-c", "cat /proc/$PPID/environ"], tmp_path) as process:
        assert read(process) == ""


def test_ctrl_c_at_the_terminal_does_not_reach_the_job(tmp_path):
    with start(["sh", "-c", "echo $PPID $$; sleep 60"], tmp_path) as process:
        sessions = [os.getsid(int(pid)) for pid in read_line(process).split()]
    assert os.getsid(0) not in sessions
    assert len(set(sessions)) == 2


def test_the_job_dies_with_the_process_that_started_it(tmp_path, mark):
    parent_code = (
        "import os, pathlib, sys, time\n"
        "from airflow_sm_pipelines.local.jobs.job_process import JobProcess\n"
        f"environment = {{'PATH': os.environ['PATH'], '{MARK}': sys.argv[1]}}\n"
        "command = ['sh', '-c', 'setsid sleep 60 & sleep 60 & echo ready; sleep 60']\n"
        "process = JobProcess(command, environment, pathlib.Path('/'), {})\n"
        "os.read(process.output, 100)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    arguments = [sys.executable, "-c", parent_code, mark]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert marked(mark)
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(mark)


def test_the_job_dies_although_a_fork_of_the_parent_lives_on(tmp_path, mark):
    """A fork holds the launcher's input open; then the parent's death itself is the signal."""
    parent_code = (
        "import os, pathlib, sys, time\n"
        "from airflow_sm_pipelines.local.jobs.job_process import JobProcess\n"
        f"environment = {{'PATH': os.environ['PATH'], '{MARK}': sys.argv[1]}}\n"
        "command = ['sh', '-c', 'echo ready; sleep 60']\n"
        "process = JobProcess(command, environment, pathlib.Path('/'), {})\n"
        "os.read(process.output, 100)\n"
        "if os.fork() == 0:\n"
        "    os.close(1)\n"
        "    time.sleep(8)\n"
        "    os._exit(0)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    arguments = [sys.executable, "-c", parent_code, mark]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(mark)


def test_telling_a_process_that_has_ended_leaves_nothing_open(tmp_path):
    with start(["true"], tmp_path) as process:
        process.wait()
        process.terminate()
    assert process._process.stdout.closed


def test_a_sandbox_that_cannot_be_entered_is_told(tmp_path):
    missing = {"/opt/ml": str(tmp_path / "missing")}
    with JobProcess(["true"], {}, tmp_path, missing) as process:
        said = read(process)
        assert process.wait() == 125
    assert said.startswith("The sandbox cannot be entered: ")


def test_it_needs_nothing_but_the_standard_library(tmp_path):
    """It is started with ``-I -S``: a module of ours or of site-packages would not be found."""
    order = LaunchOrder(["true"], {"PATH": os.environ["PATH"]}, str(tmp_path), os.getpid())
    with subprocess.Popen([sys.executable, "-I", "-S", launcher.__file__], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(order.to_line())
        process.stdin.flush()
        assert process.wait(10) == 0


@pytest.mark.parametrize("ending", ["the command ends", "it is killed"])
def test_there_is_no_farewell_while_the_local_aws_lives(tmp_path, ending):
    farewell = ["/bin/sh", "-c", f"touch {tmp_path}/gone"]
    command = ["true"] if ending == "the command ends" else ["sleep", "60"]
    with JobProcess(command, {"PATH": os.environ["PATH"]}, tmp_path, {}, farewell=farewell) as process:
        if ending == "it is killed":
            process.kill()
        process.wait()
    assert not (tmp_path / "gone").exists()


def test_the_farewell_follows_when_the_local_aws_lets_go_of_a_running_command(tmp_path):
    farewell = ["/bin/sh", "-c", f'echo "$WHO" > {tmp_path}/gone; echo not for the log']
    variables = {"PATH": os.environ["PATH"]}
    with JobProcess(["sleep", "60"], variables, tmp_path, {}, farewell=farewell, farewell_environment={"WHO": "me"}):
        pass
    assert (tmp_path / "gone").read_text() == "me\n"
