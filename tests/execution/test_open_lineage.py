"""A step's lineage in the form of OpenLineage's provider."""

from __future__ import annotations

from airflow_sm_pipelines.execution.open_lineage import operator_lineage
from airflow_sm_pipelines.semantics.lineage import Dataset, Lineage


def test_datasets_have_namespace_and_name() -> None:
    told = operator_lineage(Lineage((Dataset("s3://bucket", "raw"),), (Dataset("s3://bucket", "clean"),)))

    assert [(one.namespace, one.name, one.facets) for one in told.inputs] == [("s3://bucket", "raw", {})]
    assert [(one.namespace, one.name, one.facets) for one in told.outputs] == [("s3://bucket", "clean", {})]


def test_a_version_is_a_facet_of_its_dataset() -> None:
    told = operator_lineage(Lineage(outputs=(Dataset("arn", "model-package-group/abalone", "3"),)))

    assert told.outputs[0].facets["version"].datasetVersion == "3"
