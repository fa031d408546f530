"""The steps of a definition by name, with the names of what each of them has: looked up once for all references."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.suggestions import Names

LISTS_OF_PROCESSING = {("ProcessingInputs",): "InputName", ("ProcessingOutputConfig", "Outputs"): "OutputName"}
"""Lists in the Arguments of a Processing step that paths address by name, and the member that is the name."""


class KnownSteps(dict[str, Step]):
    """The steps by name; of several with one name, the first.

    Args:
        steps: All steps, in document order.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        super().__init__()
        bodies: dict[str, list[str]] = {}
        for step in steps:
            if step.name not in self:
                self[step.name] = step
                if step.body_of:
                    bodies.setdefault(step.body_of, []).append(step.name)
        self.names = Names(self)
        self._bodies = {loop: Names(body) for loop, body in bodies.items()}
        self._lists: dict[tuple[str, tuple[str, ...]], Names | None] = {}

    def body_of(self, loop: str) -> Names:
        """Return the names of the steps in the body of a ForEach."""
        return self._bodies.get(loop) or Names(())

    def literal_names(self, step: Step, path: tuple[str, ...]) -> Names | None:
        """Return the names of the elements of a list in a Processing step's Arguments that paths address by name.

        Args:
            step: Any step.
            path: A key of `LISTS_OF_PROCESSING`.

        Returns:
            The names, or ``None`` when the step is of another type or a name is known only at run time.
        """
        key = (step.path, path)
        if key not in self._lists:
            self._lists[key] = _literal_names(step, path)
        return self._lists[key]

    def output_parameters(self, step: Step) -> Names:
        """Return the outputs that a Lambda or Callback step declares."""
        key = (step.path, ("OutputParameters",))
        if key not in self._lists:
            entries = step.members.get("OutputParameters", [])
            self._lists[key] = Names(
                str(entry["OutputName"])
                for entry in (entries if isinstance(entries, list) else ())
                if isinstance(entry, dict) and "OutputName" in entry
            )
        return self._lists[key] or Names(())

    def property_files(self, step: Step) -> Names:
        """Return the names of a step's property files."""
        key = (step.path, ("PropertyFiles",))
        if key not in self._lists:
            self._lists[key] = Names(entry.name for entry in step.property_files)
        return self._lists[key] or Names(())


def _literal_names(step: Step, path: tuple[str, ...]) -> Names | None:
    if step.type != "Processing":
        return None
    value: Json = step.arguments
    for member in path:
        value = value.get(member, []) if isinstance(value, dict) else value
    if not isinstance(value, list):
        return None
    key = LISTS_OF_PROCESSING[path]
    names = [element.get(key) if isinstance(element, dict) else None for element in value]
    literal = [name for name in names if isinstance(name, str)]
    return Names(literal) if len(literal) == len(names) else None
