"""Faults of this package that a definition brings to light, told as such."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import format_exception

from airflow_sm_pipelines.errors import InvalidDefinitionError, SageMakerPipelinesError


class PackageFaultError(SageMakerPipelinesError):
    """This package failed at a definition in a way that nobody has foreseen: neither accepted it nor refused it.

    Args:
        source: Where the definition came from.
        fault: The exception.
    """

    def __init__(self, source: str, fault: Exception) -> None:
        self.source = source
        self.fault = fault
        super().__init__(source, fault)

    def __str__(self) -> str:
        said = f"{type(self.fault).__name__}: {self.fault}" if str(self.fault) else type(self.fault).__name__
        return (
            f"{self.source}: a fault of airflow_sm_pipelines, not of this definition: {said}. Please report it, with "
            "the traceback and, if you can, with the definition; `pip show -v airflow-sm-pipelines` says where"
        )

    def with_traceback_text(self) -> str:
        """Return the message with the traceback of the fault."""
        return f"{self}\n\n{''.join(format_exception(self.fault)).rstrip()}"


@contextmanager
def package_faults(source: str) -> Iterator[None]:
    """Turn whatever nobody has foreseen into an error that names the definition and says whose fault it is.

    Args:
        source: Where the definition came from.

    Raises:
        PackageFaultError: Something went wrong that is neither an error of a definition nor one of the file system.
    """
    try:
        yield
    except (InvalidDefinitionError, PackageFaultError, OSError):
        raise
    except Exception as fault:
        raise PackageFaultError(source, fault) from fault
