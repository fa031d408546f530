"""What a Fail step ends.

"When a Fail step and other pipeline steps execute at the same time, the pipeline does not terminate until all
concurrent steps are completed" (developer guide, "Fail step"): once a Fail step was reached, no step starts any more,
and the steps in progress go on to their end.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_sm_pipelines.definition.graph import StepPlan, steps_upstream_of


def fail_steps_that_end(plan: StepPlan, plans: Iterable[StepPlan]) -> list[str]:
    """Return the Fail steps after which a step does not start any more: all but those that it leads to itself.

    In one execution, no Fail step is reached before what leads to it. A person may run that again later.

    Args:
        plan: The step.
        plans: All steps of the pipeline.
    """
    plans = list(plans)
    own = {plan.step.name, plan.step.body_of}
    return [
        other.step.name
        for other in plans
        if other.step.type == "Fail" and own.isdisjoint({other.step.name, *steps_upstream_of(other.step.name, plans)})
    ]
