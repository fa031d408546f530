"""A pipeline as a task group among tasks of a DAG's author: data in, data out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import DAG, task, task_group
from airflow.serialization.serialized_objects import DagSerialization

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.execution.airflow_internals.values_of_tasks import StepOutput

PARAMETERS = {"Parameters": [{"Name": "InputUri", "Type": "String"}, {"Name": "Rounds", "Type": "Integer"}]}


@task
def extract() -> dict[str, Any]:
    return {"uri": "s3://bucket/raw", "rounds": 3}


@task
def use(value: Any) -> None: ...


@pytest.fixture
def group(definition: Any, processing: Any) -> Any:
    def make(*steps: Any, group_id: str = "train", **parameters: Any) -> Any:
        steps = steps or (processing("A"), processing("B"), processing("C", "A"))
        given = {"InputUri": "s3://bucket/raw", "Rounds": 1, **parameters}
        return pipeline_task_group(definition(*steps, **PARAMETERS), group_id=group_id, parameters=given)

    return make


def upstream(dag: DAG) -> dict[str, set[str]]:
    return {one.task_id: set(one.upstream_task_ids) for one in dag.tasks}


# -- data in -----------------------------------------------------------------------------------------------------------


def test_the_first_steps_wait_for_the_tasks_that_tell_parameters(group: Any) -> None:
    with DAG("own") as dag:
        told = extract()
        group(InputUri=told["uri"], Rounds=told["rounds"])

    assert upstream(dag) == {
        "extract": set(),
        "train.A": {"extract"},
        "train.B": {"extract"},
        "train.C": {"train.A"},
    }
    assert dag.get_task("train.A").settings.values["InputUri"].key == "uri"


def test_a_loop_waits_for_the_tasks_that_tell_parameters(group: Any, processing: Any) -> None:
    body = {"IterableItems": [1], "MaxConcurrency": 1, "ForEachBody": [processing("Work")]}
    with DAG("own") as dag:
        group({"Name": "Each", "Type": "ForEach", "Arguments": body}, InputUri=extract())

    assert {name for name, waits in upstream(dag).items() if "extract" in waits} == {"train.Each.items"}


def test_a_value_of_a_param_of_the_dag_needs_no_task(group: Any) -> None:
    with DAG("own", params={"input": "s3://bucket/raw"}) as dag:
        group(InputUri=dag.param("input"))

    assert upstream(dag)["train.A"] == set()


def test_values_that_the_file_knows_are_checked_beside_those_of_tasks(group: Any) -> None:
    with DAG("own"), pytest.raises(InvalidDefinitionError) as caught:
        group(InputUri=extract(), Rounds="many")

    assert "parameter Rounds must be an integer" in str(caught.value.exceptions[0])


def mapped_group() -> Any:
    @task_group
    def each(item: int) -> Any:
        return extract()

    return each.expand(item=[1, 2])["extract"]


@pytest.mark.parametrize("told", [lambda: use.expand(value=[1, 2]), lambda: extract().map(str), mapped_group])
def test_the_list_of_a_mapped_task_is_no_value_of_a_parameter(group: Any, told: Any) -> None:
    with DAG("own"), pytest.raises(InvalidDefinitionError) as caught:
        group(InputUri=told())

    assert "parameter InputUri has one value, but a mapped task tells a list" in str(caught.value)
    assert "take the output of one task that makes one value of it" in str(caught.value)


def test_a_pipeline_that_is_a_whole_dag_takes_no_values_of_tasks(definition: Any, processing: Any) -> None:
    with DAG("own"):
        told = extract()
    with pytest.raises(InvalidDefinitionError) as caught:
        pipeline_dag(
            definition(processing("A"), **PARAMETERS), dag_id="dag", parameters={"InputUri": told, "Rounds": 1}
        )

    assert "parameter InputUri is told by a task, but pipeline_dag makes a whole DAG" in str(caught.value)
    assert "use pipeline_task_group inside the DAG of that task" in str(caught.value)


# -- data out ----------------------------------------------------------------------------------------------------------


def test_a_part_of_a_steps_output_makes_the_edge(group: Any) -> None:
    with DAG("own") as dag:
        train = group()
        use(train["C"].output["ModelArtifacts"]["S3ModelArtifacts"])

    assert upstream(dag)["use"] == {"train.C"}


def test_the_output_of_one_group_is_a_parameter_of_the_next(group: Any) -> None:
    with DAG("own") as dag:
        first = group(group_id="first")
        group(group_id="second", InputUri=first["A"].output["ProcessingOutputConfig"]["Outputs"][0]["S3Output"])

    assert upstream(dag)["second.A"] == upstream(dag)["second.B"] == {"first.A"}


def test_a_part_serves_as_an_argument_that_all_mapped_tasks_share(group: Any) -> None:
    with DAG("own") as dag:
        part = group()["A"].output["ProcessingJobArn"]
        task(lambda arn, item: None, task_id="each").partial(arn=part).expand(item=[1, 2])

    assert upstream(dag)["each"] == {"train.A"}
    assert "ProcessingJobArn" not in json.dumps(DagSerialization.to_dict(dag)), "the scheduler needs the edge alone"


def test_a_task_cannot_be_expanded_over_a_part_of_an_output(group: Any) -> None:
    with DAG("own"):
        part = group()["A"].output["ProcessingInputs"]
        with pytest.raises(ValueError, match=r"cannot map over XCom with custom key .*ProcessingInputs"):
            use.expand(value=part)


def test_a_step_of_a_pipelines_own_dag_has_an_output_too(dag_of: Any, processing: Any) -> None:
    with dag_of(processing("A")) as dag:
        use(dag.get_task("A").output["ProcessingJobArn"])

    assert upstream(dag)["use"] == {"A"}


def test_a_step_inside_a_loop_has_no_single_output(group: Any, processing: Any) -> None:
    body = {"IterableItems": [1], "MaxConcurrency": 1, "ForEachBody": [processing("Work")]}
    with DAG("own") as dag:
        loop = group({"Name": "Each", "Type": "ForEach", "Arguments": body})["Each"]
        with pytest.raises(TypeError, match=r"train.Work runs once for each item of a ForEach.* no member 'Arn'"):
            dag.get_task("train.Work").output["Arn"]
        use(loop["result"].output["Selected"])

    assert upstream(dag)["use"] == {"train.Each.result"}


# -- where a group may stand -------------------------------------------------------------------------------------------


def test_several_pipelines_stand_in_one_dag_and_inside_other_groups(group: Any) -> None:
    @task_group
    def nightly() -> None:
        group(group_id="first") >> group(group_id="second")

    with DAG("own") as dag:
        nightly()

    assert upstream(dag)["nightly.second.A"] == {"nightly.first.B", "nightly.first.C"}
    assert dag.get_task("nightly.second.C").settings.task_ids["A"] == "nightly.second.A"


def test_a_pipeline_cannot_stand_in_a_group_that_is_expanded(group: Any) -> None:
    @task_group
    def each(item: str) -> None:
        group(group_id="inner")

    with DAG("own"), pytest.raises(InvalidDefinitionError) as caught:
        each.expand(item=["a", "b"])

    assert "task group each.inner stands in each, which is expanded: a pipeline cannot be" in str(caught.value)
    assert "start it once for each item (TriggerDagRunOperator)" in str(caught.value)


# -- at run time -------------------------------------------------------------------------------------------------------

OUTPUTS = [{"OutputName": "data", "S3Output": {"S3Uri": "s3://bucket/data"}}]


@pytest.fixture
def output(group: Any, ti: Any) -> Any:
    with DAG("own"):
        output = group()["A"].output
    ti.xcom_pull = lambda task_ids, key, default, map_indexes: ti.found.get((task_ids, key), default)
    ti.found = {("train.A", "return_value"): {"ProcessingOutputConfig": {"Outputs": OUTPUTS}}}
    return output


def test_a_part_is_looked_up_when_the_task_runs(output: StepOutput, ti: Any) -> None:
    outputs = output["ProcessingOutputConfig"]["Outputs"]

    assert outputs[0]["OutputName"].resolve({"ti": ti}) == "data"
    assert outputs["data"]["S3Output"]["S3Uri"].resolve({"ti": ti}) == "s3://bucket/data", "by its name, as in Get"


def test_a_step_that_has_published_nothing_is_none_as_in_airflow(output: StepOutput, ti: Any) -> None:
    ti.found.clear()

    assert output["ProcessingOutputConfig"]["Outputs"].resolve({"ti": ti}) is None


def test_a_member_that_is_not_there_is_an_error_that_says_what_is(output: StepOutput, ti: Any) -> None:
    from airflow_sm_pipelines.errors import UndefinedReferenceError

    with pytest.raises(UndefinedReferenceError) as caught:
        output["ProcessingOutputConfg"]["Outputs"].resolve({"ti": ti})
    assert str(caught.value) == (
        "Step train.A: its output has no ProcessingOutputConfg.Outputs: the value has no member "
        "'ProcessingOutputConfg'; its members are 'ProcessingOutputConfig' (did you mean `ProcessingOutputConfig`?)"
    )


def test_a_part_in_a_text_is_the_expression_of_airflow(output: StepOutput) -> None:
    text = f"echo {output['ProcessingOutputConfig']['Outputs'][0]}"

    assert text.endswith("key='return_value')['ProcessingOutputConfig']['Outputs'][0] }}")
