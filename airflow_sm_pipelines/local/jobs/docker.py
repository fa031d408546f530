"""Docker's command line: the containers of jobs whose images run.

Files are copied into a container before it starts, and out of it again, instead of being mounted. So they belong to the
user who started the local AWS, whoever the image's user is, and Docker need not share this machine's files.

A container has few capabilities, and gains none while it runs. It is no security boundary all the same: it uses this
machine's network, and whoever may use Docker is root on this machine.
"""

from __future__ import annotations

import json
import os
import posixpath
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs.container import OPT_ML, ImageRun, JobFailure
from airflow_sm_pipelines.local.jobs.job_process import JobProcess
from airflow_sm_pipelines.local.jobs.supervision import StopRequest

LABEL = "airflow-sm-pipelines.local-aws"
"""Of every container, with the process id of its local AWS: ``docker ps --all --filter label=…`` finds them."""

SERVING_PORT = 8080
"""Where an inference image listens (developer guide, "Use Your Own Inference Code with Batch Transform")."""

_PASSED_ON = ("HOME", "LANG", "PATH", "SSH_AUTH_SOCK", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
"""What the command line needs of this process's variables, besides its own, to find its settings and its daemon."""

_CHECK_SECONDS = 30
_PULL_POLL_SECONDS = 0.2
_START_SECONDS = 30.0
_START_POLL_SECONDS = 0.05
_MESSAGE_CHARACTERS = 400
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""What installers and servers need that begin as root and hand over to another user."""
_MISSING_PATH = ("Could not find the file", "No such container:path")
"""How old and new versions of Docker say that a container has no such file."""

HOST_NETWORK = ("--network", "host", "--hostname", "algo-1", "--add-host", "algo-1:127.0.0.1")
"""This machine's network, so that a job reaches the local AWS; its own name is that of the configuration files."""
SERVING_NETWORK = ("--publish", f"127.0.0.1::{SERVING_PORT}")
"""Docker's own network, with one port of the loopback interface that leads to the server: inference images listen on
all interfaces, and several use the same port."""


@dataclass(frozen=True, slots=True)
class Docker:
    """A Docker that answers.

    Attributes:
        program: The command line, as an absolute path.
        environment: Its own variables, which no container sees: they tell where Docker is, and who the user is.
    """

    program: str
    environment: Mapping[str, str]

    def obtain(self, image: str, stop: StopRequest) -> None:
        """Pull an image unless Docker has it. Ends early when it is asked to stop.

        Raises:
            JobFailure: Docker does not have it and cannot pull it.
        """
        if self.call("image", "inspect", "--format", "{{.Id}}", "--", image).returncode == 0:
            return
        command = [self.program, "pull", "--quiet", "--", image]
        with subprocess.Popen(  # noqa: S603 - arguments, no shell
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as pull:
            while pull.poll() is None:
                if stop.wait(_PULL_POLL_SECONDS):
                    pull.terminate()
                    return
            said = pull.stdout.read() if pull.stdout else b""
        if pull.returncode != 0:
            raise JobFailure(
                f"ClientError: Docker on this machine does not have image {image} and cannot pull it: "
                f"{_last_line(said)}. Build or tag the image there, or log in to its registry with docker login"
            )

    @contextmanager
    def container(
        self,
        name: str,
        run: ImageRun,
        *,
        network: Sequence[str],
        environment: Mapping[str, str],
        paths: Sequence[str],
        scratch: Path,
    ) -> Iterator[Container]:
        """Create a container; it is removed at the end of the block, whatever it does then.

        Args:
            name: Unique in this Docker.
            run: The image, entrypoint and arguments.
            network: `HOST_NETWORK` or `SERVING_NETWORK`.
            environment: All that it sees besides the image's own variables.
            paths: Its folders that get files of the job; they exist when it starts.
            scratch: For a file with the variables, which no list of processes shows then.

        Raises:
            JobFailure: Docker refuses.
        """
        variables = scratch / f"{name}.env"
        arguments = _create_arguments(name, run, network, environment, paths, variables)
        single_line = [f"{key}={value}\n" for key, value in environment.items() if not _has_lines(value)]
        with open(os.open(variables, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.writelines(single_line)
        try:
            self._call_or_fail(f"image {run.image} cannot be made a container", *arguments)
            yield Container(self, name)
        finally:
            variables.unlink()
            self.call(*_remove_arguments(name))

    def remove_command(self, names: Sequence[str]) -> list[str]:
        """Return the command that removes containers, running or not."""
        return [self.program, *_remove_arguments(*names)]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command of Docker to its end, and return what it has said."""
        return subprocess.run(  # noqa: S603 - arguments, no shell
            [self.program, *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )

    def _call_or_fail(self, what: str, *arguments: str) -> bytes:
        answer = self.call(*arguments)
        if answer.returncode != 0:
            raise JobFailure(f"ClientError: {what}: {_last_line(answer.stderr)}")
        return answer.stdout


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a job.

    Attributes:
        docker: Where it is.
        name: Its name there.
    """

    docker: Docker
    name: str

    def put(self, source: Path, path: str) -> None:
        """Copy what is in a folder of this machine into one of its folders, for every user of the image.

        Raises:
            JobFailure: Docker refuses.
        """
        command = [self.docker.program, "cp", "-", f"{self.name}:{path}"]
        with subprocess.Popen(  # noqa: S603 - arguments, no shell
            command,
            env=self.docker.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as copy:
            assert copy.stdin is not None  # noqa: S101 - they are pipes
            assert copy.stderr is not None  # noqa: S101
            try:
                with tarfile.open(fileobj=copy.stdin, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                    archive.add(source, arcname=".", filter=_for_everyone)
                copy.stdin.close()
            except BrokenPipeError:  # what it says tells why
                copy.stdin = None
            said = copy.stderr.read()
        if copy.returncode != 0:
            raise JobFailure(f"InternalServerError: Docker did not take the files of {path}: {_last_line(said)}")

    def fetch(self, path: str, target: Path) -> None:
        """Replace a folder of this machine by one of its folders; by an empty one if the container has removed it.

        Raises:
            JobFailure: Docker refuses.
        """
        if target.is_symlink() or target.is_file():
            target.unlink()  # the container has put it there, and what it leads to is in the container
        elif target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        answer = self.docker.call("cp", f"{self.name}:{path}/.", str(target))
        said = answer.stderr.decode(errors="replace")
        if answer.returncode != 0 and not any(text in said for text in _MISSING_PATH):
            raise JobFailure(f"InternalServerError: Docker did not hand out {path}: {_last_line(answer.stderr)}")

    def start(self, directory: Path) -> ContainerProcess:
        """Start it.

        Args:
            directory: Working directory of Docker's command line.
        """
        return ContainerProcess(self, directory)

    def exit_code(self) -> int:
        """Return the exit code of the container, which has ended.

        Raises:
            JobFailure: It could not be started, or Docker does not know it any more.
        """
        state = self._state()
        if state["Error"]:
            raise JobFailure(f"ClientError: the container cannot be started: {state['Error']}"[:_MESSAGE_CHARACTERS])
        if state["Status"] != "exited":
            raise JobFailure(
                f"InternalServerError: Docker does not show the container any more, which is {state['Status']}"
            )
        return int(state["ExitCode"])

    def signal(self, name: str) -> None:
        """Send a signal to its first process, as ``docker stop`` does. One that is about to start is waited for."""
        deadline = time.monotonic() + _START_SECONDS
        while self._is_about_to_start() and time.monotonic() < deadline:
            time.sleep(_START_POLL_SECONDS)
        self.docker.call("kill", "--signal", name, self.name)  # nothing to do if it has ended meanwhile

    def _is_about_to_start(self) -> bool:
        state = self._state()
        return state["Status"] == "created" and not state["Error"]

    def _state(self) -> dict[str, str]:
        answer = self.docker.call("container", "inspect", "--format", "{{json .State}}", self.name)
        if answer.returncode != 0:
            raise JobFailure(f"InternalServerError: Docker lost the container: {_last_line(answer.stderr)}")
        state: dict[str, str] = json.loads(answer.stdout)
        return state


class ContainerProcess(JobProcess):
    """A running container; its process on this machine only shows the output.

    Args:
        container: The container.
        directory: Working directory of Docker's command line.
    """

    def __init__(self, container: Container, directory: Path) -> None:
        docker = container.docker
        super().__init__(
            [docker.program, "start", "--attach", container.name],
            docker.environment,
            directory,
            {},
            farewell=docker.remove_command([container.name]),
            farewell_environment=docker.environment,
        )
        self._container = container

    def terminate(self) -> None:
        """Send SIGTERM to the container's first process."""
        self._container.signal("SIGTERM")

    def kill(self) -> None:
        """Send SIGKILL to all processes of the container."""
        self._container.signal("SIGKILL")


def find_docker() -> Docker:
    """Return the Docker of this machine.

    Raises:
        LocalAwsError: There is none, or it does not answer.
    """
    program = shutil.which("docker")
    if program is None:
        raise LocalAwsError(
            "sandbox docker does not work here: there is no program docker on the PATH; install Docker "
            "(on Debian: apt-get install docker.io), or choose another sandbox"
        )
    environment = {name: text for name, text in os.environ.items() if name in _PASSED_ON or name.startswith("DOCKER_")}
    docker = Docker(os.path.abspath(program), environment)
    try:
        answer = subprocess.run(  # noqa: S603 - arguments, no shell
            [docker.program, "version", "--format", "{{.Server.Version}}"],
            env=docker.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_CHECK_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalAwsError(f"sandbox docker does not work here: no answer within {_CHECK_SECONDS} s") from error
    if answer.returncode != 0:
        raise LocalAwsError(
            f"sandbox docker does not work here: {_last_line(answer.stderr)} Start Docker's daemon, and let this user "
            "use it, or choose another sandbox"
        )
    return docker


def _create_arguments(
    name: str,
    run: ImageRun,
    network: Sequence[str],
    environment: Mapping[str, str],
    paths: Sequence[str],
    variables: Path,
) -> list[str]:
    """Return the arguments of ``docker create``; nothing of the request stands where Docker expects options."""
    entrypoint = [f"--entrypoint={run.entrypoint[0]}"] if run.entrypoint else []
    return [
        "create",
        "--name",
        name,
        "--label",
        f"{LABEL}={os.getpid()}",
        "--pull=never",
        *network,
        "--security-opt",
        "no-new-privileges",
        "--cap-drop=ALL",
        *(f"--cap-add={capability}" for capability in _CAPABILITIES),
        f"--env-file={variables}",
        # A file of variables has one line for each.
        *(f"--env={key}={value}" for key, value in environment.items() if _has_lines(value)),
        *(f"--volume={path}" for path in paths),
        *entrypoint,
        "--",
        run.image,
        *run.entrypoint[1:],
        *run.arguments,
    ]


def _remove_arguments(*names: str) -> list[str]:
    return ["rm", "--force", "--volumes", *names]


def mount_points(paths: Sequence[str]) -> list[str]:
    """Return the folders of a container that hold all of these paths: ``/opt/ml``, and what is outside of it."""
    kept = [OPT_ML]
    for path in sorted({posixpath.normpath(path) for path in paths}):
        if path not in kept and not any(path.startswith(f"{above}/") for above in kept):
            kept.append(path)
    return kept


def _for_everyone(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Let every user of the image read and write a file: on AWS, images with a user of their own can (assumed)."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode |= 0o777 if member.isdir() else 0o666
    return member


def _has_lines(value: str) -> bool:
    return "\n" in value or "\r" in value


def _last_line(said: bytes) -> str:
    """Return the last line that Docker has said, without its prefix, and not too long for a failure reason."""
    lines = said.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else "no message").removeprefix("Error response from daemon: ")[:_MESSAGE_CHARACTERS]
