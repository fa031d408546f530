"""Where a row is measured: folders, a database server, an AWS, and how large it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_sm_pipelines.rehearsal.isolation import aws_settings_hidden
from tests.airflow_on_postgres.postgres import Postgres
from tests.scale.growth import in_words, sizes_up_to
from tests.scale.measured_airflow import MeasuredAirflow
from tests.scale.sagemaker_by_the_clock import SageMakerByTheClock


@dataclass(frozen=True)
class Ground:
    """Where rows are measured.

    Attributes:
        folder: For all that they write.
        postgres: The database server.
        fraction: How much of the full size is measured.
        rounds: How often what is compared takes turns.
        settle: The same of our steps in the comparisons; ``None`` for their default.
        say: Prints a line.
    """

    folder: Path
    postgres: Postgres
    fraction: float
    rounds: int
    settle: float | None
    say: Callable[[str], None]

    def sizes(self, full: int) -> tuple[int, int, int]:
        """Return the sizes at which a row is measured.

        Args:
            full: The largest of them, if the fraction is 1.
        """
        return sizes_up_to(max(round(full * self.fraction), 4))

    def tell_growth(self, what: str, figures: Mapping[int, float], unit: str, at_rest: float = 0.0) -> None:
        """Print figures by size, and how they grow."""
        self.say(f"{what}: {in_words(figures, unit, at_rest)}")

    @contextmanager
    def airflow(
        self, name: str, *, looks_like_sagemaker: bool = True, settings: Mapping[str, str] | None = None
    ) -> Iterator[tuple[MeasuredAirflow, SageMakerByTheClock]]:
        """Run an Airflow with an AWS of its own in the block; its components are not started yet.

        Args:
            name: Name of its folder and its database.
            looks_like_sagemaker: Whether the product takes the AWS for SageMaker, or for one on this machine.
            settings: Settings of Airflow, as environment variables.
        """
        with aws_settings_hidden(), SageMakerByTheClock() as aws:
            environment = aws.as_sagemaker() if looks_like_sagemaker else aws.as_local_aws()
            airflow = MeasuredAirflow(
                self.folder / name, self.postgres, environment, aws.jobs.calls.total, settings=settings
            )
            yield airflow, aws
