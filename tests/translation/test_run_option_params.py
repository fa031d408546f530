"""The options of a run in the trigger form."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from airflow_sm_pipelines.semantics.given_options import RunOptions, read_run_options
from airflow_sm_pipelines.semantics.run_options import ALL_OPTIONS, RUN_OPTIONS


def test_the_options_stand_in_a_section_of_their_own_after_the_parameters(dag_of: Any, processing: Any) -> None:
    members = {"Parameters": [{"Name": "P", "Type": "String", "DefaultValue": "x"}]}
    params = dag_of(processing("A"), members=members).params

    assert [*params] == ["P", *RUN_OPTIONS]
    assert {params.get_param(name).schema["section"] for name in RUN_OPTIONS} == {"Execution"}
    assert "section" not in params.get_param("P").schema


def test_no_option_is_required_and_the_defaults_change_nothing(dag_of: Any, processing: Any) -> None:
    params = dag_of(processing("A")).params

    params.validate()
    assert read_run_options(params.dump()) == RunOptions()
    for name in RUN_OPTIONS:
        assert "null" in params.get_param(name).schema["type"], f"{name}: the form marks other fields as required"
        assert params.get_param(name).resolve(None) is None, f"{name}: a person may empty its field"


def test_the_form_offers_the_steps_of_the_pipeline_for_a_selection(dag_of: Any, processing: Any) -> None:
    field = dag_of(processing("A"), processing("B")).params.get_param("sm_select_steps").schema

    assert field["examples"] == ["A", "B"]
    assert "array" in field["type"], "Airflow shows a list to choose from"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sm_select_steps", "A"),
        ("sm_max_parallel_steps", 0),
        ("sm_display_name", "-no"),
        ("sm_cache", "never"),
        ("sm_source_run", 1),
    ],
)
def test_airflow_refuses_a_run_with_a_wrong_option(dag_of: Any, processing: Any, option: str, value: Any) -> None:
    param = dag_of(processing("A")).params.get_param(option)

    with pytest.raises(ParamValidationError):
        param.resolve(value)


SERVER = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"
APP = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-ABC"


def test_the_form_asks_for_mlflow_only_where_the_definition_uses_it(dag_of: Any, processing: Any) -> None:
    with_mlflow = dag_of(processing("A"), members={"MlflowConfig": {"MlflowResourceArn": SERVER}}).params
    without = dag_of(processing("A"), members={"MlflowConfig": None}, dag_id="other").params

    assert [*with_mlflow] == [*ALL_OPTIONS]
    assert [*without] == [*RUN_OPTIONS]
    with_mlflow.validate()
    assert read_run_options(with_mlflow.dump()) == RunOptions()
    assert with_mlflow.get_param("sm_mlflow_experiment_name").schema["section"] == "Execution"


@pytest.mark.parametrize("arn", [SERVER, APP, None])
def test_a_run_takes_a_tracking_server_or_an_app_by_its_arn(dag_of: Any, processing: Any, arn: str | None) -> None:
    params = dag_of(processing("A"), members={"MlflowConfig": {"MlflowResourceArn": SERVER}}).params

    assert params.get_param("sm_mlflow_resource_arn").resolve(arn) == arn
    with pytest.raises(ParamValidationError):
        params.get_param("sm_mlflow_resource_arn").resolve("https://mlflow.example")


def test_an_author_may_set_another_default(dag_of: Any, processing: Any) -> None:
    params = dag_of(processing("A"), params={"sm_cache": Param("off", enum=["off"])}).params

    assert read_run_options(params.dump()).cache == "off"


def test_a_parameter_that_has_the_name_of_an_option_is_refused(errors_of: Any, processing: Any) -> None:
    members = {"Parameters": [{"Name": "sm_cache", "Type": "String", "DefaultValue": "x"}]}

    [error] = errors_of(processing("A"), members=members)

    assert error == (
        "Parameters[0].Name: sm_cache is the name of an option of every run "
        "(section Execution of the trigger form) (rename the parameter)"
    )
