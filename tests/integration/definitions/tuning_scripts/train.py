"""Fit a polynomial to noisy points of a parabola; the score, which the tuning job reads from the log, is best at 2."""

import argparse
import json
import os
import random
from pathlib import Path


def solve(matrix: list[list[float]], vector: list[float]) -> list[float]:
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    for index in range(len(rows)):
        pivot = max(range(index, len(rows)), key=lambda row: abs(rows[row][index]))
        rows[index], rows[pivot] = rows[pivot], rows[index]
        rows[index] = [value / rows[index][index] for value in rows[index]]
        for other in range(len(rows)):
            if other != index:
                factor = rows[other][index]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[index], strict=True)]
    return [row[-1] for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--degree", type=int, required=True)
    parser.add_argument("--ridge", type=float, default=0.0)
    parser.add_argument("--unlucky", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.degree == chosen.unlucky:
        raise SystemExit(f"degree {chosen.degree} brings bad luck")
    generator = random.Random(0)
    points = [(x / 10, 1 + (x / 10) ** 2 + generator.gauss(0, 0.1)) for x in range(-20, 21)]
    train, test = points[::2], points[1::2]
    powers = range(chosen.degree + 1)
    matrix = [[sum(x ** (i + j) for x, _ in train) + (chosen.ridge if i == j else 0) for j in powers] for i in powers]
    weights = solve(matrix, [sum(y * x**i for x, y in train) for i in powers])
    error = sum((y - sum(w * x**i for i, w in enumerate(weights))) ** 2 for x, y in test) / len(test)
    Path(os.environ["SM_MODEL_DIR"], "weights.json").write_text(json.dumps(weights))
    print(f"degree={chosen.degree} score={1 / (1 + error):.6f};")


if __name__ == "__main__":
    main()
