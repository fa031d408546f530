"""What check steps look up and no step of their pipeline makes, for a rehearsal in which it is not there.

A ClarifyCheck that names a model completes an ``analysis_config.json``, which the SDK uploads. A check reads its
previous baseline from the latest approved version of a model package group, which an earlier run has registered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, Baseline, CheckType
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.preview.placeholders import KnownValues, Placeholder

_FOLDER = "s3://sm-pipelines-rehearsal/baselines"
_CONFIG_INPUT = "analysis_config"


@dataclass(frozen=True, slots=True)
class CheckNeeds:
    """What is to be there before a rehearsal starts.

    Attributes:
        configs: S3 URIs of analysis configurations.
        groups: Names of model package groups -> the check types whose baselines the approved version has.
    """

    configs: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def needs_of_checks(pipeline: Pipeline, parameters: Mapping[str, Any]) -> tuple[CheckNeeds, list[str]]:
    """Return what the checks of a definition look up, and a sentence for each thing that the user should know of.

    Args:
        pipeline: The definition.
        parameters: The values of its parameters.
    """
    known = KnownValues(pipeline, parameters)
    configs: list[str] = []
    groups: dict[str, list[str]] = {}
    notes: list[str] = []
    for step in pipeline.steps:
        if step.type not in ("QualityCheck", "ClarifyCheck"):
            continue
        members = {name: known.fill(value) for name, value in step.members.items()}
        configs += [uri for uri in _config_uris(step, members, known) if uri not in configs]
        group = members.get("ModelPackageGroupName")
        if isinstance(group, Placeholder):
            notes.append(f"{step.name} looks for its previous baseline in a group that only the run knows: {group}")
        elif isinstance(group, str) and group and _looks_into_group(members):
            kinds = groups.setdefault(group.rpartition("/")[2], [])  # an ARN ends with the name
            kinds += [kind for kind in [str(members["CheckType"])] if kind not in kinds]
    notes += [
        f"model package group {group} has an approved version with baselines ({', '.join(kinds)}), as after an "
        "earlier run; elsewhere, a check without a previous baseline fails"
        for group, kinds in groups.items()
    ]
    return CheckNeeds(tuple(configs), {group: tuple(kinds) for group, kinds in groups.items()}), notes


def put_needs(sagemaker: Any, s3: Any, needs: CheckNeeds, note: str) -> None:
    """Put into a local AWS what checks look up.

    Args:
        sagemaker: A SageMaker client of the local AWS.
        s3: An S3 client of it.
        needs: What they look up.
        note: What all of it says of itself.
    """
    from botocore.exceptions import ClientError, ParamValidationError

    from airflow_sm_pipelines.rehearsal.stand_in.job_work import SyntheticObject, put_object  # noqa: PLC0415 - boto3

    def put(uri: str, document: JsonObject) -> None:
        put_object(s3, SyntheticObject(uri, json.dumps({"rehearsal": note, **document}).encode()))

    # A name that no bucket or group can have: the step itself is refused for it, and says so.
    impossible = (ClientError, ParamValidationError)
    for uri in needs.configs:
        with suppress(*impossible):
            put(uri, {"predictor": {}})
    for group, kinds in needs.groups.items():
        baselines: dict[str, dict[str, Any]] = {}
        for kind in kinds:
            row = CHECK_TYPES[kind]
            baseline = row.calculated_baseline(f"{_FOLDER}/{group}/{kind}")
            baselines.setdefault(row.section, {}).update(_metrics_sources(row, baseline))
            for uri in filter(None, (baseline.constraints, baseline.statistics)):
                put(uri, {})
        with suppress(*impossible):
            sagemaker.create_model_package_group(ModelPackageGroupName=group)
            sagemaker.create_model_package(
                ModelPackageGroupName=group, ModelApprovalStatus="Approved", DriftCheckBaselines=baselines
            )


def _metrics_sources(row: CheckType, baseline: Baseline) -> dict[str, dict[str, str]]:
    uris = {row.constraints_member: baseline.constraints, row.statistics_member: baseline.statistics}
    return {member: {"ContentType": "application/json", "S3Uri": uri} for member, uri in uris.items() if uri}


def _looks_into_group(members: Mapping[str, Json]) -> bool:
    supplied = (members.get(f"SuppliedBaseline{name}") for name in ("Constraints", "Statistics"))
    without_use = members.get("SkipCheck") is True and members.get("RegisterNewBaseline") is True
    return not any(supplied) and not without_use


def _config_uris(step: Step, members: Mapping[str, Json], known: KnownValues) -> Iterator[str]:
    inputs = step.arguments.get("ProcessingInputs") if members.get("ModelName") else None
    for entry in inputs if isinstance(inputs, list) else ():
        source = entry.get("S3Input") if isinstance(entry, dict) and entry.get("InputName") == _CONFIG_INPUT else None
        uri = known.fill(source.get("S3Uri")) if isinstance(source, dict) else None
        if isinstance(uri, str) and not isinstance(uri, Placeholder):
            yield uri if uri.endswith(".json") else f"{uri.rstrip('/')}/{_CONFIG_INPUT}.json"
