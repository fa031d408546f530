"""Fit a ridge regression on the train file, and measure it on the test file."""

import json
from pathlib import Path

import joblib
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, r2_score

TRAIN = Path("/opt/ml/processing/train/train.csv")
TEST = Path("/opt/ml/processing/test/test.csv")
MODEL = Path("/opt/ml/processing/model/model.joblib")
EVALUATION = Path("/opt/ml/processing/evaluation/evaluation.json")


def main() -> None:
    train, test = pd.read_csv(TRAIN), pd.read_csv(TEST)
    model = Ridge(alpha=0.1).fit(train.drop(columns="target"), train["target"])
    predicted = model.predict(test.drop(columns="target"))
    mse = mean_squared_error(test["target"], predicted)
    r2 = r2_score(test["target"], predicted)
    print(f"test rows: {len(test)}, mse: {mse:.2f}, r2: {r2:.3f}")

    for file in (MODEL, EVALUATION):
        file.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, MODEL)
    report = {"regression_metrics": {"mse": {"value": mse}, "r2": {"value": r2}}}
    EVALUATION.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
