"""What a DAG bundle needs of Airflow; loaded by every process that loads the configured bundles."""

from __future__ import annotations

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

__all__ = ["BaseDagBundle", "BundleVersion"]
