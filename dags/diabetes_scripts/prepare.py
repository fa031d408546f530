"""Split scikit-learn's bundled diabetes data into a train and a test file."""

import argparse
from pathlib import Path

from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

TRAIN = Path("/opt/ml/processing/train/train.csv")
TEST = Path("/opt/ml/processing/test/test.csv")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--test-fraction", type=float, required=True)
    fraction = parser.parse_args().test_fraction

    data = load_diabetes(as_frame=True).frame
    train, test = train_test_split(data, test_size=fraction, random_state=0)
    for rows, file in ((train, TRAIN), (test, TEST)):
        file.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(file, index=False)
        print(f"{file.name}: {len(rows)} rows")


if __name__ == "__main__":
    main()
