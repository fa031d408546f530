"""Script mode of training jobs, as SageMaker's training toolkit derives it from hyperparameters.

Source: sagemaker-training-toolkit 5.1 (README, "Environment variables", and its behaviour when run).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.jobs.container import JobFailure

CODE_DIRECTORY = "/opt/ml/code"
_KNOWN = frozenset(
    {
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_region",
        "sagemaker_container_log_level",
        "sagemaker_job_name",
        "default_user_module_name",
        "_tuning_objective_metric",
        "sagemaker_s3_output",
    }
)
"""Hyperparameters for the toolkit itself; others with the prefix ``sagemaker_`` are parameters of the framework."""
_INFO = 20


@dataclass(frozen=True, slots=True)
class Script:
    """The user's script.

    Attributes:
        program: Its file, relative to the code directory.
        source: ``s3://…/sourcedir.tar.gz``, a path in the container, or empty: it is in the code directory already.
    """

    program: str
    source: str


def find_script(hyperparameters: Mapping[str, str], environment: Mapping[str, str]) -> Script | None:
    """Return the script that a job runs, or ``None`` if the image's own program runs.

    Args:
        hyperparameters: Those of the request.
        environment: The variables of the request; they win.
    """
    values = decode(hyperparameters)
    program = environment.get("SAGEMAKER_PROGRAM", values.get("sagemaker_program"))
    if not program:
        return None
    source = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", values.get("sagemaker_submit_directory"))
    return Script(str(program), str(source or ""))


def decode(hyperparameters: Mapping[str, str]) -> Document:
    """Return the hyperparameters as the toolkit hands them on: JSON where the text is JSON."""
    return {name: _decode(text) for name, text in hyperparameters.items()}


def _decode(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return text


def arguments(hyperparameters: Document) -> list[str]:
    """Return the script's arguments, sorted by name: ``--name value``, or ``-n value`` for one letter."""
    words = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        if isinstance(value, dict):
            value = ",".join(f"{key}={item}" for key, item in sorted(value.items()))
        words += [f"--{name}" if len(name) > 1 else f"-{name}", "" if value is None else str(value)]
    return words


def script_environment(
    script: Script,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, Document],
    resources: Document,
    region: str,
    job_name: str,
) -> tuple[dict[str, str], list[str]]:
    """Return the toolkit's variables, and the script's arguments.

    Args:
        script: The user's script.
        hyperparameters: Those of the request.
        channels: ``inputdataconfig.json``.
        resources: ``resourceconfig.json``.
        region: AWS region.
        job_name: Name of the training job.

    Raises:
        JobFailure: The script is not inside of the source directory.
    """
    if script.program.startswith("/") or ".." in script.program.split("/"):
        raise JobFailure(f"ClientError: sagemaker_program {script.program} is no path inside of the source directory")
    values = decode(hyperparameters)
    own = {name: value for name, value in values.items() if name not in _KNOWN and not name.startswith("sagemaker_")}
    described = _description(script, values, own, channels, resources, job_name)
    words = arguments(own)
    module_dir = script.source or CODE_DIRECTORY
    variables: dict[str, Any] = {
        **{name: described[name] for name in _SHOWN},
        "hps": own,
        "framework_params": described["additional_framework_parameters"],
        "channels": sorted(channels),
        "instance_groups": [group["instance_group_name"] for group in resources["instance_groups"]],
        "instance_groups_dict": {group["instance_group_name"]: group for group in resources["instance_groups"]},
        "module_dir": module_dir,
        "num_neurons": 0,
        "training_env": described,
        "user_args": words,
        **{f"channel_{name}": path for name, path in described["channel_input_dirs"].items()},
        **{f"hp_{name}": value for name, value in own.items()},
    }
    shown = {f"SM_{name.upper()}": _text(value) for name, value in variables.items()}
    toolkit = {
        "SAGEMAKER_JOB_NAME": str(values.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": str(values.get("sagemaker_region", region)),
        "CURRENT_HOST": resources["current_host"],
    }
    return {**toolkit, **shown}, words


_SHOWN = (
    "hosts",
    "network_interface_name",
    "user_entry_point",
    "resource_config",
    "input_data_config",
    "output_data_dir",
    "current_host",
    "current_instance_type",
    "current_instance_group",
    "current_instance_group_hosts",
    "distribution_instance_groups",
    "is_hetero",
    "module_name",
    "log_level",
    "framework_module",
    "input_dir",
    "input_config_dir",
    "output_dir",
    "num_cpus",
    "num_gpus",
    "model_dir",
    "output_intermediate_dir",
)


def _description(
    script: Script,
    values: Document,
    own: Document,
    channels: Mapping[str, Document],
    resources: Document,
    job_name: str,
) -> Document:
    """Return ``SM_TRAINING_ENV``."""
    framework = {name: value for name, value in values.items() if name.startswith("sagemaker_") and name not in _KNOWN}
    hosts: Sequence[str] = resources["hosts"]
    return {
        "additional_framework_parameters": framework,
        "channel_input_dirs": {name: f"/opt/ml/input/data/{name}" for name in channels},
        "current_host": resources["current_host"],
        "current_instance_group": resources["current_group_name"],
        "current_instance_group_hosts": list(hosts),
        "current_instance_type": resources["current_instance_type"],
        "distribution_hosts": list(hosts),
        "distribution_instance_groups": [resources["current_group_name"]],
        "framework_module": None,
        "hosts": list(hosts),
        "hyperparameters": dict(own),
        "input_config_dir": "/opt/ml/input/config",
        "input_data_config": channels,
        "input_dir": "/opt/ml/input",
        "instance_groups": [group["instance_group_name"] for group in resources["instance_groups"]],
        "instance_groups_dict": {group["instance_group_name"]: group for group in resources["instance_groups"]},
        "is_hetero": False,
        "is_master": True,
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": job_name,
        "log_level": values.get("sagemaker_container_log_level", _INFO),
        "master_hostname": resources["current_host"],
        "model_dir": "/opt/ml/model",
        "module_dir": script.source or CODE_DIRECTORY,
        "module_name": script.program.removesuffix(".py"),
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": 0,
        "num_neurons": 0,
        "output_data_dir": "/opt/ml/output/data",
        "output_dir": "/opt/ml/output",
        "output_intermediate_dir": "/opt/ml/output/intermediate",
        "resource_config": resources,
        "topology": [],
        "user_entry_point": script.program,
    }


def _text(value: Any) -> str:
    """Return a variable's text: strings as they are, nothing for ``None``, else compact JSON with sorted keys."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
