"""Split scikit-learn's bundled diabetes data into CSV files without header, target first, as XGBoost's image wants."""

import argparse
from pathlib import Path

from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

OUTPUTS = Path("/opt/ml/processing")
VALIDATION_FRACTION = 0.15


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--test-fraction", type=float, required=True)
    fraction = parser.parse_args().test_fraction

    data = load_diabetes(as_frame=True).frame
    data = data[["target", *data.columns.drop("target")]]
    rest, test = train_test_split(data, test_size=fraction, random_state=0)
    train, validation = train_test_split(rest, test_size=VALIDATION_FRACTION, random_state=0)
    features = test.drop(columns="target")
    for name, rows in {"train": train, "validation": validation, "test": test, "features": features}.items():
        folder = OUTPUTS / name
        folder.mkdir(parents=True, exist_ok=True)
        rows.to_csv(folder / f"{name}.csv", header=False, index=False)
        print(f"{name}.csv: {len(rows)} rows")


if __name__ == "__main__":
    main()
