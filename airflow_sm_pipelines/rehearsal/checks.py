"""Seeds what check steps look up: analysis configurations, and approved model packages with baselines.

A ClarifyCheck that names a model completes an ``analysis_config.json``, which the SDK uploads. A check reads its
previous baseline from the latest approved version of a model package group, which an earlier run has registered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, Baseline, CheckType
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import Unknown, evaluate
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.rehearsal.placeholders import Value

if TYPE_CHECKING:
    from botocore.client import BaseClient

_FOLDER = "s3://sm-pipelines-rehearsal/baselines"
_CONFIG_INPUT = "analysis_config"


@dataclass(frozen=True, slots=True)
class CheckNeeds:
    """What must exist before a rehearsal starts.

    Attributes:
        configs: S3 URIs of analysis configurations.
        groups: Names of model package groups -> the check types whose baselines the approved version has.
    """

    configs: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def needs_of_checks(pipeline: Pipeline, parameters: Mapping[str, Value]) -> tuple[CheckNeeds, list[str]]:
    """Return what the checks of a definition look up, and a note for each thing that the user should know.

    Args:
        pipeline: The definition.
        parameters: The values of its parameters.
    """
    known = PlaceholderScope(pipeline, parameters)
    configs: list[str] = []
    groups: dict[str, list[str]] = {}
    notes: list[str] = []
    for step in pipeline.steps:
        if not CATALOG[step.type].finds_violations:
            continue
        members = {name: evaluate(value, known) for name, value in step.members.items()}
        configs += [uri for uri in _config_uris(step, members, known) if uri not in configs]
        group = members.get("ModelPackageGroupName")
        if isinstance(group, Unknown):
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


def put_needs(sagemaker: BaseClient, s3: BaseClient, needs: CheckNeeds, note: str) -> None:
    """Put what checks look up into a local AWS.

    Args:
        sagemaker: A SageMaker client of the local AWS.
        s3: An S3 client of it.
        needs: What they look up.
        note: A note that everything carries.
    """
    from botocore.exceptions import ClientError, ParamValidationError

    from airflow_sm_pipelines.rehearsal.stand_in.job_work import SyntheticObject, put_object

    def put(uri: str, document: JsonObject) -> None:
        put_object(s3, SyntheticObject(uri, json.dumps({"rehearsal": note, **document}).encode()))

    # A name that no bucket or group can have: the step fails because of it, and says so.
    impossible = (ClientError, ParamValidationError)
    for uri in needs.configs:
        with suppress(*impossible):
            put(uri, {"predictor": {}})
    for group, kinds in needs.groups.items():
        baselines: dict[str, dict[str, dict[str, str]]] = {}
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


def _config_uris(step: Step, members: Mapping[str, Json], known: PlaceholderScope) -> Iterator[str]:
    inputs = step.arguments.get("ProcessingInputs") if members.get("ModelName") else None
    for entry in inputs if isinstance(inputs, list) else ():
        source = entry.get("S3Input") if isinstance(entry, dict) and entry.get("InputName") == _CONFIG_INPUT else None
        uri = evaluate(source.get("S3Uri"), known) if isinstance(source, dict) else None
        if isinstance(uri, str) and not isinstance(uri, Unknown):
            yield uri if uri.endswith(".json") else f"{uri.rstrip('/')}/{_CONFIG_INPUT}.json"
