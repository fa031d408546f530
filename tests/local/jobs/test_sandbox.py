from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs import sandbox as module
from airflow_sm_pipelines.local.jobs.container import JobFolder
from airflow_sm_pipelines.local.jobs.job_process import JobProcess
from airflow_sm_pipelines.local.jobs.sandbox import (
    SANDBOXES,
    NamespaceSandbox,
    ProotSandbox,
    RewriteSandbox,
    choose_sandbox,
)


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(tmp_path)
    folder.create()
    return folder


def run(sandbox, folder, *command):
    """Output and exit code of a command in a sandbox."""
    wrapped = sandbox.wrap(folder, command, {"WHERE": "/opt/ml/x"})
    with wrapped.start(folder.working_directory, {"PATH": os.environ["PATH"]}) as process:
        with open(process.output, closefd=False) as output:
            said = output.read()
        return said, process.wait()


@pytest.fixture
def namespace():
    try:
        return choose_sandbox("namespace")
    except LocalAwsError as error:
        pytest.fail(f"these tests need a machine that lets this user unshare mounts: {error}")


def test_in_a_namespace_a_job_has_its_own_opt_ml(namespace, folder):
    existed = Path("/opt/ml").exists()
    said, code = run(namespace, folder, "sh", "-c", "echo hello > /opt/ml/file; ls /opt/ml")
    assert (said.split(), code) == (["config", "file", "output"], 0)
    assert (folder.opt_ml / "file").read_text() == "hello\n"
    assert Path("/opt/ml").exists() == existed


def test_in_a_namespace_the_rest_of_opt_is_still_there(namespace, folder):
    said, _ = run(namespace, folder, "ls", "-A", "/opt")
    assert set(said.split()) == {*os.listdir("/opt"), "ml"}
    entries = [path for path in Path("/opt").iterdir() if path.is_dir() and path.name != "ml"]
    for path in entries:
        assert set(run(namespace, folder, "ls", "-A", str(path))[0].split()) == set(os.listdir(path))


def test_in_a_namespace_the_job_is_still_the_same_user(namespace, folder):
    assert run(namespace, folder, "id", "-u")[0].strip() == str(os.getuid())


def test_files_in_the_parent_folder_are_kept_in_a_namespace(tmp_path, folder):
    """The same as for /opt, with a parent that has a file, a link, and a broken link."""
    parent = tmp_path / "parent"
    (parent / "folder").mkdir(parents=True)
    (parent / "file").write_text("text")
    (parent / "link").symlink_to("file")
    (parent / "broken").symlink_to("nowhere")
    binds = {str(parent / "new"): str(folder.opt_ml)}
    command = ["sh", "-c", f"cd {parent}; ls; cat link; readlink broken; touch new/inside"]
    with JobProcess(command, {"PATH": os.environ["PATH"]}, folder.working_directory, binds) as process:
        with open(process.output, closefd=False) as output:
            said = output.read()
        process.wait()
    assert said.split() == ["broken", "file", "folder", "link", "new", "textnowhere"]
    assert (folder.opt_ml / "inside").exists()
    assert not (parent / "new").exists()


def test_rewriting_replaces_the_path_in_words_variables_and_scripts(folder):
    (folder.opt_ml / "run.sh").write_text("echo hello > /opt/ml/file")
    said, code = run(RewriteSandbox(), folder, "sh", "-c", "sh /opt/ml/run.sh; echo $WHERE")
    assert (said.strip(), code) == (f"{folder.opt_ml}/x", 0)
    assert (folder.opt_ml / "file").read_text() == "hello\n"


def test_proot_binds_the_folder_above_because_it_would_create_the_folder_itself(folder, monkeypatch, tmp_path):
    host = tmp_path / "host"
    (host / "tools").mkdir(parents=True)
    (host / "ml").mkdir()
    monkeypatch.setattr(module, "OPT_ML", f"{host}/ml")
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    wrapped = ProotSandbox().wrap(folder, ("python3", "x.py"), {"A": "b"})
    binds = ("-b", f"{folder.root}/opt:{host}", "-b", f"{host}/tools:{host}/tools")
    assert wrapped.command == ("/usr/bin/proot", *binds, "python3", "x.py")
    assert wrapped.environment == {"A": "b"}
    assert wrapped.is_tracer


def test_auto_takes_the_first_that_works(monkeypatch):
    tried = []

    def fails_first(sandbox):
        tried.append(sandbox.name)
        return None if len(tried) == 3 else "not here"

    monkeypatch.setattr(module, "_try", fails_first)
    assert choose_sandbox("auto").name == "rewrite"
    assert tried == ["namespace", "proot", "rewrite"] == list(SANDBOXES)


def test_a_sandbox_asked_for_by_name_is_not_replaced(monkeypatch):
    monkeypatch.setattr(module, "_try", lambda _: "Operation not permitted")
    with pytest.raises(LocalAwsError, match="sandbox namespace does not work here: Operation not permitted"):
        choose_sandbox("namespace")


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(LocalAwsError, match="unknown sandbox 'docker'; choose one of auto, namespace, proot, rewrite"):
        choose_sandbox("docker")


def test_the_probe_looks_for_the_jobs_own_file(monkeypatch):
    class NoSandbox(NamespaceSandbox):
        def wrap(self, folder, command, environment):
            wrapped = super().wrap(folder, command, environment)
            return module.SandboxedCommand(wrapped.command, wrapped.environment)

    assert module._try(NoSandbox()) == "exit code 1"
    assert module._try(RewriteSandbox()) is None
