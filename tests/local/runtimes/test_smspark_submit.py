from __future__ import annotations

import json
import sys

import pytest

from airflow_sm_pipelines.local.runtimes.smspark_submit import main, spark_arguments

HERE = ["--master", "local[2]"]


@pytest.fixture
def nothing(tmp_path):
    return tmp_path / "configuration.json"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.py", "--in", "x", "-v"], ["a.py", "--in", "x", "-v"]),
        (
            ["-v", "--class", "org.Main", "s3a://b/a.jar", "1"],
            ["--verbose", "--class", "org.Main", "s3a://b/a.jar", "1"],
        ),
        (["--class=org.Main", "a.jar"], ["--class", "org.Main", "a.jar"]),
        (["--jars", "s3a://b/x.jar,s3a://b/y.jar", "a.py"], ["--jars", "s3a://b/x.jar,s3a://b/y.jar", "a.py"]),
        (
            ["--local-spark-event-logs-dir", "/opt/ml/processing/spark-events/", "a.py"],
            [
                "--conf",
                "spark.eventLog.enabled=true",
                "--conf",
                "spark.eventLog.dir=file:///opt/ml/processing/spark-events/",
                "a.py",
            ],
        ),
    ],
)
def test_the_options_of_awss_program_become_those_of_spark(arguments, expected, nothing):
    assert spark_arguments(arguments, nothing) == [*HERE, *expected]


def test_a_folder_stands_for_its_files(tmp_path, nothing):
    (tmp_path / "modules" / "deeper").mkdir(parents=True)
    for name in ("b.py", "a.zip"):
        (tmp_path / "modules" / name).touch()
    single = tmp_path / "single.py"
    single.touch()
    found = spark_arguments(["--py-files", f"{tmp_path}/modules,{single}", "x.py"], nothing)
    assert found == [*HERE, "--py-files", f"{tmp_path}/modules/a.zip,{tmp_path}/modules/b.py,{single}", "x.py"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--conf", "a=b", "x.py"], "no such option: --conf"),
        (["--verbose"], "missing parameter: app"),
        (["--class"], "missing parameter: app"),
        (["--files", "/no/such/file", "x.py"], "/no/such/file does not exist"),
        (["--spark-event-logs-s3-uri", "s3://b/c", "x.py"], "the local AWS does not support --spark-event-logs-s3-uri"),
    ],
)
def test_what_awss_program_refuses_is_refused(arguments, problem, nothing):
    with pytest.raises(ValueError, match=problem):
        spark_arguments(arguments, nothing)


def test_a_folder_without_files_is_refused(tmp_path, nothing):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="there are no files in"):
        spark_arguments(["--jars", str(tmp_path / "empty"), "x.py"], nothing)


@pytest.mark.parametrize("as_list", [True, False])
def test_the_configuration_of_spark_and_of_its_file_systems_is_applied(nothing, as_list, capsys):
    spark = {"Classification": "spark-defaults", "Properties": {"spark.x": "1"}}
    others = [{"Classification": "core-site", "Properties": {"fs.y": "2"}}, {"Classification": "hive-site"}]
    nothing.write_text(json.dumps([spark, *others] if as_list else spark))
    properties = ["--conf", "spark.x=1", *(["--conf", "spark.hadoop.fs.y=2"] if as_list else [])]
    assert spark_arguments(["a.py"], nothing) == [*HERE, *properties, "a.py"]
    said = capsys.readouterr().out
    assert said == ("The classification hive-site of the configuration has no effect here\n" if as_list else "")


@pytest.fixture
def pyspark(tmp_path, monkeypatch):
    """A package of this name whose spark-submit says what it is asked."""
    spark = tmp_path / "packages" / "pyspark"
    (spark / "bin").mkdir(parents=True)
    (spark / "__init__.py").write_text("__version__ = '4.0'\n")
    (spark / "bin" / "spark-submit").write_text("#!/bin/sh\n")
    monkeypatch.syspath_prepend(str(spark.parent))
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)
    yield spark
    sys.modules.pop("pyspark", None)


def test_it_becomes_the_spark_of_the_jobs_interpreter(pyspark, tmp_path, monkeypatch):
    became = []
    (tmp_path / "jdk" / "bin").mkdir(parents=True)
    (tmp_path / "jdk" / "bin" / "java").write_text("")
    (tmp_path / "jdk" / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    monkeypatch.setattr("os.execve", lambda *words: became.append(words))
    main(tmp_path, ["a.py"])
    [(program, command, variables)] = became
    assert (program, command) == (str(pyspark / "bin" / "spark-submit"), [program, *HERE, "a.py"])
    assert (variables["SPARK_HOME"], variables["PYSPARK_PYTHON"]) == (str(pyspark), sys.executable)


def test_without_java_the_job_says_what_to_install(pyspark, tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(tmp_path, ["a.py"]) == 1
    assert "apt-get install default-jre-headless" in (tmp_path / "output" / "failure").read_text()


def test_arguments_that_are_not_its_own_fail_the_job(pyspark, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert main(tmp_path, ["--conf", "a=b", "x.py"]) == 1
    assert (tmp_path / "output" / "failure").read_text() == "ClientError: smspark-submit: no such option: --conf"
