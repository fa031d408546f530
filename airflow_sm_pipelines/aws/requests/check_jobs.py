"""The processing job of a check step: its request, completed as the service does it, and what the request says.

A check compares its data with the baseline given with the step, else with the one of the latest approved version of the
step's model package group. The containers take a baseline as two files and two environment variables (developer guide,
"Container Contract Inputs", and processing jobs that Model Monitor has started; that pipelines do the same is
*assumed*).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, Baseline, CheckRule, CheckType, check_rule
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.json_answers import read_json
from airflow_sm_pipelines.aws.requests.jobs import creation, named_request
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart, unless
from airflow_sm_pipelines.errors import StepFailedError, UnfitRequestError

_ANALYSIS_CONFIG = "analysis_config"
_CONFIG_FILE = "analysis_config.json"
_CLARIFY_CHECKS = frozenset(name for name, check_type in CHECK_TYPES.items() if not check_type.statistics_file)
_PURPOSE = "prepare its job"


class _BaselineInput(NamedTuple):
    """How a container takes one file of a baseline."""

    name: str
    folder: str
    variable: str


_CONSTRAINTS = _BaselineInput("baseline_constraints", "/opt/ml/processing/baseline/constraints", "baseline_constraints")
_STATISTICS = _BaselineInput("baseline_statistics", "/opt/ml/processing/baseline/stats", "baseline_statistics")


def check_calls(start: StepStart) -> Calls[AwsCall]:
    """Create the processing job that calculates a baseline and, unless SkipCheck is set, checks the data.

    Raises:
        StepFailedError: There is no previous baseline, to check against or to carry over.
        UnfitRequestError: The request lacks a member that a check needs, or a flag is neither true nor false.
    """
    request = yield from named_request(start)
    if start.shape(creation(start, request))[1]:
        return creation(start, request)  # its faults are reported when it is sent
    members = start.members()
    output_folder(request)  # fails before the job costs anything if there is no place for its results
    model = members.get("ModelName")
    if model and members.get("CheckType") in _CLARIFY_CHECKS:
        request = yield from _with_model_name(start, request, str(model))
    rule = rule_of(members)
    if not rule.needs_previous:
        return creation(start, request)
    previous = yield from previous_baseline(start, members)
    if not previous.constraints:
        raise StepFailedError(start.step, _missing_baseline(members, rule))
    if not rule.checks_drift:
        return creation(start, request)
    start.log.info("Checks against %s", previous.constraints)
    return creation(start, with_baseline(request, previous))


def rule_of(members: Body) -> CheckRule:
    """Return the row of the service's table for a step's flags.

    Args:
        members: The step's own members, resolved.

    Raises:
        UnfitRequestError: A flag is neither true nor false.
    """
    return check_rule(
        skip_check=flag(members, "SkipCheck", default=False),
        register_new_baseline=flag(members, "RegisterNewBaseline", default=False),
    )


def flag(members: Body, name: str, *, default: bool) -> bool:
    """Return a flag of a check step; a parameter may give it as text.

    Raises:
        UnfitRequestError: The flag is neither true nor false.
    """
    value = members.get(name)
    if value is None:
        return default
    known = value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).strip().casefold())
    if known is None:
        raise UnfitRequestError(f"{name} must be true or false, but is {value!r}")
    return known


def previous_baseline(start: StepStart, members: Body) -> Calls[Baseline]:
    """Return the baseline given with the step, else the one of the group's latest approved version; empty if none.

    A baseline is taken as a whole: its files never come from different sources.

    Args:
        start: The step.
        members: The step's own members, resolved.
    """
    group = members.get("ModelPackageGroupName")
    supplied = _supplied(members)
    if supplied or not group:
        return supplied
    package = yield from _latest_approved(str(group))
    if package is None:
        return Baseline()
    start.log.info("The latest approved version of %s is %s", group, package)
    return (yield from _registered_baseline(package, CHECK_TYPES[str(members["CheckType"])]))


def _supplied(members: Body) -> Baseline:
    """Return the baseline given with the step; null and an empty string count as missing."""
    constraints, statistics = (members.get(f"SuppliedBaseline{name}") or "" for name in ("Constraints", "Statistics"))
    return Baseline(str(constraints), str(statistics))


def _latest_approved(group: str) -> Calls[str | None]:
    """Return the ARN of the latest approved version of a group, ``None`` if there is no version or no group."""
    query = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }
    page: dict[str, str] = {}
    while True:
        call = AwsCall("sagemaker", "ListModelPackages", {**query, **page}, _PURPOSE)
        answer = yield from unless(says_absent, call)
        if answer is None:
            return None
        for summary in answer.get("ModelPackageSummaryList", ()):
            return str(summary["ModelPackageArn"])
        if not answer.get("NextToken"):  # a page with a token may be empty
            return None
        page = {"NextToken": answer["NextToken"]}


def _registered_baseline(package: str, check_type: CheckType) -> Calls[Baseline]:
    """Return a model package's baseline for drift checks; empty if it has none.

    It is in ``DriftCheckBaselines`` (developer guide, "Working with baselines"), not in ``ModelMetrics``.
    """
    described = yield AwsCall("sagemaker", "DescribeModelPackage", {"ModelPackageName": package}, _PURPOSE)
    section = described.get("DriftCheckBaselines", {}).get(check_type.section, {})

    def uri(member: str) -> str:
        return str(section.get(member, {}).get("S3Uri", "")) if member else ""

    return Baseline(uri(check_type.constraints_member), uri(check_type.statistics_member))


def _missing_baseline(members: Body, rule: CheckRule) -> str:
    group, check_type = members.get("ModelPackageGroupName"), CHECK_TYPES[str(members["CheckType"])]
    if _supplied(members):
        where = "SuppliedBaselineStatistics is given without SuppliedBaselineConstraints"
    elif group:
        place = f"DriftCheckBaselines.{check_type.section}.{check_type.constraints_member}"
        where = f"none is supplied, and model package group {group} has no approved version whose {place} names one"
    else:
        where = "neither SuppliedBaselineConstraints nor a ModelPackageGroupName is given"
    purpose = "to check against" if rule.checks_drift else "to carry over, which RegisterNewBaseline false asks for"
    return (
        f"there is no previous baseline {purpose} ({where}); no job was started. A first run has none: set "
        "SkipCheck and RegisterNewBaseline to true for it, and approve the version that it registers"
    )


def with_baseline(request: Body, baseline: Baseline) -> Body:
    """Return a CreateProcessingJob request whose job checks its data against a baseline.

    Args:
        request: The request.
        baseline: The baseline; a missing file is left out.
    """
    inputs, environment = list(request.get("ProcessingInputs") or ()), dict(request.get("Environment") or {})
    for place, uri in ((_CONSTRAINTS, baseline.constraints), (_STATISTICS, baseline.statistics)):
        if not uri:
            continue
        source = {
            "S3Uri": uri,
            "LocalPath": place.folder,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        }
        inputs.append({"InputName": place.name, "AppManaged": False, "S3Input": source})
        environment[place.variable] = f"{place.folder}/{uri.rpartition('/')[2]}"
    return {**request, "ProcessingInputs": inputs, "Environment": environment}


def checked_against(description: Body) -> Baseline:
    """Return the baseline that a job's data were checked against; empty if the job checked nothing.

    Args:
        description: The DescribeProcessingJob response.
    """
    uris = {entry.get("InputName"): _s3_uri(entry) for entry in description.get("ProcessingInputs", ())}
    return Baseline(uris.get(_CONSTRAINTS.name, ""), uris.get(_STATISTICS.name, ""))


def output_folder(request: Body) -> str:
    """Return the S3 URI of the folder that the job writes its results into.

    Args:
        request: The CreateProcessingJob request, or the DescribeProcessingJob response.

    Raises:
        UnfitRequestError: The job has no output in S3, or more than one.
    """
    folders = list(_output_folders(request))
    if len(folders) != 1:
        found = ", ".join(folders) or "none"
        raise UnfitRequestError(f"a check needs exactly one output in S3, but ProcessingOutputConfig has {found}")
    return folders[0]


def _output_folders(request: Body) -> Iterator[str]:
    config = request.get("ProcessingOutputConfig")
    for entry in (config.get("Outputs") if isinstance(config, Mapping) else None) or ():
        uri = (entry.get("S3Output") or {}).get("S3Uri")
        if uri:
            yield str(uri)


def _with_model_name(start: StepStart, request: Body, model: str) -> Calls[Body]:
    """Return the request of a Clarify job with an analysis configuration that names the model.

    The SDK leaves the model out of ``analysis_config.json``, since its name is known only during the run. The completed
    copy goes into a folder of the attempt, next to the original, which other runs may read at the same time.
    """
    inputs = list(request.get("ProcessingInputs") or ())
    place = next((index for index, entry in enumerate(inputs) if entry.get("InputName") == _ANALYSIS_CONFIG), None)
    if place is None:
        raise UnfitRequestError(f"ProcessingInputs has no {_ANALYSIS_CONFIG}, which must name the model")
    original = _s3_uri(inputs[place])
    if not original.endswith(".json"):
        original = f"{original.rstrip('/')}/{_CONFIG_FILE}"
    completed = f"{original.rpartition('/')[0]}/{start.attempt}/{_CONFIG_FILE}"
    read = yield _object_call("GetObject", *start.object_of(original))
    body = _with_model(read["Body"], original, model)
    yield _object_call("PutObject", *start.object_of(completed), Body=body)
    inputs[place] = {**inputs[place], "S3Input": {**inputs[place]["S3Input"], "S3Uri": completed}}
    return {**request, "ProcessingInputs": inputs}


def _object_call(operation: str, bucket: str, key: str, **members: bytes) -> AwsCall:
    return AwsCall("s3", operation, {"Bucket": bucket, "Key": key, **members}, _PURPOSE)


def _with_model(body: bytes, uri: str, model: str) -> bytes:
    try:
        config = read_json(body)
    except ValueError as error:
        raise UnfitRequestError(f"{uri} is not a JSON document: {error}") from error
    predictor = config.setdefault("predictor", {}) if isinstance(config, dict) else None
    if not isinstance(predictor, dict):
        raise UnfitRequestError(f"{uri} is not an analysis configuration: it or its `predictor` is not an object")
    predictor["model_name"] = model
    return json.dumps(config).encode()


def _s3_uri(entry: Body) -> str:
    return str((entry.get("S3Input") or {}).get("S3Uri") or "")
