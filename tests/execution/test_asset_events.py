"""The asset events of a step's success, as Airflow's server gets them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetAlias

from airflow_sm_pipelines.aws.kinds import ENDPOINT, PROCESSING_JOB
from airflow_sm_pipelines.execution.asset_events import changed_assets

DESCRIBED: dict[str, Any] = {"EndpointName": "abalone", "EndpointArn": "arn", "EndpointConfigName": "c"}


def test_the_changed_resource_stands_beside_the_authors_outlets(context: Any) -> None:
    given = [Asset("x-data://a"), AssetAlias("b")]

    changed = changed_assets(given, context, ENDPOINT, DESCRIBED, also_own=True)

    assert changed == [*given, Asset("x-sagemaker://endpoint/abalone")]
    assert given == changed[:2]
    for asset in (changed[0], changed[2]):
        assert context["outlet_events"][asset].extra == DESCRIBED


def test_the_resource_counts_only_if_it_is_wanted(context: Any) -> None:
    assert changed_assets([], context, ENDPOINT, DESCRIBED, also_own=False) == []
    assert changed_assets([], context, PROCESSING_JOB, {"ProcessingJobName": "p"}, also_own=True) == []
    assert len(context["outlet_events"]) == 0
