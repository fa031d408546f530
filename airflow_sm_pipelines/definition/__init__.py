"""What a pipeline says: the definition language, version 2020-12-01, without Airflow and without AWS.

From the ground up::

    json_values  suggestions              how messages describe values and names; "did you mean ...?"
    paths  references  functions          the grammar: paths, ``Get``, ``Std:Join`` and ``Std:JsonGet``
    expressions  conditions               list what they refer to, evaluate them in a scope
    shapes  step_types                    which members an object has; one row per step type
    models                                Pipeline, Step, Parameter ... as frozen dataclasses
    json_text  unsound_json  read_values  strict JSON; JSON that a run reads
    step_arguments  step_reading          steps: JSON to models; collects every fault of form
    reading                               the same for the whole definition
    graph                                 edges with triggers, branches, loops: one StepPlan per step
    known_steps                           steps by name, and the names of what each of them has
    reference_checks  checks              the rules that span more than one place
    traversal  races  advice              warnings about what is valid but may surprise
    package_faults                        what to say when this package itself fails at a definition
    loading                               loads and checks any form of a definition: start here
"""
