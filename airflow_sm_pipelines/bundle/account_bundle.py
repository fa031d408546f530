"""The DAG bundle that mirrors the SageMaker pipelines of an account.

Every process that reads Airflow's list of bundles imports this module: it loads nothing of AWS by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow_sm_pipelines.aws.console import AwsPlace
from airflow_sm_pipelines.execution.airflow_internals.dag_bundles import BaseDagBundle, BundleVersion
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.semantics.mirrored_pipelines import arn_parts, arns_of

if TYPE_CHECKING:
    from airflow_sm_pipelines.bundle.mirror import Mirror
    from airflow_sm_pipelines.bundle.store import VersionStore

LOADER_FILE = "sagemaker_pipelines_dags.py"
_LOADER = '''\
"""The DAGs of the SageMaker pipelines in the folder beside this file. Made by the bundle: changes are lost."""

import json
from pathlib import Path

from airflow_sm_pipelines import load_pipelines

dags = load_pipelines("pipelines", **json.loads(Path(__file__).with_name("arguments.json").read_text()))
'''
_NOTE = "One file for each pipeline, in the form of DescribePipeline. Made by the bundle: changes are lost.\n"


@dataclass(frozen=True, slots=True)
class ConnectionOfBundle(AwsConnection):
    """How a bundle reaches AWS: the DAG processor, or a task that begins, does nothing else until AWS answers."""

    limits: ClassVar[Mapping[str, Any]] = {
        "connect_timeout": 5,
        "read_timeout": 20,
        "retries": {"total_max_attempts": 3, "mode": "standard"},
    }


class SageMakerDagBundle(BaseDagBundle):
    """The SageMaker pipelines of an account and region, each as a DAG.

    The DAG processor looks for changed pipelines at each refresh, and keeps every version of their definitions in the
    store. Workers read the store: a run has the definitions that it began with, also when it is cleared later, on any
    machine.

    Args:
        store: Where all versions are kept: ``s3://bucket/prefix``, or the absolute path of a folder that every machine
            of this Airflow can read. Only the DAG processor writes to it.
        pipelines: Which pipelines: patterns of their names with ``*``, ``?`` and ``[]``, and ARNs of pipelines that
            other accounts share. Default: all of the account and region.
        tags: Tags that a pipeline must have, all of them, to be mirrored; not asked of pipelines given by ARN.
        aws_conn_id: Airflow connection to AWS, for the account, the store and the jobs; ``None`` for boto3's own
            credential chain.
        region_name: AWS region. Default: that of the connection or the environment.
        assume_role_arn: IAM role that reads the account and runs the jobs, e.g. one of another account; the
            connection's credentials assume it. The store is used without it.
        store_aws_conn_id: Airflow connection for the store, if it is another one.
        dag_id_prefix: What the ids of the DAGs begin with; they are the names of the pipelines otherwise.
        dag_arguments: Arguments of `pipeline_dag` for all DAGs, as far as JSON has them, e.g.
            ``{"schedule": "rate(1 day)", "default_args": {"queue": "ml"}}``.
        loader: Absolute path, on the DAG processor, of a DAG file of your own that makes the DAGs from the folder
            ``pipelines`` beside it, in place of the generated one. It is kept with each version.
        base: ``name``, ``refresh_interval`` (seconds), ``version`` and ``view_url_template`` of Airflow's bundles.

    Raises:
        TypeError: There are both ``loader`` and ``dag_arguments``, or ``dag_arguments`` is not JSON.
        ValueError: ``store``, ``pipelines`` or ``loader`` cannot be what it is.
    """

    supports_versioning = True

    def __init__(
        self,
        *,
        store: str,
        pipelines: Sequence[str] = ("*",),
        tags: Mapping[str, str] | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        assume_role_arn: str | None = None,
        store_aws_conn_id: str | None = None,
        dag_id_prefix: str = "",
        dag_arguments: Mapping[str, Any] | None = None,
        loader: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if isinstance(pipelines, str):
            raise TypeError(f"pipelines={pipelines!r}: expected a list of patterns and ARNs")
        for arn in arns_of(pipelines):
            arn_parts(arn)
        if loader is not None and dag_arguments:
            raise TypeError("dag_arguments has no effect beside loader: write the arguments into that file")
        if loader is not None and not Path(loader).is_absolute():
            raise ValueError(f"loader={loader!r}: expected the absolute path of a DAG file")
        self._pipelines = tuple(pipelines)
        self._tags = dict(tags or {})
        self._connection = ConnectionOfBundle(aws_conn_id, region_name, assume_role_arn=assume_role_arn)
        self._store_connection = ConnectionOfBundle(store_aws_conn_id or aws_conn_id, region_name)
        self._dag_id_prefix = dag_id_prefix
        self._arguments = self._json_arguments(dag_arguments or {})
        self._loader = loader
        self._place = store
        self._current_dir = self.base_dir / "current"
        self._shown = self.version
        self._check_store()

    def _json_arguments(self, given: Mapping[str, Any]) -> str:
        own = {name: getattr(self._connection, name) for name in ("aws_conn_id", "region_name", "assume_role_arn")}
        try:
            return json.dumps({**own, **given}, sort_keys=True, indent=1)
        except TypeError as error:
            raise TypeError(f"dag_arguments: {error}; use a DAG file of your own (loader) for such arguments") from None

    def _check_store(self) -> None:
        bucket_or_folder = self._place.startswith("s3://") or Path(self._place).is_absolute()
        if not bucket_or_folder:
            raise ValueError(
                f"store={self._place!r}: expected s3://BUCKET/PREFIX, or the absolute path of a folder that every "
                "machine of this Airflow can read"
            )

    @cached_property
    def _store(self) -> VersionStore:
        from airflow_sm_pipelines.bundle.store import VersionStore, shelf_at

        return VersionStore(shelf_at(self._place, partial(self._store_connection.client, "s3")))

    @cached_property
    def _mirror(self) -> Mirror:
        from airflow_sm_pipelines.bundle.account import Selection
        from airflow_sm_pipelines.bundle.mirror import Mirror

        source = (self._pipelines, self._tags, self._dag_id_prefix, repr(self._connection))
        digest = hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()[:12]
        return Mirror(
            label=f"bundle {self.name}",
            pointer=f"current/{quote(self.name, safe='')}-{digest}.json",
            selection=Selection(self._pipelines, self._tags, self._dag_id_prefix),
            store=self._store,
            loader_files=self._loader_files,
            client=partial(self._connection.client, "sagemaker"),
        )

    def _loader_files(self) -> dict[str, bytes]:
        if self._loader is not None:
            return {LOADER_FILE: Path(self._loader).read_bytes(), "pipelines/README": _NOTE.encode()}
        return {
            LOADER_FILE: _LOADER.encode(),
            "arguments.json": self._arguments.encode(),
            "pipelines/README": _NOTE.encode(),
        }

    @property
    def path(self) -> Path:
        """The folder with the DAG file; complete once the bundle is initialized."""
        if self.version:
            return Path(self.versions_dir) / self.version
        return self._current_dir / (self._shown or "")

    def initialize(self) -> None:
        """Make the files of the version; without a version, those of the last refresh, by whatever machine.

        Runs in the DAG processor and in each task. It reads the store; it reads the account only if nobody has yet.

        Raises:
            StoreError: The store cannot be read, or lacks the version.
            AwsCallError: The account cannot be read, and was never seen.
        """
        if self.version:
            self._make(self.version, Path(self.versions_dir))
        else:
            state = self._mirror.recall() or self._mirror.refresh()
            self._show(state.version)
        super().initialize()

    def refresh(self) -> None:
        """Look for changed pipelines; make a new version if there are any. Runs in the DAG processor.

        If the account or the store cannot be reached, everything stays as it is, and the log says so.
        """
        if self.version:
            raise RuntimeError(f"bundle {self.name}: version {self.version} never changes, so it cannot be refreshed")
        from airflow_sm_pipelines.bundle.local_files import remove_old_versions

        version = self._mirror.refresh().version
        self._show(version)
        remove_old_versions(self._current_dir, version)

    def _show(self, version: str) -> None:
        from airflow_sm_pipelines.bundle.local_files import note_use

        note_use(self._make(version, self._current_dir))
        self._shown = version

    def _make(self, version: str, parent: Path) -> Path:
        from airflow_sm_pipelines.bundle.local_files import make_version

        if (parent / version).is_dir():
            return parent / version
        with self.lock():  # the others wait for the files that the first one fetches
            return make_version(self._store, version, parent)

    def get_current_version(self) -> BundleVersion | None:
        """Return the version whose files are at `path`: a digest of all definitions, and of what makes DAGs of them."""
        version = self.version or self._shown
        return BundleVersion(version) if version else None

    def view_url_template(self) -> str | None:
        """Return the page of the console from which Studio is opened; ``None`` if the bundle does not say its region.

        The console has no page for all pipelines. Studio has one, at an address of its own for each domain: give it as
        ``view_url_template``.
        """
        given: str | None = super().view_url_template()
        region = self._connection.region_name
        if given or not region:
            return given
        return AwsPlace.in_region(region).sagemaker_url("studio-landing") or None

    def view_url(self, version: str | None = None) -> str | None:
        """Return what `view_url_template` does: Studio shows a pipeline, not the versions of a bundle."""
        return self.view_url_template()
