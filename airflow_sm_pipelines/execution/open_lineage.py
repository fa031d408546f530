"""A step's lineage as OpenLineage's provider wants it; runs in a fork of the worker process that has ended the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.semantics.lineage import Dataset, Lineage

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset as OpenLineageDataset


def operator_lineage(lineage: Lineage) -> OperatorLineage[OpenLineageDataset, Any]:
    """Return what the provider asks an operator for.

    Args:
        lineage: What the step has read and written.
    """
    # Only the provider asks for it, so it is there.
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage(
        inputs=[_dataset(dataset) for dataset in lineage.inputs],
        outputs=[_dataset(dataset) for dataset in lineage.outputs],
    )


def _dataset(dataset: Dataset) -> OpenLineageDataset:
    from openlineage.client.event_v2 import Dataset as OpenLineageDataset
    from openlineage.client.facet_v2 import dataset_version_dataset

    version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.version)
    return OpenLineageDataset(
        namespace=dataset.namespace, name=dataset.name, facets={"version": version} if dataset.version else {}
    )
