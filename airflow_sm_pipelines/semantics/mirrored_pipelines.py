"""Which pipelines of an account are mirrored, and what the DAG of each is called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

LONGEST_DAG_ID = 250
_DAG_ID = re.compile(rf"[A-Za-z0-9_.-]{{1,{LONGEST_DAG_ID}}}")
_DIGEST_LENGTH = 8
_WILDCARD = re.compile(r"[*?\[]")
_PIPELINE_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:(?P<account>[0-9]{12}):pipeline/(?P<name>.+)")


def arns_of(selected: Iterable[str]) -> list[str]:
    """Return the ARNs among the pipelines that a user selects; all others are patterns of names."""
    return [one for one in selected if one.startswith("arn:")]


def arn_parts(arn: str) -> tuple[str, str]:
    """Return the account and the name of a pipeline's ARN.

    Raises:
        ValueError: It is not the ARN of a pipeline.
    """
    parts = _PIPELINE_ARN.fullmatch(arn)
    if parts is None:
        raise ValueError(f"{arn!r} is not the ARN of a pipeline, arn:aws:sagemaker:REGION:ACCOUNT:pipeline/NAME")
    return parts["account"], parts["name"]


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a pipeline's name fits one of the patterns, which have the wildcards of the shell: ``*?[]``."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def common_prefix(patterns: Sequence[str]) -> str:
    """Return what all names that fit begin with, as far as ListPipelines can be asked for it.

    Its ``PipelineNamePrefix`` must be a name itself (API reference): it begins and ends with a letter or a digit.
    """
    literal = [_WILDCARD.split(pattern, maxsplit=1)[0] for pattern in patterns]
    first, last = min(literal, default=""), max(literal, default="")
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:length].rstrip("-")


def mirrored_dag_id(name: str, *, prefix: str = "", account: str | None = None) -> str:
    """Return the id of a pipeline's DAG: its name, if Airflow can have it as an id.

    A name may have 256 characters, six more than an id. Such a name is cut, and ends with a digest of the whole.

    Args:
        name: Name of the pipeline.
        prefix: What all ids of the bundle begin with.
        account: Account of a pipeline that is selected by its ARN: other accounts may have the same name.
    """
    wanted = f"{prefix}{name}.{account}" if account else f"{prefix}{name}"
    if _DAG_ID.fullmatch(wanted):
        return wanted
    digest = hashlib.sha256(wanted.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", wanted)[: LONGEST_DAG_ID - _DIGEST_LENGTH - 1]
    return f"{readable}-{digest}"
