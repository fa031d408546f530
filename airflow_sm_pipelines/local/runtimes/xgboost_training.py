"""Training with the built-in XGBoost algorithm.

Channels ``train`` and, if given, ``validation``; LIBSVM unless the channel's ContentType says CSV. Each round is
printed as the container does, ``[0]#011train-rmse:…``, which is what the algorithm's metrics look for. The model is
``/opt/ml/model/xgboost-model``: pickled for image versions up to 1.2, else in the format of ``Booster.save_model`` for
a name without an ending, which is UBJSON in the installed version.
"""

from __future__ import annotations

import json
import pickle
import re
import signal
import warnings
from pathlib import Path
from typing import Any

import xgboost

from airflow_sm_pipelines.local.runtimes.start import fail
from airflow_sm_pipelines.local.runtimes.xgboost_data import DataError, data_format, read_channel

_OWN = frozenset({"num_round", "early_stopping_rounds", "csv_weights", "eval_metric", "_tuning_objective_metric"})
_REFUSED = ("_kfold", "_num_cv_round", "use_dask_gpu_training", "process_type", "refresh_leaf", "updater")
"""Hyperparameters of the algorithm that this runtime has nothing for."""
_IGNORED = frozenset({"nthread", "save_model_on_termination", "seed_per_iteration", "sketch_eps"})
_PASSED_ON = frozenset(
    """
    alpha aft_loss_distribution aft_loss_distribution_scale base_score booster colsample_bylevel colsample_bynode
    colsample_bytree deterministic_histogram dsplit eta gamma grow_policy huber_slope interaction_constraints lambda
    lambda_bias learning_rate max_bin max_delta_step max_depth max_leaves min_child_weight monotone_constraints
    normalize_type num_class num_parallel_tree objective one_drop predictor rate_drop reg_alpha reg_lambda sample_type
    scale_pos_weight seed single_precision_histogram skip_drop subsample tree_method tweedie_variance_power verbosity
    """.split()  # noqa: SIM905 - a list of forty strings is harder to read
)
_RENAMED = {"reg:linear": "reg:squarederror"}
_UNKNOWN_TO_XGBOOST = frozenset({"deterministic_histogram", "dsplit", "single_precision_histogram", "predictor"})


def main(base: Path, arguments: list[str]) -> int:
    """Train.

    Args:
        base: ``/opt/ml``.
        arguments: ``pickle`` or ``ubj``.
    """
    [form] = arguments
    config = base / "input" / "config"
    try:
        parameters, own = _read_hyperparameters(json.loads((config / "hyperparameters.json").read_text()))
        channels = json.loads((config / "inputdataconfig.json").read_text())
        matrices = _read_channels(base / "input" / "data", channels, has_weights=own.get("csv_weights") == 1)
        booster = _train(base, parameters, own, matrices)
    except (DataError, xgboost.core.XGBoostError) as error:
        return fail(base, f"ClientError: {error}")
    _save(booster, base / "model" / "xgboost-model", form)
    return 0


def _read_hyperparameters(texts: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of xgboost, and those of the algorithm itself."""
    values = {name: _decode(text) for name, text in texts.items()}
    for name in values:
        if name in _REFUSED:
            raise DataError(f"the local XGBoost runtime does not support the hyperparameter {name}")
        if name not in _OWN | _PASSED_ON | _IGNORED:
            raise DataError(f"Extraneous hyperparameter found: {name}")
    if not isinstance(values.get("num_round"), int) or values["num_round"] < 1:
        raise DataError(f"Hyperparameter num_round must be a positive integer, not {values.get('num_round')!r}")
    parameters = {name: value for name, value in values.items() if name in _PASSED_ON - _UNKNOWN_TO_XGBOOST}
    if "objective" in parameters:
        parameters["objective"] = _RENAMED.get(parameters["objective"], parameters["objective"])
    return parameters, {name: value for name, value in values.items() if name in _OWN}


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_channels(data: Path, channels: dict[str, Any], *, has_weights: bool) -> list[tuple[xgboost.DMatrix, str]]:
    if "train" not in channels:
        raise DataError(f"Missing required channel: train; there are {', '.join(sorted(channels)) or 'none'}")
    matrices: list[tuple[xgboost.DMatrix, str]] = []
    for name in ("train", "validation"):
        if name not in channels:
            continue
        content_type = channels[name].get("ContentType", "text/libsvm")
        data_format(content_type)
        matrix = read_channel(data / name, content_type, has_weights=has_weights and name == "train")
        if matrix is None:
            raise DataError(f"No data in {name} channel path {data / name}")
        matrices.append((matrix, name))
    return matrices


def _train(
    base: Path, parameters: dict[str, Any], own: dict[str, Any], matrices: list[tuple[xgboost.DMatrix, str]]
) -> xgboost.Booster:
    if metrics := _eval_metrics(own):
        parameters["eval_metric"] = metrics
    checkpoints = _Checkpoints(base)
    rounds = own["num_round"] - checkpoints.rounds
    print(f"Train matrix has {matrices[0][0].num_row()} rows", flush=True)
    progress = _Progress(checkpoints)
    signal.signal(signal.SIGTERM, lambda *_: progress.stop())
    return xgboost.train(
        parameters,
        matrices[0][0],
        num_boost_round=max(rounds, 0),
        evals=matrices,
        early_stopping_rounds=own.get("early_stopping_rounds"),
        xgb_model=checkpoints.last,
        callbacks=[progress],
        verbose_eval=False,
    )


def _eval_metrics(own: dict[str, Any]) -> list[str]:
    """Return the metrics that are asked for, and that of the tuning job's objective, ``validation:rmse``."""
    asked = own.get("eval_metric", [])
    metrics = asked if isinstance(asked, list) else str(asked).split(",")
    objective = str(own.get("_tuning_objective_metric", "")).rpartition(":")[2]
    return [*metrics, *([objective] if objective and objective not in metrics else [])]


class _Checkpoints:
    """``xgboost-checkpoint.N`` after each round, if the job has a CheckpointConfig; the last one is gone on from."""

    def __init__(self, base: Path) -> None:
        config = base / "input" / "config" / "checkpointconfig.json"
        self._folder = Path(json.loads(config.read_text())["LocalPath"]) if config.is_file() else None
        self.rounds = 0
        self.last: Any = None
        found = sorted(self._numbers())
        if found and self._folder:
            self.rounds = found[-1] + 1
            self.last = xgboost.Booster(model_file=str(self._folder / f"xgboost-checkpoint.{found[-1]}"))
            print(f"Resuming from iteration {self.rounds}", flush=True)

    def _numbers(self) -> list[int]:
        names = [path.name for path in self._folder.iterdir()] if self._folder and self._folder.is_dir() else []
        return [int(found[1]) for name in names if (found := re.fullmatch(r"xgboost-checkpoint\.(\d+)", name))]

    def save(self, model: Any, number: int) -> None:
        """Save one round, and forget all but the last five, as the container does."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f"xgboost-checkpoint.{number}.sagemaker-ignored"  # not uploaded under this name
        _save(model, partial, "ubj")
        partial.rename(self._folder / f"xgboost-checkpoint.{number}")
        for old in sorted(self._numbers())[:-5]:
            (self._folder / f"xgboost-checkpoint.{old}").unlink()


class _Progress(xgboost.callback.TrainingCallback):
    """Prints each round, saves it, and ends after the round in which SIGTERM came."""

    def __init__(self, checkpoints: _Checkpoints) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        self._is_stopping = False

    def stop(self) -> None:
        """End with the current round."""
        self._is_stopping = True

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Print what xgboost prints, with ``#011`` for its tabs: so they come to CloudWatch Logs."""
        number = epoch + self._checkpoints.rounds
        scores = [
            f"#011{data}-{metric}:{values[-1]:.5f}"
            for data, metrics in evals_log.items()
            for metric, values in metrics.items()
        ]
        print(f"[{number}]{''.join(scores)}", flush=True)
        self._checkpoints.save(model, number)
        return self._is_stopping


def _save(booster: xgboost.Booster, path: Path, form: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "pickle":
        path.write_bytes(pickle.dumps(booster))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the format of a name without an ending is UBJSON
        booster.save_model(path)
