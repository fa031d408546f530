from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.local.runtimes.data_quality import main

CSV = '{"csv": {"header": true}}'
ROWS = "sex,rings,length\nM,4,0.5\nF,7,0.25\nM,10,\n"


@pytest.fixture
def analyse(tmp_path, monkeypatch):
    """The results for CSV data, by file name; of a job that fails, its reason."""
    runs = []

    def run(text, baseline=None, **variables):
        folder = tmp_path / str(len(runs))
        runs.append(folder)
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "train.csv").write_text(text)
        given = {
            "dataset_source": str(folder / "data"),
            "output_path": str(folder / "out"),
            "dataset_format": CSV,
            **variables,
        }
        if baseline is not None:
            (folder / "baseline.json").write_text(json.dumps(baseline))
            given["baseline_constraints"] = str(folder / "baseline.json")
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        if main(folder, []) != 0:
            return (folder / "output" / "failure").read_text()
        found = {path.name: json.loads(path.read_text()) for path in (folder / "out").iterdir()}
        return {**found, "message": (folder / "output" / "message").read_text()}

    return run


def violations(results):
    found = results["constraint_violations.json"]["violations"]
    return {(one["feature_name"], one["constraint_check_type"]) for one in found}


def test_statistics_and_constraints_are_calculated(analyse):
    found = analyse(ROWS)
    assert found.keys() == {"statistics.json", "constraints.json", "message"}
    sex, rings, length = found["constraints.json"]["features"]
    assert sex == {
        "name": "sex",
        "inferred_type": "String",
        "completeness": 1.0,
        "string_constraints": {"domains": ["F", "M"]},
    }
    assert (rings["inferred_type"], rings["num_constraints"]) == ("Integral", {"is_non_negative": True})
    assert (length["inferred_type"], length["completeness"]) == ("Fractional", pytest.approx(2 / 3))
    statistics = found["statistics.json"]
    assert statistics["dataset"] == {"item_count": 3}
    numbers = statistics["features"][1]["numerical_statistics"]
    assert (numbers["mean"], numbers["sum"], numbers["min"], numbers["max"]) == (7.0, 21.0, 4.0, 10.0)
    assert statistics["features"][2]["numerical_statistics"]["common"] == {"num_present": 2, "num_missing": 1}


def test_the_same_data_violate_nothing(analyse):
    found = analyse(ROWS, analyse(ROWS)["constraints.json"])
    assert violations(found) == set()
    assert found["message"] == "Completed: Job completed successfully with no violations."


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("sex,rings,length\nM,many,0.5\n", ("rings", "data_type_check")),
        ("sex,rings,length\nM,4.5,0.5\n", ("rings", "data_type_check")),
        ("sex,rings,length\nM,,0.5\nM,4,0.5\n", ("rings", "completeness_check")),
        ("sex,rings,length\nI,4,0.5\n", ("sex", "categorical_values_check")),
        ("sex,rings\nM,4\n", ("length", "missing_column_check")),
        ("sex,rings,length,height\nM,4,0.5,1\n", ("height", "extra_column_check")),
    ],
)
def test_each_check_finds_its_violation(analyse, text, violation):
    found = analyse(text, analyse(ROWS)["constraints.json"])
    assert violations(found) == {violation}
    assert found["message"].startswith("CompletedWithViolations: ")


def test_a_whole_number_is_a_fraction_and_anything_is_a_text(analyse):
    many = "\n".join(["name,length", *(f"n{number},0.5" for number in range(60))])
    assert violations(analyse("name,length\n5,1\n", analyse(many)["constraints.json"])) == set()


def test_thresholds_of_the_baseline_count(analyse):
    baseline = analyse(ROWS)["constraints.json"]
    baseline["monitoring_config"].update(datatype_check_threshold=0.5, domain_content_threshold=0.5)
    assert violations(analyse("sex,rings,length\nM,4,0.5\nI,x,0.5\n", baseline)) == set()


def test_columns_without_a_header_have_numbers(analyse):
    found = analyse("1,a\n2,b\n", dataset_format='{"csv": {"header": false}}')
    assert [one["name"] for one in found["constraints.json"]["features"]] == ["_c0", "_c1"]


@pytest.mark.parametrize(
    ("text", "variables", "reason"),
    [
        (ROWS, {"analysis_type": "MODEL_QUALITY"}, "does not support analysis_type MODEL_QUALITY"),
        (ROWS, {"record_preprocessor_script": "/x.py"}, "does not support record_preprocessor_script"),
        (ROWS, {"dataset_format": '{"parquet": {}}'}, "reads CSV only"),
        ("a,b\n", {}, "there are no data"),
        ("a,b\n1\n", {}, "a row has 1 values instead of 2: 1"),
    ],
)
def test_what_it_cannot_do_it_says(analyse, text, variables, reason):
    assert reason in analyse(text, **variables)
