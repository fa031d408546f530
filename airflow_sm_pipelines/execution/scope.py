"""Where the expressions of a step find their values: one DAG run, seen from one task; runs in the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import call, read_object
from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError, split_uri
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.property_files import property_file_uri
from airflow_sm_pipelines.definition.read_values import parse_document
from airflow_sm_pipelines.definition.references import EXPERIMENT_DEFAULTS
from airflow_sm_pipelines.errors import (
    AwsCallError,
    ConditionTypeError,
    EvaluationError,
    IncomparableError,
    ParameterValueError,
    StepFailedError,
    UndefinedReferenceError,
)
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import own_map_index, read_properties
from airflow_sm_pipelines.semantics.execution_variables import entity_name, execution_arn, execution_time, pipeline_arn

if TYPE_CHECKING:
    from airflow.sdk import Context


@contextmanager
def step_errors(step: str, place: str) -> Iterator[None]:
    """Turn what goes wrong in an evaluation into the error of a step.

    Args:
        step: Name of the step.
        place: What is evaluated: a member of the step.

    Raises:
        UndefinedReferenceError: A reference has no value.
        ConditionTypeError: A condition compares values that cannot be compared.
        StepFailedError: AWS was too busy to answer what a reference needs; of a retryable type.
    """
    try:
        yield
    except EvaluationError as error:
        raise UndefinedReferenceError(step, f"{place}: {error}") from error
    except IncomparableError as error:
        raise ConditionTypeError(step, f"{place}: {error}") from error
    except AwsCallError as error:
        raise StepFailedError.of_refusal(step, error, purpose=f"evaluate {place} now") from error


class StepScope:
    """A `airflow_sm_pipelines.definition.expressions.Scope` over Airflow's task context.

    Args:
        settings: What all steps of the DAG share.
        context: Airflow's task context.
        connection: Where to read S3 documents and the account from.
        execution_id: Returns the 12 characters of the execution.
        job_names: Execution variables that name the step's own job, e.g. ``ProcessingJobName``.
        now: The time that ``CurrentDateTime`` tells; ``None`` for that of its first evaluation.
    """

    def __init__(
        self,
        settings: PipelineRunSettings,
        context: Context,
        connection: AwsConnection,
        execution_id: Callable[[], str],
        job_names: Mapping[str, str] = MappingProxyType({}),
        now: datetime | None = None,
    ) -> None:
        self._settings = settings
        self._context = context
        self._connection = connection
        self._execution_id = execution_id
        self._job_names = job_names
        self._now = now
        self._accounts: list[str] = []
        self._documents: dict[str, Json] = {}
        self._values_of_tasks: dict[str, object] = {}
        self._items: list[Json] | None = None

    def of_job(self, job_names: Mapping[str, str]) -> StepScope:
        """Return this scope with the variables that name the step's own job; documents are read once for both."""
        return self._like(job_names, self.now)

    def of_execution(self) -> StepScope:
        """Return the scope of what belongs to all steps, such as the name of the trial: it is the same for each."""
        return self._like({}, self.start)

    def _like(self, variables: Mapping[str, str], now: datetime) -> StepScope:
        scope = StepScope(self._settings, self._context, self._connection, self._execution_id, variables, now)
        scope._documents, scope._accounts = self._documents, self._accounts
        scope._values_of_tasks = self._values_of_tasks
        return scope

    @property
    def start(self) -> datetime:
        """When the execution started."""
        # Not `start_date`: Airflow sets that anew when a finished run is cleared, and this is the same execution.
        start: datetime = self._context["dag_run"].run_after
        return start

    @property
    def now(self) -> datetime:
        """The time that ``CurrentDateTime`` tells: one for all that the step evaluates."""
        if self._now is None:
            self._now = datetime.now(UTC)
        return self._now

    def set_now(self, now: datetime) -> None:
        """Set the time that ``CurrentDateTime`` tells, so that a later process evaluates to the same."""
        self._now = now

    def parameter(self, name: str) -> Json:
        """Return the run's value of a pipeline parameter, in the parameter's own type."""
        values = {**self._context["params"], **self._settings.values}
        if name not in values:
            raise EvaluationError(f"Parameters.{name}", "the DAG run has no such parameter")
        try:
            return self._settings.pipeline.parameter(name).coerce(self._told(name, values[name]))
        except ParameterValueError as error:
            raise EvaluationError(f"Parameters.{name}", str(error)) from error

    def _told(self, name: str, value: object) -> object:
        """Return a parameter's value; one that a task of the run tells is read once for each try of a task.

        Only a task group has such values (`airflow_sm_pipelines.translation.values_of_tasks`).
        """
        if value is None or isinstance(value, (str, int, float)):
            return value
        from airflow_sm_pipelines.execution.airflow_internals.values_of_tasks import NothingToldError, told_value

        if name not in self._values_of_tasks:
            try:
                self._values_of_tasks[name] = told_value(value, self._context)
            except NothingToldError as error:
                raise EvaluationError(f"Parameters.{name}", str(error)) from error
        return self._values_of_tasks[name]

    def execution(self, variable: str) -> Json:
        """Return a variable of the execution; what is about AWS (account, region) is asked for only here."""
        if variable in self._job_names:
            return self._job_names[variable]
        answer = _EXECUTION_VARIABLES.get(variable)
        if answer is None:
            raise EvaluationError(f"Execution.{variable}", "only the step that creates such a job has this variable")
        return answer(self)

    def experiment(self, member: str) -> Json:
        """Return the resolved value of a member of the top-level ``PipelineExperimentConfig``."""
        config = self._settings.pipeline.experiment_config
        if config is None:
            raise EvaluationError(f"PipelineExperimentConfig.{member}", "the definition has none")
        if member not in config:
            config = {member: {"Get": f"Execution.{EXPERIMENT_DEFAULTS[member]}"}}
        name = {"PipelineName": entity_name(self._settings.name)}
        return evaluate(config[member], self._like(name, self.start))

    def properties(self, step: str) -> Json:
        """Return the properties that a step of this run has published; a body step's are those of this iteration."""
        task_id = self._settings.task_ids[step]
        index = own_map_index(self._context) if self._settings.pipeline.step(step).body_of else -1
        found: Json = read_properties(self._context, task_id, index)
        if found is None:
            raise EvaluationError(
                f"Steps.{step}",
                f"task {task_id} has published no properties in this run: it did not run, was skipped, or was marked "
                "successful by hand",
            )
        return found

    def property_file(self, step: str, name: str) -> Json:
        """Return the content of a property file, from where the finished job says that its output is."""
        return self.document(property_file_uri(self._settings.pipeline.step(step), name, self.properties(step)))

    def document(self, uri: str) -> Json:
        """Return the JSON document at an S3 URI; read once for each try of a task."""
        if uri not in self._documents:
            self._documents[uri] = self._read_document(uri)
        return self._documents[uri]

    def current_item(self) -> Json:
        """Return the item of this iteration, from the list that the ForEach step has published."""
        if self._items is None:
            self._items = self._published_items()
        return self._items[own_map_index(self._context)]

    def iteration_output(self, step: str) -> Json:
        """Refuse: only the Selector of a ForEach has it, which looks at all iterations at once."""
        raise EvaluationError(f"IterationOutput.{step}", "is only allowed as Selector.Field of a ForEach")

    def _published_items(self) -> list[Json]:
        own = self._context["ti"].task_id
        loop = next(
            (s.body_of for s in self._settings.pipeline.steps if self._settings.task_ids.get(s.name) == own), None
        )
        if loop is None:
            raise EvaluationError("ForEach.CurrentItem", "stands outside the body of a ForEach")
        task_id = self._settings.first_task_id(loop)
        items = read_properties(self._context, task_id)
        if not isinstance(items, list) or own_map_index(self._context) >= len(items):
            raise EvaluationError(
                "ForEach.CurrentItem",
                f"task {task_id} has published no such item in this run; clear it, so that it lists the items again",
            )
        return items

    def _read_document(self, uri: str) -> Json:
        try:
            bucket, key = split_uri(uri)
        except NoObjectUriError as error:
            raise EvaluationError(uri, "not an S3 URI of the form s3://bucket/key") from error
        try:
            body = read_object(self._connection.client("s3"), bucket, key)
        except AwsCallError as error:
            if error.exception_type:
                raise  # throttled, or an outage: to be retried as what it is
            raise EvaluationError(uri, f"cannot read it: {error.code}: {error.message}") from error
        try:
            return parse_document(body)
        except ValueError as error:
            raise EvaluationError(uri, f"not a JSON document: {error}") from error

    def _pipeline_arn(self) -> str:
        meta = self._connection.client("sts").meta
        return pipeline_arn(meta.partition, meta.region_name, self._account(), self._settings.name)

    def _account(self) -> str:
        """Return the account of the connection; STS is asked once for each try of a task."""
        if not self._accounts:
            try:
                self._accounts.append(str(call(self._connection.client("sts"), "GetCallerIdentity", {})["Account"]))
            except AwsCallError as error:
                if error.exception_type:
                    raise
                raise EvaluationError("Execution", f"cannot tell the AWS account: {error}") from error
        return self._accounts[0]


_EXECUTION_VARIABLES: dict[str, Callable[[StepScope], str]] = {
    "PipelineName": lambda scope: scope._settings.name,
    "PipelineArn": lambda scope: scope._pipeline_arn(),
    "PipelineExecutionId": lambda scope: scope._execution_id(),
    "PipelineExecutionArn": lambda scope: execution_arn(scope._pipeline_arn(), scope._execution_id()),
    "StartDateTime": lambda scope: execution_time(scope.start),
    "CurrentDateTime": lambda scope: execution_time(scope.now),
}
