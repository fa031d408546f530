"""Spark jobs as the SDK's Spark processors send them, on a real Spark.

``pyspark`` is in an environment of its own, which is the jobs' interpreter here (``make docker``).
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.docker

PYTHON = Path(__file__).parents[3] / ".venv-spark" / "bin" / "python"
IMAGE = "153931337802.dkr.ecr.us-west-2.amazonaws.com/sagemaker-spark-processing:3.3-cpu"
COUNT = """
import sys
import pyspark
from pyspark.sql import SparkSession
from modules_of_mine import column

spark = SparkSession.builder.getOrCreate()
source, target = sys.argv[1:]
rows = spark.read.csv(source, header=True, inferSchema=True)
total = rows.groupBy().sum(column).first()[0]
context = spark.sparkContext
print("total", total, context.master, context.getConf().get("spark.my.setting"))
print("listens", context.getConf().get("spark.driver.host"), spark.sparkContext.uiWebUrl)
rows.selectExpr("n * 2 AS doubled").coalesce(1).write.csv(target)
"""


@pytest.fixture(scope="module")
def bench(open_workbench):
    if not PYTHON.exists() or shutil.which("java") is None:
        pytest.fail("make docker needs a Java runtime; on Debian: apt-get install default-jre-headless")
    with open_workbench(python=str(PYTHON)) as opened:
        yield opened


def submit(bench, name, command, arguments, inputs, outputs, instances=1):
    bench.create(
        name,
        [],
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": command, "ContainerArguments": arguments},
        ProcessingInputs=inputs,
        ProcessingOutputConfig={"Outputs": outputs},
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": instances, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
        },
    )
    return bench.wait(name, seconds=120)


def test_a_pyspark_processor_runs_with_its_modules_configuration_and_event_logs(
    bench, processing_input, processing_output
):
    code = bench.put("spark/code/count.py", COUNT)
    modules = bench.put("spark/modules/modules_of_mine.py", "column = 'n'\n")
    configuration = [
        {"Classification": "spark-defaults", "Properties": {"spark.my.setting": "mine", "spark.executor.memory": "2g"}},
        {"Classification": "spark-env", "Properties": {}},
    ]
    conf = bench.put("spark/conf/configuration.json", json.dumps(configuration))
    data = bench.put("spark/data/x.csv", "n\n1\n2\n3\n")
    ended = submit(
        bench,
        "py-spark",
        [
            "smspark-submit",
            "--py-files",
            "/opt/ml/processing/input/py-files",
            "--local-spark-event-logs-dir",
            "/opt/ml/processing/spark-events/",
            "/opt/ml/processing/input/code/count.py",
        ],
        ["/opt/ml/processing/data", "/opt/ml/processing/result/doubled"],
        [
            processing_input("code", code, LocalPath="/opt/ml/processing/input/code"),
            processing_input("py-files", modules, LocalPath="/opt/ml/processing/input/py-files"),
            processing_input("conf", conf, LocalPath="/opt/ml/processing/input/conf"),
            processing_input("data", data),
        ],
        [
            processing_output("result", "s3://test-bucket/spark/result"),
            processing_output("spark-events", "s3://test-bucket/spark/events", S3UploadMode="Continuous"),
        ],
        instances=2,
    )
    lines = bench.log_lines("py-spark")
    assert ended["ProcessingJobStatus"] == "Completed", "\n".join(lines[-20:])
    assert "total 6 local[2] mine" in lines
    [listens] = [line for line in lines if line.startswith("listens ")]
    assert listens.startswith("listens localhost http://localhost:")
    assert "The classification spark-env of the configuration has no effect here" in lines
    [part] = [name for name in bench.objects_below("spark/result/doubled/") if name.endswith(".csv")]
    assert bench.objects(f"spark/result/doubled/{part}") == {"": "2\n4\n6\n"}
    assert bench.objects_below("spark/events/")


def test_a_spark_jar_processor_runs_the_class_that_it_names(bench, processing_input):
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:  # the class is Spark's own: there may be no compiler here
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    code = bench.put("spark/jar/app.jar", jar.getvalue())
    ended = submit(
        bench,
        "jar-spark",
        ["smspark-submit", "--class", "org.apache.hadoop.util.VersionInfo", "/opt/ml/processing/input/code/app.jar"],
        ["ignored"],
        [processing_input("code", code, LocalPath="/opt/ml/processing/input/code")],
        [],
    )
    lines = bench.log_lines("jar-spark")
    assert ended["ProcessingJobStatus"] == "Completed", "\n".join(lines[-20:])
    assert any(line.startswith("Hadoop 3.") for line in lines)


def test_a_script_that_fails_fails_the_job_with_sparks_exit_code(bench, processing_input):
    code = bench.put("spark/fails/fails.py", "raise SystemExit(5)\n")
    ended = submit(
        bench,
        "fails-spark",
        ["smspark-submit", "/opt/ml/processing/input/code/fails.py"],
        ["ignored"],
        [processing_input("code", code, LocalPath="/opt/ml/processing/input/code")],
        [],
    )
    assert (ended["ProcessingJobStatus"], ended["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 5")
