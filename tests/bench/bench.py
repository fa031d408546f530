"""What a DAG file of ours costs Airflow's DAG processor, beside what it costs by hand.

Run it: ``python tests/bench/bench.py``. Times are processor time, so that other work on the machine counts little,
with compiled bytecode, as after an installation. Three questions, each answered in milliseconds and as a ratio of
medians:

- What does importing `pipeline_dag` add to a process that has ``airflow.sdk`` loaded?
- How long does building a DAG take, beside the same graph written with ``EmptyOperator`` and with the amazon
  provider's ``SageMakerProcessingOperator``?
- How long does a whole parse take? A process that has ``airflow.sdk`` loaded forks a child for each parse, and the
  child imports the file. Airflow's DAG processor has more loaded when it forks, and freezes it for the garbage
  collector: itself, the plugins, and by default (``parsing_pre_import_modules``) the ``airflow.*`` modules that the
  file imports. Both are measured.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
IMPORT_GOAL_MS = 25.0
BUILD_GOAL = 1.0
PARSE_GOAL = 1.25
STEPS = (50, 150)
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"

IMPORT_PROGRAM = """
import sys, time
import airflow.sdk
start = time.process_time()
from airflow_sm_pipelines import pipeline_dag
print((time.process_time() - start) * 1000)
"""

# The same parameter and graph three times: each step waits for two steps before it.
OURS = """
from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("{json}", dag_id="ours")
"""
EMPTY = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param

with DAG("empty", schedule=None, params={{"InstanceCount": Param(1, type="integer")}}) as dag:
    tasks = [EmptyOperator(task_id=f"Step{{number}}") for number in range({steps})]
    for number, task in enumerate(tasks):
        for upstream in tasks[max(0, number - 2) : number]:
            upstream >> task
"""
AMAZON = """
import json

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator
from airflow.sdk import DAG, Param

with open("{json}") as file:
    steps = json.load(file)["Steps"]
with DAG("amazon", schedule=None, params={{"InstanceCount": Param(1, type="integer")}}) as dag:
    tasks = [
        SageMakerProcessingOperator(
            task_id=step["Name"],
            config={{"ProcessingJobName": step["Name"], **step["Arguments"]}},
            deferrable=True,
        )
        for step in steps
    ]
    for number, task in enumerate(tasks):
        for upstream in tasks[max(0, number - 2) : number]:
            upstream >> task
"""
KINDS = {"ours": OURS, "EmptyOperator": EMPTY, "amazon": AMAZON}


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ["AIRFLOW_HOME"] = folder
        files = {steps: write_files(Path(folder), steps) for steps in STEPS}
        import_once()  # writes the bytecode
        report_import([import_once() for _ in range(7)])
        importlib.import_module("airflow.sdk")

        # Parses first: a child must not inherit what building has imported.
        for steps in STEPS:
            report_parse("parse", steps, interleaved(files[steps], parse_once, rounds=9))
        become_a_dag_processor()
        for steps in STEPS:
            report_parse("parse in DAG processor", steps, interleaved(files[steps], parse_once, rounds=9))
        gc.unfreeze()
        for steps in STEPS:
            report_build(steps, interleaved(files[steps], build_once, rounds=15))


def become_a_dag_processor() -> None:
    """Load what Airflow's DAG processor has loaded when it forks."""
    import airflow.dag_processing.processor
    import airflow.providers.amazon.aws.operators.sagemaker
    import airflow.providers.standard.operators.empty  # noqa: F401

    import airflow_sm_pipelines.plugin  # noqa: F401

    gc.freeze()


def write_files(folder: Path, steps: int) -> dict[str, Path]:
    """Write the definition and the three DAG files of one size."""
    definition = folder / f"pipeline_{steps}.json"
    definition.write_text(json.dumps(make_definition(steps)))
    files = {}
    for kind, template in KINDS.items():
        files[kind] = folder / f"{kind}_{steps}.py"
        files[kind].write_text(template.format(json=definition, steps=steps))
    return files


def make_definition(steps: int) -> dict[str, Any]:
    """A pipeline of Processing steps as the SDK exports them, with parameters and references."""
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [{"Name": "InstanceCount", "Type": "Integer", "DefaultValue": 1}],
        "Steps": [make_step(number) for number in range(steps)],
    }


def make_step(number: int) -> dict[str, Any]:
    waits = [f"Step{upstream}" for upstream in range(max(0, number - 2), number)]
    read = f"Steps.{waits[-1]}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" if waits else ""
    source: Any = {"Get": read} if waits else "s3://bucket/in"
    return {
        "Name": f"Step{number}",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": {"Get": "Parameters.InstanceCount"},
                    "InstanceType": "ml.m5.xlarge",
                    "VolumeSizeInGB": 30,
                }
            },
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
                "ContainerArguments": ["--step", str(number)],
            },
            "RoleArn": ROLE,
            "ProcessingInputs": [
                {
                    "InputName": "in",
                    "S3Input": {"S3Uri": source, "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix"},
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": {
                                "Std:Join": {
                                    "On": "/",
                                    "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}, str(number)],
                                }
                            },
                            "LocalPath": "/opt/ml/processing/output",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "Environment": {"STEP": str(number)},
        },
        **({"DependsOn": waits} if waits else {}),
    }


def import_once() -> float:
    """Milliseconds of our import in a fresh process that has ``airflow.sdk``."""
    done = subprocess.run([sys.executable, "-c", IMPORT_PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def parse_once(file: Path) -> float:
    """Milliseconds of the forked child up to the parsed DAG."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            runpy.run_path(str(file))
            # A child's clock starts at its fork.
            os.write(writer, str(time.process_time() * 1000).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise RuntimeError(f"{file.name} could not be parsed")
    return float(answer)


def build_once(file: Path) -> float:
    """Milliseconds to run a DAG file whose imports are done."""
    code = compile(file.read_text(), str(file), "exec")
    gc.collect()
    start = time.process_time()
    exec(code, {"__file__": str(file), "__name__": "bench"})
    return (time.process_time() - start) * 1000


def interleaved(files: dict[str, Path], measure: Callable[[Path], float], rounds: int) -> dict[str, float]:
    """Median of each kind; the kinds take turns, so that a slow moment of the machine hits all of them."""
    for file in files.values():
        measure(file)
    times: dict[str, list[float]] = {kind: [] for kind in files}
    for _ in range(rounds):
        for kind, file in files.items():
            times[kind].append(measure(file))
    return {kind: median(found) for kind, found in times.items()}


def report_import(times: list[float]) -> None:
    found = median(times)
    say(f"import: {found:.1f} ms", f"goal <= {IMPORT_GOAL_MS:g} ms", found <= IMPORT_GOAL_MS)


def report_parse(what: str, steps: int, times: dict[str, float]) -> None:
    ratio = times["ours"] / times["EmptyOperator"]
    say(row(what, steps, times), f"goal <= {PARSE_GOAL:g} x EmptyOperator, is {ratio:.2f}", ratio <= PARSE_GOAL)


def report_build(steps: int, times: dict[str, float]) -> None:
    ratio = times["ours"] / times["amazon"]
    say(row("build", steps, times), f"goal <= {BUILD_GOAL:g} x amazon, is {ratio:.2f}", ratio <= BUILD_GOAL)


def row(what: str, steps: int, times: dict[str, float]) -> str:
    return f"{what} {steps} steps: " + "  ".join(f"{kind} {found:.1f} ms" for kind, found in times.items())


def say(found: str, goal: str, reached: bool) -> None:
    print(f"{found:92} {goal}: {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
