"""docs/reports.schema.json describes every report; tests/support/cli.py holds what tasks print against it."""

from jsonschema import Draft202012Validator

from tasks import ns
from tests.support.reports import FAULT, REPORTS, SCHEMA


def test_it_is_a_schema_with_a_report_of_every_task() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert sorted(REPORTS) == sorted([*ns.task_names, FAULT])


def test_every_key_of_a_report_is_always_there() -> None:
    objects = [one for one in SCHEMA["$defs"].values() if "properties" in one]
    assert [one for one in objects if one["required"] != list(one["properties"])] == []
