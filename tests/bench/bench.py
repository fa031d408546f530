"""What a DAG file of ours costs Airflow's DAG processor, beside what it costs by hand.

Run it: ``python -m tests.bench.bench``. Times are processor time, so that other work on the machine counts little,
with compiled bytecode, as after an installation. Four questions, the first three answered in milliseconds and as a
ratio of medians:

- What does importing `pipeline_dag` add to a process that has ``airflow.sdk`` loaded?
- How long does building a DAG take, beside the same graph written with ``EmptyOperator`` and with the amazon
  provider's ``SageMakerProcessingOperator``?
- How long does a parse take? Airflow's DAG processor forks a child for each; the child imports the file and
  serializes its DAGs (``airflow.dag_processing.processor``), and that very function is timed. When it forks, the
  processor has itself, the plugins and by default (``parsing_pre_import_modules``) the ``airflow.*`` modules of the
  file loaded, and frozen for the garbage collector. The EmptyOperator file is measured with the pipeline's parameter
  and, as it costs less, without. The import alone, which is what a task process does, stands beside it for comparison.
- Does the time of ``sm-pipelines check`` grow as the definition does? Definitions that would show squares are checked
  in one size and in twice that size; the answer is by how much the time for each byte has grown, 2 for a square.
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

from tests.bench.children import become_a_dag_processor, in_a_child, parse

ROOT = Path(__file__).resolve().parents[2]
IMPORT_GOAL_MS = 25.0
BUILD_GOAL = 1.0
PARSE_GOAL = 1.25
GROWTH_GOAL = 1.5
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
PARAMS = ', params={{"InstanceCount": Param(1, type="integer")}}'
KINDS = {
    "ours": OURS,
    "EmptyOperator": EMPTY,
    "without params": EMPTY.replace(PARAMS, ""),
    "amazon": AMAZON,
}


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"
    sys.dont_write_bytecode = False
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ["AIRFLOW_HOME"] = folder
        files = {steps: write_files(Path(folder), steps) for steps in STEPS}
        import_once()  # writes the bytecode
        report_import([import_once() for _ in range(7)])
        importlib.import_module("airflow.sdk")

        # Parses first: a child must not inherit what building has imported.
        become_a_dag_processor()
        for steps in STEPS:
            report_parse(steps, interleaved(files[steps], parse_once, rounds=9))
        for steps in STEPS:
            print(row("import of the file", steps, interleaved(files[steps], import_file_once, rounds=9)))
        gc.unfreeze()
        for shape, make in CHECKED.items():
            report_growth(shape, make)
        for steps in STEPS:
            report_build(steps, interleaved(files[steps], build_once, rounds=15))


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


def waiting(steps: int, waits: Callable[[int], list[str]]) -> dict[str, Any]:
    """A pipeline whose steps wait for what ``waits`` returns."""
    return {
        "Version": "2020-12-01",
        "Steps": [{**make_step(0), "Name": f"Step{number:04}", "DependsOn": waits(number)} for number in range(steps)],
    }


def in_circles(steps: int) -> dict[str, Any]:
    """Every step waits for every other."""
    return waiting(steps, lambda number: [f"Step{other:04}" for other in range(steps) if other != number])


def in_line(steps: int) -> dict[str, Any]:
    """Every step waits for all before it; valid."""
    return waiting(steps, lambda number: [f"Step{other:04}" for other in range(number)])


def misspelt(steps: int) -> dict[str, Any]:
    """Every step waits for a name that is nearly a step's."""
    return waiting(steps, lambda number: [f"Stap{number:04}"])


def at_once(steps: int) -> dict[str, Any]:
    """Every step reads and writes the same S3 URI, and waits for none; valid, with warnings."""
    definition = waiting(steps, lambda _: [])
    for step in definition["Steps"]:
        step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = "s3://bucket/in/one"
        step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = "s3://bucket/in/one"
    return definition


CHECKED: dict[str, tuple[Callable[[int], dict[str, Any]], int]] = {
    "every step waits for every other": (in_circles, 300),
    "every step waits for all before it": (in_line, 300),
    "every name is misspelt": (misspelt, 500),
    "every step uses one URI": (at_once, 500),
}


def import_once() -> float:
    """Milliseconds of our import in a fresh process that has ``airflow.sdk``."""
    done = subprocess.run([sys.executable, "-c", IMPORT_PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def parse_once(file: Path) -> float:
    """Milliseconds of the forked child in which Airflow parses a file."""
    return in_a_child(lambda: parse_one(file)).seconds * 1000


def import_file_once(file: Path) -> float:
    """Milliseconds of a forked child that only imports the file."""
    return in_a_child(lambda: run_file(file)).seconds * 1000


def parse_one(file: Path) -> None:
    """Do what Airflow's DAG processor does with a file that has one DAG."""
    dags = parse(file)
    if len(dags) != 1:
        raise RuntimeError(f"{file.name} has {len(dags)} DAGs")


def run_file(file: Path) -> None:
    """Import a file."""
    runpy.run_path(str(file))


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


def report_parse(steps: int, times: dict[str, float]) -> None:
    ratio, harder = (times["ours"] / times[kind] for kind in ("EmptyOperator", "without params"))
    goal = f"goal <= {PARSE_GOAL:g} x EmptyOperator, is {ratio:.2f} (without params {harder:.2f})"
    say(row("parse", steps, times), goal, ratio <= PARSE_GOAL)


def report_growth(shape: str, checked: tuple[Callable[[int], dict[str, Any]], int]) -> None:
    make, steps = checked
    texts = {count: json.dumps(make(count)) for count in (steps, 2 * steps)}
    times = {count: median(check_once(text) for _ in range(5)) for count, text in texts.items()}
    growth = (times[2 * steps] / len(texts[2 * steps])) / (times[steps] / len(texts[steps]))
    found = f"check, {shape}: " + "  ".join(f"{count} steps {found:.0f} ms" for count, found in times.items())
    say(found, f"goal <= {GROWTH_GOAL:g} x per byte, is {growth:.2f}", growth <= GROWTH_GOAL)


def check_once(text: str) -> float:
    """Milliseconds to check a definition as the command does, and to put what is wrong into words."""
    from airflow_sm_pipelines.definition.loading import load_pipeline
    from airflow_sm_pipelines.errors import InvalidDefinitionError
    from airflow_sm_pipelines.preview.advice import warnings

    gc.collect()
    start = time.process_time()
    try:
        warnings(load_pipeline(text))
    except InvalidDefinitionError as invalid:
        str(invalid)
    return (time.process_time() - start) * 1000


def report_build(steps: int, times: dict[str, float]) -> None:
    ratio = times["ours"] / times["amazon"]
    say(row("build", steps, times), f"goal <= {BUILD_GOAL:g} x amazon, is {ratio:.2f}", ratio <= BUILD_GOAL)


def row(what: str, steps: int, times: dict[str, float]) -> str:
    return f"{what} {steps} steps: " + "  ".join(f"{kind} {found:.1f} ms" for kind, found in times.items())


def say(found: str, goal: str, reached: bool) -> None:
    print(f"{found:112} {goal}: {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
