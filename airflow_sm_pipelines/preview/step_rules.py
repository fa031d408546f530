"""What the developer guide requires of single step types, and neither the language nor the API refuses.

The service may refuse such a step, or treat it in a way that nobody has described; a run here does what each message
says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_sm_pipelines.aws.lambda_function import region_of
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.preview.advice import DefinitionWarning


def step_rule_findings(pipeline: Pipeline) -> Iterator[DefinitionWarning]:
    """Yield a warning for each step that breaks a rule of its type.

    Args:
        pipeline: A pipeline that `load_pipeline` returned.
    """
    for step in pipeline.steps:
        for rule in _RULES.get(step.type, ()):
            yield from rule(step, pipeline)


def _flags_are_given(step: Step, pipeline: Pipeline) -> Iterator[DefinitionWarning]:
    """Warn about a check without the flags that "Controlling step behaviors for drift check" requires."""
    missing = [name for name in ("SkipCheck", "RegisterNewBaseline") if step.members.get(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        message = f"{' and '.join(missing)} {verb} required of a {step.type} step, but missing; a run takes false"
        yield DefinitionWarning(step.path, message, "write true or false, which is what the SDK does")


def _mode_is_ensembling(step: Step, pipeline: Pipeline) -> Iterator[DefinitionWarning]:
    """Warn about a training mode other than the one that "AutoML step" says is supported."""
    config = step.arguments.get("AutoMLJobConfig")
    mode = config.get("Mode") if isinstance(config, dict) else None
    if mode == "ENSEMBLING" or isinstance(mode, dict):  # an expression has its value in a run
        return
    found = "no Mode" if mode is None else f"Mode {mode}"
    message = f"{found}: an AutoML step of the service supports only ENSEMBLING; a run sends the request as it is"
    yield DefinitionWarning(f"{step.path}.Arguments.AutoMLJobConfig", message, 'write "Mode": "ENSEMBLING"')


def _function_is_in_the_pipelines_region(step: Step, pipeline: Pipeline) -> Iterator[DefinitionWarning]:
    """Warn about a function of another region than the pipeline's own ("Lambda step"), if the latter is known."""
    function, own = step.members.get("FunctionArn"), _region_of_pipeline(pipeline)
    region = region_of(function) if isinstance(function, str) else ""
    if own and region and region != own:
        message = f"its function is in {region}, the pipeline in {own}; both must be in the same region"
        hint = f"name a function in {own}; or give the step the region_name {region} through overrides"
        yield DefinitionWarning(f"{step.path}.FunctionArn", message, hint)


def _region_of_pipeline(pipeline: Pipeline) -> str:
    """Return the region in the ARN beside the definition; ``""`` without one."""
    return region_of(pipeline.resource.arn or "")


_RULES: dict[str, tuple[Callable[[Step, Pipeline], Iterator[DefinitionWarning]], ...]] = {
    "QualityCheck": (_flags_are_given,),
    "ClarifyCheck": (_flags_are_given,),
    "AutoML": (_mode_is_ensembling,),
    "Lambda": (_function_is_in_the_pipelines_region,),
}
