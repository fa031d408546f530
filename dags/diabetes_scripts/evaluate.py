"""Measure the model of the built-in XGBoost algorithm on the test file."""

import json
import tarfile
from pathlib import Path

import pandas as pd
import xgboost
from sklearn.metrics import mean_squared_error, r2_score

MODEL = Path("/opt/ml/processing/model/model.tar.gz")
TEST = Path("/opt/ml/processing/test/test.csv")
EVALUATION = Path("/opt/ml/processing/evaluation/evaluation.json")


def main() -> None:
    with tarfile.open(MODEL) as archive:
        model = xgboost.Booster()
        model.load_model(bytearray(archive.extractfile("xgboost-model").read()))
    test = pd.read_csv(TEST, header=None)
    target, features = test[0], test.drop(columns=0)
    predicted = model.predict(xgboost.DMatrix(features.to_numpy()))
    mse, r2 = mean_squared_error(target, predicted), r2_score(target, predicted)
    print(f"test rows: {len(test)}, mse: {mse:.2f}, r2: {r2:.3f}")

    EVALUATION.parent.mkdir(parents=True, exist_ok=True)
    EVALUATION.write_text(json.dumps({"regression_metrics": {"mse": {"value": mse}, "r2": {"value": r2}}}))


if __name__ == "__main__":
    main()
