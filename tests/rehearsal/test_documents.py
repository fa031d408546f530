from __future__ import annotations

import pytest

from airflow_sm_pipelines.rehearsal.documents import ChosenValueError, FilePlace, FreeValue, ReadFile, choose_values


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [("Integer", 1, 1.5), ("Float", 1, "1"), ("String", "x", 1), ("Boolean", True, 1), (None, [1], None)],
)
def test_a_value_takes_what_its_declared_type_allows(kind, taken, refused):
    file = ReadFile(FilePlace("S", "o", ""), ["S.o"], {("x",): 0}, {} if kind is None else {("x",): kind})
    value = FreeValue(file.place, ("x",), file)
    assert value.takes(taken)
    assert kind is None or not value.takes(refused)


def test_a_value_takes_only_what_is_allowed():
    file = ReadFile(FilePlace("", "Parameters", ""), ["Parameters"], {("x",): "a"}, allowed={("x",): ("a", "b")})
    value = FreeValue(file.place, ("x",), file)
    assert value.takes("b")
    assert not value.takes("c")


@pytest.fixture
def files():
    place = FilePlace("Evaluate", "evaluation", "report.json")
    return [ReadFile(place, ["Evaluate.Report"], {("mse",): 0.0, ("by name", 0): 0.0})]


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("Evaluate.Report.mse=7.5", ("mse",), 7.5),
        ("Evaluate.Report['by name'][0]=true", ("by name", 0), True),
        ("Evaluate.Report.mse=a=b", ("mse",), "a=b"),
    ],
)
def test_a_value_can_be_chosen(files, assignment, path, value):
    choose_values(files, [assignment])
    assert files[0].values[path] == value


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Evalute.Report.mse=1", "the definition reads no 'Evalute.Report.mse' (did you mean `Evaluate.Report.mse`?)"),
        ("Evaluate.Report.mze=1", "the definition reads no 'mze' of Evaluate.Report (did you mean `mse`?)"),
        ("Evaluate.Report.mse", "expected STEP.FILE.PATH=VALUE, found 'Evaluate.Report.mse'"),
        ("Evaluate.Report.[=1", "'Evaluate.Report.[=1': the path '.[' is malformed at"),
    ],
)
def test_a_value_that_is_not_read_cannot_be_chosen(files, assignment, message):
    with pytest.raises(ChosenValueError) as caught:
        choose_values(files, [assignment])
    assert str(caught.value).startswith(message)
