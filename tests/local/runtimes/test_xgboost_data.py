from __future__ import annotations

import numpy
import pytest

from airflow_sm_pipelines.local.runtimes.xgboost_data import (
    DataError,
    data_format,
    parse_csv,
    parse_libsvm,
    read_channel,
    read_features,
)


def test_an_empty_field_is_a_missing_value():
    rows = parse_csv("1,,3\n4,5,nan\n")
    assert numpy.isnan(rows).tolist() == [[False, True, False], [False, False, True]]


@pytest.mark.parametrize("text", ["target,feature\n1,2\n", "1,2\n3\n"])
def test_a_header_or_a_short_row_is_refused(text):
    with pytest.raises(DataError, match="CSV data"):
        parse_csv(text)


def test_what_libsvm_does_not_say_is_missing():
    labels, rows = parse_libsvm("1 0:5 2:6\n0 1:7 # comment\n")
    assert labels.tolist() == [1.0, 0.0]
    assert numpy.isnan(rows).tolist() == [[False, True, False], [True, False, True]]
    assert rows[0, 2] == 6


def test_libsvm_without_labels_is_for_inference():
    _, rows = parse_libsvm("0:5 1:6")
    assert rows.tolist() == [[5.0, 6.0]]


def test_words_that_are_no_pair_are_refused():
    with pytest.raises(DataError, match="LIBSVM data cannot be read"):
        parse_libsvm("1 0:5 x")


def test_the_first_column_is_the_target_and_the_second_may_be_the_weight(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.csv").write_text("1,0.5,7\n")
    (tmp_path / "sub" / "b.csv").write_text("2,0.25,8\n")
    (tmp_path / ".hidden").write_text("no data")
    matrix = read_channel(tmp_path, "text/csv; label_size=1", has_weights=True)
    assert matrix.get_label().tolist() == [1.0, 2.0]
    assert matrix.get_weight().tolist() == [0.5, 0.25]
    assert matrix.num_col() == 1
    assert read_channel(tmp_path, "csv", has_weights=False).num_col() == 2


def test_a_channel_without_data_is_none(tmp_path):
    (tmp_path / "empty").touch()
    assert read_channel(tmp_path, "text/csv", has_weights=False) is None


def test_a_target_alone_is_not_enough(tmp_path):
    (tmp_path / "x").write_text("1\n2\n")
    with pytest.raises(DataError, match="at least one feature, but have 1 columns"):
        read_channel(tmp_path, "text/csv", has_weights=False)


def test_other_content_types_are_refused():
    with pytest.raises(DataError, match="application/x-recordio-protobuf is not supported here"):
        data_format("application/x-recordio-protobuf")


def test_a_request_has_as_many_columns_as_the_model():
    assert read_features(b"1,2\n3,4", "text/csv", 2).num_row() == 2
    assert read_features(b"1 0:5", "text/libsvm", 3).num_col() == 3
    with pytest.raises(DataError, match="2 is not 3"):
        read_features(b"1,2", "text/csv", 3)
    with pytest.raises(DataError, match="6 is larger than 3"):
        read_features(b"5:1", "text/libsvm", 3)
