"""A container of the built-in XGBoost algorithm that serves its model.

In batch transform its CSV answers have one line for each record (observed in the container's own sources).
"""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import xgboost

from airflow_sm_pipelines.local.runtimes.serving import Predictor, ServingError, serve
from airflow_sm_pipelines.local.runtimes.xgboost_data import DataError, read_features


def main(base: Path, arguments: list[str]) -> int:
    """Serve until the connection ends."""
    del base
    return serve(arguments, _load)


def _load(container: dict[str, Any]) -> Predictor:
    booster = _read_model(Path(container["model_dir"]))
    columns = booster.num_features()
    best = booster.attr("best_iteration")
    rounds = (0, int(best) + 1) if best is not None else (0, 0)

    def predict(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        if not body.strip():
            return b"", "text/csv"
        try:
            features = read_features(body, content_type or "text/csv", columns)
        except (DataError, UnicodeDecodeError) as error:
            raise ServingError(415, str(error)) from error
        scores = booster.predict(features, iteration_range=rounds, validate_features=False).tolist()
        return _answer(scores, accept)

    return predict


def _read_model(folder: Path) -> xgboost.Booster:
    """Return the first file of the model: pickled, or saved by xgboost."""
    path = next((path for path in sorted(folder.iterdir()) if path.is_file()), None)
    if path is None:
        raise ServingError(500, "the model artifact has no file", "ClientError: the model artifact has no file")
    data = path.read_bytes()
    if data[:1] == b"\x80":  # a pickle of protocol 2 or later
        booster = pickle.loads(data)  # noqa: S301 - a model is code, as on AWS
        if not isinstance(booster, xgboost.Booster):
            raise ServingError(500, f"{path.name} is a pickled {type(booster).__name__}, not an xgboost Booster")
        return booster
    booster = xgboost.Booster()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the format is guessed from the content
        booster.load_model(bytearray(data))
    return booster


def _answer(scores: list[Any], accept: str) -> tuple[bytes, str]:
    kind = accept.split(";", maxsplit=1)[0].strip()
    if kind in ("", "*/*", "text/csv"):
        lines = [",".join(map(str, score)) if isinstance(score, list) else str(score) for score in scores]
        return "".join(f"{line}\n" for line in lines).encode(), "text/csv"
    entries = [{"score": score} for score in scores]
    if kind == "application/json":
        return json.dumps({"predictions": entries}).encode(), kind
    if kind == "application/jsonlines":
        return "".join(f"{json.dumps(entry)}\n" for entry in entries).encode(), kind
    raise ServingError(406, f"Accept {accept} is not supported; there are text/csv, application/json(lines)")
