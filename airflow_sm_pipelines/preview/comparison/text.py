"""A comparison with an execution, as text and as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.preview.comparison.execution import StepComparison, Verdict
from airflow_sm_pipelines.preview.json_changes import JsonChange, value_text
from airflow_sm_pipelines.semantics.described_requests import RULES

if TYPE_CHECKING:
    from airflow_sm_pipelines.preview.comparison.report import CompareReport

_COMPARED = (Verdict.IDENTICAL, Verdict.DIFFERENT, Verdict.IN_PART)
_TOLD_APART = (Verdict.DIFFERENT, Verdict.IN_PART, Verdict.NOT_KEPT, Verdict.UNREADABLE, Verdict.NOT_RUN)


def comparison_verdict(steps: Sequence[StepComparison]) -> Verdict:
    """Return what the steps show together: `Verdict.UNREADABLE` also if nothing at all was compared."""
    found = {step.verdict for step in steps}
    if Verdict.DIFFERENT in found:
        return Verdict.DIFFERENT
    if Verdict.UNREADABLE in found or found.isdisjoint(_COMPARED):
        return Verdict.UNREADABLE
    return Verdict.IDENTICAL


def summary(steps: Sequence[StepComparison]) -> str:
    """Return the result in words: ``9 of 10 identical; 1 different; 2 not run``."""
    counts = Counter(step.verdict for step in steps)
    compared = sum(counts[verdict] for verdict in _COMPARED)
    head = f"{counts[Verdict.IDENTICAL]} of {compared} identical" if compared else "nothing could be compared"
    return "; ".join([head, *(f"{counts[one]} {one}" for one in _TOLD_APART if counts[one])])


def as_text(steps: Sequence[StepComparison]) -> str:
    """Return the result, and what there is to say of single steps."""
    told = [line for step in steps for line in _lines(step)]
    left_out = _left_out(steps)
    rules = [f"  {rule} ({count}): {RULES[rule]}" for rule, count in left_out.items()]
    parts = [*(["\n".join(told)] if told else []), *(["\n".join(["Left out:", *rules])] if rules else [])]
    return "\n\n".join([*parts, summary(steps)])


def as_report(arn: str, steps: Sequence[StepComparison]) -> CompareReport:
    """Return a comparison as a report.

    Args:
        arn: ARN of the execution.
        steps: Its steps.
    """
    from airflow_sm_pipelines.preview.comparison.report import ComparedStep, CompareReport, Difference, UnknownPlace

    return CompareReport(
        execution=arn,
        identical=comparison_verdict(steps) is Verdict.IDENTICAL,
        summary=summary(steps),
        steps=[
            ComparedStep(
                name=step.name,
                type=step.type,
                verdict=step.verdict.value,
                job=step.job,
                because=step.because,
                failure=step.failure,
                differences=[Difference.of(change) for change in step.request.differences],
                unknown=[UnknownPlace(path=path, placeholder=text) for path, text in step.request.unknown],
                left_out=dict(step.request.left_out),
            )
            for step in steps
        ],
        rules={rule: RULES[rule] for rule in _left_out(steps)},
    )


def _left_out(steps: Sequence[StepComparison]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for step in steps:
        counts.update(step.request.left_out)
    return counts


def _lines(step: StepComparison) -> Iterator[str]:
    if step.verdict is Verdict.IDENTICAL:
        return
    yield f"{step.name}: {step.verdict}" + (f" ({step.because})" if step.because else "")
    if step.failure:
        yield f"  our step would have failed: {step.failure}"
    for change in step.request.differences:
        yield from _difference_lines(change)
    for path, placeholder in step.request.unknown:
        yield f"  {path}: not compared, only that execution knew {placeholder}"


def _difference_lines(change: JsonChange) -> Iterator[str]:
    yield f"  {format_path(change.path)}"
    yield f"    theirs: {value_text(change.old)}"
    yield f"    ours:   {value_text(change.new)}"
