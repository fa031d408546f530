"""Measure the model on the rows of the test file whose age is in a range; ages are scikit-learn's standardized ones."""

import argparse
import json
import tarfile
from pathlib import Path

import pandas as pd
import xgboost
from sklearn.metrics import mean_squared_error

MODEL = Path("/opt/ml/processing/model/model.tar.gz")
TEST = Path("/opt/ml/processing/test/test.csv")
REPORT = Path("/opt/ml/processing/report/report.json")
TARGET, AGE = 0, 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--group", required=True)
    parser.add_argument("--from-age", type=float, required=True)
    parser.add_argument("--to-age", type=float, required=True)
    asked = parser.parse_args()

    with tarfile.open(MODEL) as archive:
        model = xgboost.Booster()
        model.load_model(bytearray(archive.extractfile("xgboost-model").read()))
    test = pd.read_csv(TEST, header=None)
    rows = test[(test[AGE] >= asked.from_age) & (test[AGE] < asked.to_age)]
    predicted = model.predict(xgboost.DMatrix(rows.drop(columns=TARGET).to_numpy()))
    mse = mean_squared_error(rows[TARGET], predicted)
    print(f"{asked.group}: {len(rows)} rows, mse {mse:.2f}")

    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps({"group": asked.group, "rows": len(rows), "mse": mse}))


if __name__ == "__main__":
    main()
