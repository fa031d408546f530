"""What the local AWS asks of Docker's command line, by a stand-in for it; `tests/local/docker` has the real one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tarfile
import threading
import time

import pytest

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs import docker as module
from airflow_sm_pipelines.local.jobs.container import ImageRun, JobFailure
from airflow_sm_pipelines.local.jobs.docker import HOST_NETWORK, SERVING_NETWORK, find_docker, mount_points
from airflow_sm_pipelines.local.jobs.supervision import StopRequest


@pytest.fixture
def docker(stand_in):
    return find_docker()


@pytest.fixture
def stop():
    request = StopRequest()
    yield request
    request.close()


def container(docker, tmp_path, run=ImageRun("image:1"), environment=None, paths=("/opt/ml",), network=HOST_NETWORK):  # noqa: B008 - it is frozen
    return docker.container("name", run, network=network, environment=environment or {}, paths=paths, scratch=tmp_path)


def test_without_the_program_docker_the_local_aws_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalAwsError, match=r"no program docker on the PATH; install Docker .*apt-get install docker"):
        find_docker()


def test_a_daemon_that_does_not_answer_is_told_in_dockers_words(stand_in):
    stand_in.answer(version={"code": 1, "error": "Cannot connect to the Docker daemon at unix:///x."})
    with pytest.raises(LocalAwsError, match=r"Cannot connect to the Docker daemon at unix:///x\. Start Docker's"):
        find_docker()


def test_a_daemon_that_hangs_is_not_waited_for(stand_in, monkeypatch):
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.1)
    stand_in.answer(version={"seconds": 5})
    with pytest.raises(LocalAwsError, match=r"no answer within 0.1 s"):
        find_docker()


def test_an_image_that_docker_has_is_not_pulled(docker, stand_in, stop):
    docker.obtain("image:1", stop)
    assert stand_in.asked("image") == [["image", "inspect", "--format", "{{.Id}}", "--", "image:1"]]
    assert stand_in.asked("pull") == []


def test_an_image_that_docker_does_not_have_is_pulled(docker, stand_in, stop):
    stand_in.answer(image={"code": 1})
    docker.obtain("image:1", stop)
    assert stand_in.asked("pull") == [["pull", "--quiet", "--", "image:1"]]


def test_an_image_that_cannot_be_pulled_fails_the_job_in_dockers_words(docker, stand_in, stop):
    stand_in.answer(
        image={"code": 1}, pull={"code": 1, "error": "Error response from daemon: no basic auth credentials"}
    )
    with pytest.raises(JobFailure) as failure:
        docker.obtain("image:1", stop)
    assert str(failure.value) == (
        "ClientError: Docker on this machine does not have image image:1 and cannot pull it: no basic auth "
        "credentials. Build or tag the image there, or log in to its registry with docker login"
    )


def test_a_pull_ends_when_the_job_is_stopped(docker, stand_in, stop):
    stand_in.answer(image={"code": 1}, pull={"seconds": 60})
    threading.Timer(0.3, stop.set, [0.0]).start()
    began = time.monotonic()
    docker.obtain("image:1", stop)
    assert time.monotonic() - began < 30


def test_a_container_is_created_with_few_rights_and_removed_in_any_case(docker, stand_in, tmp_path):
    with pytest.raises(ZeroDivisionError), container(docker, tmp_path, paths=("/opt/ml", "/data")):
        raise ZeroDivisionError
    [create] = stand_in.asked("create")
    assert create == [
        "create",
        "--name",
        "name",
        "--label",
        f"airflow-sm-pipelines.local-aws={os.getpid()}",
        "--pull=never",
        "--network",
        "host",
        "--hostname",
        "algo-1",
        "--add-host",
        "algo-1:127.0.0.1",
        "--security-opt",
        "no-new-privileges",
        "--cap-drop=ALL",
        *(f"--cap-add={name}" for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")),
        f"--env-file={tmp_path}/name.env",
        "--volume=/opt/ml",
        "--volume=/data",
        "--",
        "image:1",
    ]
    assert stand_in.asked("rm") == [["rm", "--force", "--volumes", "name"]]


def test_a_server_is_reached_on_the_loopback_interface_only(docker, stand_in, tmp_path):
    with container(docker, tmp_path, network=SERVING_NETWORK):
        pass
    [create] = stand_in.asked("create")
    assert create[create.index("--publish") + 1] == "127.0.0.1::8080"
    assert "--network" not in create


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (ImageRun("i"), ["--", "i"]),
        (ImageRun("i", arguments=("train",)), ["--", "i", "train"]),
        (ImageRun("i", ("/bin/sh", "-c"), ("x; y",)), ["--entrypoint=/bin/sh", "--", "i", "-c", "x; y"]),
        (ImageRun("--privileged", ("--x",)), ["--entrypoint=--x", "--", "--privileged"]),
    ],
)
def test_nothing_of_the_request_is_an_option_of_docker(docker, stand_in, tmp_path, run, words):
    with container(docker, tmp_path, run):
        pass
    [create] = stand_in.asked("create")
    assert create[-len(words) :] == words


def test_variables_are_in_a_file_that_only_this_user_reads_and_that_is_removed(docker, stand_in, tmp_path):
    variables = {"TOKEN": "secret", "SPACED": " a=b #c ", "LINES": "1\n2"}
    with container(docker, tmp_path, environment=variables):
        pass
    [call] = [call for call in stand_in.calls if call["words"][0] == "create"]
    assert call["variables"] == "TOKEN=secret\nSPACED= a=b #c \n"
    assert stat.S_IMODE(call["mode"]) == 0o600
    assert "--env=LINES=1\n2" in call["words"]
    assert not [word for word in call["words"] if "secret" in word]
    assert not list(tmp_path.glob("*.env"))


def test_what_docker_refuses_to_create_fails_the_job_in_its_words(docker, stand_in, tmp_path):
    stand_in.answer(create={"code": 1, "error": "Error response from daemon: invalid mount"})
    with pytest.raises(JobFailure, match=r"^ClientError: image image:1 cannot be made a container: invalid mount$"):
        container(docker, tmp_path).__enter__()


def test_files_are_put_for_every_user_of_the_image(docker, stand_in, tmp_path):
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True, mode=0o700)
    (source / "folder" / "file").write_text("text")
    (source / "folder" / "file").chmod(0o500)
    with container(docker, tmp_path) as made:
        made.put(source, "/opt/ml")
    with tarfile.open(stand_in.home / "put.tar") as archive:
        found = {member.name: (stat.S_IMODE(member.mode), member.uid, member.gid) for member in archive}
    assert found == {".": (0o777, 0, 0), "./folder": (0o777, 0, 0), "./folder/file": (0o766, 0, 0)}
    assert stand_in.asked("cp") == [["cp", "-", "name:/opt/ml"]]


def test_files_that_docker_does_not_take_fail_the_job(docker, stand_in, tmp_path):
    stand_in.answer(cp={"code": 1, "error": "no space left on device"})
    with (
        container(docker, tmp_path) as made,
        pytest.raises(JobFailure, match="did not take the files of /opt/ml: no sp"),
    ):
        made.put(tmp_path, "/opt/ml")


@pytest.mark.parametrize(
    "said",
    ["Error response from daemon: Could not find the file /x in container name", "No such container:path: name:/x"],
)
def test_a_folder_that_the_container_has_removed_is_empty(docker, stand_in, tmp_path, said):
    stand_in.answer(cp={"code": 1, "error": said})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "of an earlier copy").touch()
    with container(docker, tmp_path) as made:
        made.fetch("/x", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert stand_in.asked("cp") == [["cp", "name:/x/.", f"{tmp_path}/out"]]


def test_a_link_that_the_container_has_made_is_not_followed_on_this_machine(docker, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "file").touch()
    (tmp_path / "out").symlink_to(tmp_path / "own")
    with container(docker, tmp_path) as made:
        made.fetch("/x", tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["written"]
    assert os.listdir(tmp_path / "own") == ["file"]


def test_a_folder_that_docker_does_not_hand_out_fails_the_job(docker, stand_in, tmp_path):
    stand_in.answer(cp={"code": 1, "error": "unexpected EOF"})
    with container(docker, tmp_path) as made, pytest.raises(JobFailure, match="did not hand out /x: unexpected EOF"):
        made.fetch("/x", tmp_path / "out")


def test_the_exit_code_is_the_containers(docker, stand_in, tmp_path):
    stand_in.answer(container_inspect={"out": stand_in.state(ExitCode=7)})
    with container(docker, tmp_path) as made:
        assert made.exit_code() == 7


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"Status": "created", "Error": "no such file"}, "ClientError: the container cannot be started: no such file"),
        ({"Status": "running"}, "InternalServerError: Docker does not show the container any more, which is running"),
    ],
)
def test_a_container_that_has_not_ended_by_itself_has_no_exit_code(docker, stand_in, tmp_path, state, reason):
    stand_in.answer(container_inspect={"out": stand_in.state(**state)})
    with container(docker, tmp_path) as made, pytest.raises(JobFailure) as failure:
        made.exit_code()
    assert str(failure.value) == reason


def test_a_container_that_docker_does_not_know_any_more_fails_the_job(docker, stand_in, tmp_path):
    stand_in.answer(container_inspect={"code": 1, "error": "No such container: name"})
    with container(docker, tmp_path) as made, pytest.raises(JobFailure, match="Docker lost the container: No such"):
        made.exit_code()


def test_its_output_is_that_of_its_process_here(docker, stand_in, tmp_path):
    stand_in.answer(start={"out": "hello", "error": "world"})
    with container(docker, tmp_path) as made, made.start(tmp_path) as process:
        with open(process.output, closefd=False) as output:
            assert sorted(output.read().split()) == ["hello", "world"]
        assert process.wait() == 0
    assert stand_in.asked("start") == [["start", "--attach", "name"]]


def test_signals_go_to_the_container_not_to_dockers_command_line(docker, stand_in, tmp_path):
    stand_in.answer(
        start={"seconds": 1, "out": "to its end"}, container_inspect={"out": stand_in.state(Status="running")}
    )
    with container(docker, tmp_path) as made, made.start(tmp_path) as process:
        process.terminate()
        process.kill()
        with open(process.output, closefd=False) as output:
            assert output.read().strip() == "to its end"
    assert [words[1:] for words in stand_in.asked("kill")] == [
        ["--signal", "SIGTERM", "name"],
        ["--signal", "SIGKILL", "name"],
    ]


def test_a_container_that_is_about_to_start_gets_the_signal_when_it_runs(docker, stand_in, tmp_path):
    stand_in.answer(container_inspect={"out": stand_in.state(Status="created")})
    with container(docker, tmp_path) as made:
        sender = threading.Thread(target=made.signal, args=["SIGTERM"])
        sender.start()
        time.sleep(0.3)
        assert stand_in.asked("kill") == []
        stand_in.answer(container_inspect={"out": stand_in.state(Status="running")})
        sender.join()
    assert stand_in.asked("kill") == [["kill", "--signal", "SIGTERM", "name"]]


ALONE = """
import sys, time
from pathlib import Path
from airflow_sm_pipelines.local.jobs.docker import Container, find_docker
process = Container(find_docker(), "name").start(Path("/"))
print("started", flush=True)
time.sleep(60)
"""


def test_the_container_is_removed_if_the_local_aws_is_killed(stand_in):
    stand_in.answer(start={"seconds": 60})
    with subprocess.Popen([sys.executable, "-c", ALONE], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "started\n"
        server.kill()
    deadline = time.monotonic() + 15
    while not stand_in.asked("rm"):
        assert time.monotonic() < deadline, stand_in.calls
        time.sleep(0.05)
    assert stand_in.asked("rm") == [["rm", "--force", "--volumes", "name"]]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([], ["/opt/ml"]),
        (["/opt/ml/model", "/opt/ml"], ["/opt/ml"]),
        (["/data/a/", "/data/b", "/data/b/c", "/opt/mlx"], ["/opt/ml", "/data/a", "/data/b", "/opt/mlx"]),
    ],
)
def test_mount_points_hold_all_paths(paths, found):
    assert mount_points(paths) == found
