"""Airflow's own tables, in a database in memory."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from airflow_sm_pipelines.callbacks.attempts import answer_key
from airflow_sm_pipelines.callbacks.rules import digest_of
from airflow_sm_pipelines.execution.records import RECORD_KEY

TOKEN = "26vcYbeWsZ"
DIGEST = digest_of(TOKEN)


class Database:
    """Airflow's tables with one run, one task that waits, and what its worker has written.

    Attributes:
        session: A new session at each call, as Airflow's `create_session`.
    """

    def __init__(self) -> None:
        from airflow.models import import_all_models
        from airflow.models.base import Base
        from airflow.models.dagrun import DagRun
        from airflow.models.hitl import HITLDetail
        from airflow.models.task_state_store import TaskStateStoreModel
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.trigger import Trigger
        from airflow.models.variable import Variable
        from sqlalchemy import create_engine
        from sqlalchemy.orm import sessionmaker
        from sqlalchemy.pool import StaticPool

        import_all_models()  # tables refer to each other
        self.store, self.task, self.action, self.variable = TaskStateStoreModel, TaskInstance, HITLDetail, Variable
        self.run, self.trigger = DagRun, Trigger
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        # Python 3.13 and later warn of a connection that is left to the garbage collector.
        weakref.finalize(self, engine.dispose)
        Base.metadata.create_all(engine)
        self._sessions = sessionmaker(engine, expire_on_commit=False)
        self.ti_id = uuid4()
        now = datetime.now(UTC)
        names = {"dag_id": "dag", "run_id": "run"}
        self.insert(DagRun, id=7, run_type="manual", run_after=now, **names)
        self.insert(Trigger, id=3, classpath="x", encrypted_kwargs="{}", created_date=now - timedelta(minutes=1))
        task = {"task_id": "Ask", "map_index": -1, "state": "deferred", "try_number": 1, "max_tries": 4}
        rest = {"pool": "default_pool", "pool_slots": 1, "queue": "default", "priority_weight": 1}
        self.insert(TaskInstance, id=self.ti_id, trigger_id=3, next_kwargs={}, **names, **task, **rest)
        self.insert(
            HITLDetail, ti_id=self.ti_id, options=["Success", "Failure"], subject="s", params={}, created_at=now
        )

    @contextmanager
    def session(self, scoped: bool = True) -> Iterator[Any]:
        with self._sessions() as session:
            yield session
            session.commit()

    def insert(self, model: Any, **values: Any) -> None:
        from sqlalchemy import insert

        with self.session() as session:
            session.execute(insert(model).values(**values))

    def put(self, key: str, value: Any) -> None:
        from sqlalchemy import delete

        with self.session() as session:
            session.execute(delete(self.store).where(self.store.key == key))
        place = {"dag_run_id": 7, "dag_id": "dag", "run_id": "run", "task_id": "Ask", "map_index": -1}
        self.insert(self.store, key=key, value=json.dumps(value), updated_at=datetime.now(UTC), **place)

    def record(self, **values: Any) -> None:
        self.put(RECORD_KEY, {"epoch": "4/4", "digest": DIGEST, "closed": False, **values})

    def set(self, model: Any, **values: Any) -> None:
        from sqlalchemy import update

        with self.session() as session:
            session.execute(update(model).values(**values))

    def answer(self) -> Any:
        with self.session() as session:
            row = session.query(self.store).filter_by(key=answer_key(DIGEST)).one_or_none()
            return row and json.loads(row.value)

    def ti(self) -> Any:
        with self.session() as session:
            return session.get(self.task, self.ti_id)

    def detail(self) -> Any:
        with self.session() as session:
            return session.get(self.action, self.ti_id)
