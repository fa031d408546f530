"""All operations of Lambda that the local AWS has."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.local.jobs.job_site import JobSite
from airflow_sm_pipelines.local.services.lambda_functions.execution import HandlerProcesses
from airflow_sm_pipelines.local.services.lambda_functions.functions import FunctionOperations
from airflow_sm_pipelines.local.services.lambda_functions.invocations import Invocations
from airflow_sm_pipelines.local.services.lambda_functions.layers import Layers
from airflow_sm_pipelines.local.services.lambda_functions.table import FunctionTable
from airflow_sm_pipelines.local.state.state_file import DOCUMENTS, StateFile, collection
from airflow_sm_pipelines.local.wire.json_service import Operation, Operations


def lambda_operations(file: StateFile | None, site: JobSite) -> Mapping[str, Operation]:
    """Return the operations by name.

    Args:
        file: Where functions and layers are kept; ``None`` keeps them in memory.
        site: Where handlers run.
    """
    table = FunctionTable(collection(file, "lambda_functions", DOCUMENTS))
    layers = Layers(collection(file, "lambda_layers", DOCUMENTS), site.clients)
    parts: list[Operations] = [
        FunctionOperations(table, layers, site.clients),
        layers,
        Invocations(table, layers, HandlerProcesses(site), site.settings.stand_in),
    ]
    return {name: operation for part in parts for name, operation in part.operations().items()}
