"""What ``--json`` prints, held against the schemas in docs/reports.schema.json."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from .machine import PROJECT

SCHEMA: dict[str, Any] = json.loads((PROJECT / "docs" / "reports.schema.json").read_text(encoding="utf-8"))
REPORTS = tuple(one["$ref"].rpartition("/")[2] for one in SCHEMA["anyOf"])
FAULT = "fault"


def mismatches(said: str, reports: Iterable[str]) -> list[str]:
    """Return what is wrong with each line of standard output that is neither a report of these tasks nor a fault."""
    validators = [_validator(name) for name in (*reports, FAULT)]
    objects = [json.loads(line) for line in said.splitlines()]
    return [
        validators[0].iter_errors(one).__next__().message
        for one in objects
        if not any(validator.is_valid(one) for validator in validators)
    ]


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})
