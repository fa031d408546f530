"""A Docker for the tests that need one, and images without a registry.

The Docker of this machine is used if it answers. Otherwise these tests start a daemon of their own, which takes root
and the program ``dockerd`` (on Debian: ``apt-get install docker.io busybox-static``).
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

NEEDED = "make docker needs Docker and a static busybox; on Debian: apt-get install docker.io busybox-static"


def docker(*arguments: str, **options: object) -> str:
    """What a command of Docker says."""
    answer = subprocess.run(["docker", *arguments], capture_output=True, check=False, **options)  # type: ignore[call-overload]
    assert answer.returncode == 0, answer.stderr.decode()
    return str(answer.stdout.decode().strip())


@pytest.fixture(scope="session", autouse=True)
def docker_daemon() -> Iterator[None]:
    if shutil.which("docker") is None or shutil.which("busybox") is None:
        pytest.fail(NEEDED)
    if _answers():
        yield
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.fail(f"{NEEDED}; no daemon answers, and only root can start one")
    home = Path(tempfile.mkdtemp(prefix="sm-pipelines-docker-"))  # short, since the path of a socket must be
    with pytest.MonkeyPatch.context() as patch, (home / "log").open("wb") as log:
        patch.setenv("DOCKER_HOST", f"unix://{home}/socket")
        daemon = subprocess.Popen(
            [
                "dockerd",
                "--storage-driver=vfs",
                "--iptables=false",
                "--ip6tables=false",
                f"--host=unix://{home}/socket",
                f"--data-root={home}/data",
                f"--exec-root={home}/exec",
                f"--pidfile={home}/pid",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + 60
            while not _answers():
                assert daemon.poll() is None, (home / "log").read_text()
                assert time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.2)
            yield
        finally:
            daemon.terminate()
            daemon.wait()
            # The daemon leaves mounts behind, and folders with mounts cannot be removed.
            mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
            for path in sorted((path for path in mounted if path.startswith(f"{home}/")), reverse=True):
                subprocess.run(["umount", path], check=True)
    shutil.rmtree(home)


def _answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def _root_file_system(files: Mapping[str, str]) -> bytes:
    """A tar archive with busybox, a user, and executable files."""
    busybox = Path(shutil.which("busybox") or "")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:

        def add(name: str, content: bytes = b"", mode: int = 0o755, **members: object) -> None:
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(content)
            for key, value in members.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))

        add("tmp", mode=0o1777, type=tarfile.DIRTYPE)
        folders = {str(parent).lstrip("/") for name in ("/bin/x", "/etc/x", *files) for parent in Path(name).parents}
        for folder in sorted(folders - {""}):
            add(folder, type=tarfile.DIRTYPE)
        add("bin/busybox", busybox.read_bytes())
        for applet in set(applets) - {"busybox"}:
            add(f"bin/{applet}", type=tarfile.SYMTYPE, linkname="busybox")
        add("etc/passwd", b"root:x:0:0::/:/bin/sh\nworker:x:1234:1234::/tmp:/bin/sh\n", 0o644)
        for name, text in files.items():
            add(name.lstrip("/"), text.encode())
    return stream.getvalue()


@pytest.fixture(scope="session")
def make_image(docker_daemon: None) -> Iterator[Callable[..., str]]:
    """Makes an image from scripts, by path, and instructions of a Dockerfile; returns its name."""
    made: list[str] = []

    def make(name: str, files: Mapping[str, str], *instructions: str) -> str:
        changes = [word for one in instructions for word in ("--change", one)]
        docker("import", *changes, "-", name, input=_root_file_system(files))
        made.append(name)
        return name

    yield make
    docker("image", "rm", "--force", *made)


@pytest.fixture(scope="session")
def run_docker(docker_daemon: None) -> Callable[..., str]:
    return docker
