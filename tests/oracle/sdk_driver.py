"""Evaluate cases with the SageMaker SDK's own local executor; runs in the SDK's environment, without our package.

Reads one case per line from the file of the first argument and writes one answer per line to that of the second, as the
SDK itself writes to standard output: ``{"value": ...}`` or ``{"error": text}``. A case::

    {"parameters": [{"Name", "Type", "DefaultValue"}], "execution": {"PipelineName", "PipelineExecutionId"},
     "steps": {NAME: {"properties": {...}, "property_files": [{"PropertyFileName", "OutputName", "FilePath"}]}},
     "files": {S3URI: JSON},
     "expression": ... or "conditions": [...]}
"""

from __future__ import annotations

import copy
import json
import logging
import sys
from types import SimpleNamespace

from botocore.exceptions import ClientError
from sagemaker.local.entities import _LocalPipelineExecution, _LocalPipelineExecutionStep
from sagemaker.local.exceptions import StepExecutionException
from sagemaker.local.pipeline import LocalPipelineExecutor, _ConditionStepExecutor
from sagemaker.workflow import conditions as sdk_conditions
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.execution_variables import ExecutionVariable
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.properties import Properties, PropertyFile
from sagemaker.workflow.steps import StepTypeEnum

EVALUATED = "Evaluated"
PARAMETERS = {
    "String": ParameterString,
    "Integer": ParameterInteger,
    "Float": ParameterFloat,
    "Boolean": ParameterBoolean,
}
COMPARISONS = {
    "Equals": sdk_conditions.ConditionEquals,
    "GreaterThan": sdk_conditions.ConditionGreaterThan,
    "GreaterThanOrEqualTo": sdk_conditions.ConditionGreaterThanOrEqualTo,
    "LessThan": sdk_conditions.ConditionLessThan,
    "LessThanOrEqualTo": sdk_conditions.ConditionLessThanOrEqualTo,
}
LISTS_THAT_THE_EXECUTOR_KEYS = (("ProcessingOutputConfig.Outputs", "OutputName"), ("ProcessingInputs", "InputName"))


class Execution(_LocalPipelineExecution):
    """The SDK's execution of a pipeline, at the moment when the step `EVALUATED` is about to run."""

    def __init__(self, case: dict, parameters: dict) -> None:
        self.pipeline = SimpleNamespace(name=case["execution"]["PipelineName"], parameters=list(parameters.values()))
        self.pipeline_execution_name = case["execution"]["PipelineExecutionId"]
        self.pipeline_parameters = self._initialize_and_validate_parameters(None)
        self.step_execution = {
            name: _LocalPipelineExecutionStep(name, StepTypeEnum.PROCESSING, None, properties=keyed(step["properties"]))
            for name, step in case["steps"].items()
        }
        self.step_execution[EVALUATED] = _LocalPipelineExecutionStep(EVALUATED, StepTypeEnum.CONDITION, None)


class Session:
    """Answers the executor's reads of S3."""

    def __init__(self, files: dict) -> None:
        self.files = files

    def read_s3_file(self, bucket: str, key: str) -> str:
        uri = f"s3://{bucket}/{key}"
        if uri not in self.files:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": uri}}, "GetObject")
        return json.dumps(self.files[uri])


class Executor(LocalPipelineExecutor):
    """The SDK's executor, without a graph to run."""

    def __init__(self, case: dict, parameters: dict) -> None:
        self.execution = Execution(case, parameters)
        self.sagemaker_session = Session(case["files"])
        self.pipeline_dag = SimpleNamespace(
            step_map={
                name: SimpleNamespace(property_files=[property_file(file) for file in step.get("property_files", ())])
                for name, step in case["steps"].items()
            },
            get_steps_in_sub_dag=lambda step: set(),
        )
        self._blocked_steps = set()


def property_file(file: dict) -> PropertyFile:
    return PropertyFile(name=file["PropertyFileName"], output_name=file["OutputName"], path=file["FilePath"])


def keyed(properties: dict) -> dict:
    """Key the lists of a Describe response by name, with the executor's own code."""
    keyed_properties = copy.deepcopy(properties)
    convert = _ConditionStepExecutor._convert_list_to_dict
    for path, name in LISTS_THAT_THE_EXECUTOR_KEYS:
        head, _, tail = path.partition(".")
        if head in keyed_properties:
            holder = keyed_properties[head] if tail else keyed_properties
            holder[tail or head] = convert(None, keyed_properties, path, name)
    return keyed_properties


def variable(expression: object, parameters: dict) -> object:
    """Return the SDK's object for an expression of a definition; it must write the same expression again."""
    if not isinstance(expression, dict):
        return expression
    [(function, body)] = expression.items()
    made = {"Get": reference, "Std:Join": join, "Std:JsonGet": json_get}[function](body, parameters)
    if made.expr != expression:
        raise AssertionError(f"the SDK writes {made.expr}, not {expression}")
    return made


def reference(text: str, parameters: dict) -> object:
    head, _, rest = text.partition(".")
    if head == "Parameters":
        return parameters[rest]
    if head == "Execution":
        return ExecutionVariable(rest)
    step, _, path = rest.partition(".")
    return Properties(step_name=step, path=path)


def join(body: dict, parameters: dict) -> Join:
    return Join(on=body["On"], values=[variable(value, parameters) for value in body["Values"]])


def json_get(body: dict, parameters: dict) -> JsonGet:
    if "S3Uri" in body:
        return JsonGet(s3_uri=variable(body["S3Uri"], parameters), json_path=body["Path"])
    _, step, _, name = body["PropertyFile"]["Get"].split(".", 3)
    return JsonGet(step_name=step, property_file=name, json_path=body["Path"])


def condition(body: dict, parameters: dict) -> sdk_conditions.Condition:
    kind = body["Type"]
    if kind == "Not":
        return sdk_conditions.ConditionNot(condition(body["Condition"], parameters))
    if kind == "Or":
        return sdk_conditions.ConditionOr([condition(one, parameters) for one in body["Conditions"]])
    if kind == "In":
        values = [variable(value, parameters) for value in body["Values"]]
        return sdk_conditions.ConditionIn(value=variable(body["QueryValue"], parameters), in_values=values)
    left, right = (variable(body[name], parameters) for name in ("LeftValue", "RightValue"))
    return COMPARISONS[kind](left=left, right=right)


def answer(case: dict) -> object:
    parameters = {
        entry["Name"]: PARAMETERS[entry["Type"]](name=entry["Name"], default_value=entry["DefaultValue"])
        for entry in case["parameters"]
    }
    executor = Executor(case, parameters)
    if "conditions" in case:
        conditions = [condition(one, parameters) for one in case["conditions"]]
        step = ConditionStep(name=EVALUATED, conditions=conditions)
        return _ConditionStepExecutor(executor, step).execute()["Outcome"]
    return executor._parse_arguments(variable(case["expression"], parameters), EVALUATED)


def main(cases: str, answers: str) -> None:
    logging.disable(logging.CRITICAL)
    with open(cases, encoding="utf-8") as asked, open(answers, "w", encoding="utf-8") as answered:
        for line in asked:
            case = json.loads(line)
            try:
                found = {"value": answer(case)}
            except StepExecutionException as error:
                found = {"error": error.message}
            answered.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
