"""An Airflow for one process alone, which runs ``dag.test()``: a database that nobody keeps, an API that nobody shares.

Importing this module takes seconds, so it is imported inside functions. Tests pin what is used of Airflow here, and
that neither tables nor routes differ from Airflow's own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.utils.db import add_default_pool_if_not_exists, synchronize_log_template
from sqlalchemy import event

if TYPE_CHECKING:
    from airflow.sdk import DAG

__all__ = ["create_tables", "lighten_task_api"]

_Result = TypeVar("_Result")


def create_tables() -> None:
    """Create the tables of Airflow's database, which is empty and is never upgraded.

    ``airflow db migrate`` creates those of an empty database from the same models (``airflow.utils.db.initdb``). The
    mark of the schema's version, by which it would know the next time, is left out: it takes longer than the tables.
    """
    engine = settings.get_engine()  # type: ignore[no-untyped-call]
    event.listen(engine, "connect", _write_without_waiting)
    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(engine)
    add_default_pool_if_not_exists()
    synchronize_log_template()


def _write_without_waiting(connection: Any, _: object) -> None:
    """Let the system write to the disk when it likes: what a power failure would lose, nobody keeps anyway."""
    connection.execute("PRAGMA synchronous=OFF")


def lighten_task_api() -> None:
    """Spare the API that ``dag.test()`` serves to its tasks what only a server with many clients needs.

    Its routes, its handlers and its answers stay what they are. Call this before the first task runs.
    """
    _keep_signatures()
    _keep_client()
    _serve_newest_version_only()
    _work_in_one_thread()


def _serve_newest_version_only() -> None:
    """Leave out the earlier versions of the API: the tasks of this very Airflow speak the newest.

    Each route is built once for every version since Airflow 3.0, which takes longer than the rest of its start.
    """
    from airflow.api_fastapi.execution_api import versions
    from airflow.api_fastapi.execution_api.routes import execution_api_router
    from cadwyn import HeadVersion, Version, VersionBundle
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    newest = versions.bundle.versions[0].value
    versions.bundle = VersionBundle(HeadVersion(), Version(newest))
    # Those that only earlier versions have: a bundle that restores them nowhere is refused.
    routes = execution_api_router.routes
    routes[:] = [route for route in routes if _DELETED_ROUTE_TAG not in getattr(route, "tags", ())]


def _work_in_one_thread() -> None:
    """Let the API do its work where it takes the requests in: its only client waits for each answer.

    It would hand each of a dozen small pieces of a request to another thread, and wait for it.
    """
    import anyio.to_thread

    anyio.to_thread.run_sync = _run_here  # type: ignore[assignment]


async def _run_here(work: Callable[..., _Result], *arguments: Any, **_: Any) -> _Result:
    return copy_context().run(work, *arguments)


def _keep_client() -> None:
    """Let the tasks of a DAG share their client of the API; otherwise each reads the whole DAG from the database."""
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

    make: Callable[[DAG | None], Any] = InProcessTestSupervisor._api_client
    kept: list[tuple[DAG | None, Any]] = []

    def client(dag: DAG | None = None) -> Any:
        if not kept or kept[0][0] is not dag:
            kept[:] = [(dag, make(dag))]
        return kept[0][1]

    InProcessTestSupervisor._api_client = staticmethod(client)  # type: ignore[method-assign]


def _keep_signatures() -> None:
    """Let FastAPI look at the signature of each dependency once, instead of at every request.

    It looks again where dependencies can be overridden, which is how Airflow turns authentication off in its own
    process.
    """
    import cadwyn  # noqa: F401 - it keeps the function as it is, and changes what that returns
    from fastapi.dependencies import utils

    look = utils.get_dependant
    kept: dict[Any, Any] = {}

    def get_dependant(*, call: Callable[..., Any], **others: Any) -> Any:
        if getattr(call, "__name__", "") == "<lambda>":  # made anew for each task
            return look(call=call, **others)
        texts = {name: tuple(value) if isinstance(value, list) else value for name, value in others.items()}
        key = (call, *sorted(texts.items()))
        if key not in kept:
            kept[key] = look(call=call, **others)
        return kept[key]

    utils.get_dependant = get_dependant
