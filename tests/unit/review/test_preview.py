"""What a pull request shows of a preview: short, bounded, harmless."""

from collections.abc import Mapping

from tasks.core.settings import Accepted
from tasks.repo.deploying import Deployment
from tasks.review.manifests import Change, Difference
from tasks.review.preview import Outcome, Preview
from tasks.review.rendering import Refusal

REFUSED = Refusal("deployments/edx/config/prod.yaml", 3, "jupyterhub.hub: additional properties 'x' not allowed")


def outcome(name: str, changed: Mapping[str, tuple[Change, ...]], *problems: Refusal) -> Outcome:
    return Outcome(Deployment(name, (), name, name), Difference(changed=changed), problems)


def preview(*outcomes: Outcome) -> Preview:
    return Preview("3.2.1", "3.3.8", "main", outcomes, ())


def test_many_deployments_are_named_by_the_first_of_them() -> None:
    told = preview(*(outcome(f"edx-{number}", {}) for number in range(8)))
    assert list(told.summary()) == ["edx-0, edx-1, edx-2, edx-3, edx-4, edx-5 and 2 more: no object changes"]


def test_long_differences_are_cut_at_a_lines_end() -> None:
    changes = tuple(Change(("data", f"key-{number}"), "old", "new") for number in range(5000))
    lines = list(preview(outcome("edx", {"ConfigMap/hub": changes})).markdown())
    assert len("\n".join(lines)) < 21_000
    fence = lines.index("```", lines.index("```diff") + 1)
    assert lines[fence - 1].startswith("# and ")
    assert lines[fence - 1].endswith(" more lines: hubpress preview")
    assert lines[fence + 1 :] == ["", "</details>", ""]


def test_a_value_cannot_end_the_block_of_code_that_it_is_shown_in() -> None:
    changes = (Change(("data", "notes"), None, "````\n</details>\n@everyone\x1b[2J"),)
    lines = list(preview(outcome("edx", {"ConfigMap/hub": changes})).markdown())
    assert "`````diff" in lines
    assert lines.count("`````") == 1
    assert not any("\x1b" in line for line in lines)


def test_a_refused_value_is_a_refusal_unless_it_is_accepted() -> None:
    told = preview(outcome("edx-prod", {}, REFUSED))
    refusal = told.refusal(())
    assert refusal is not None
    assert (refusal.where, refusal.code) == ("deployments/edx/config/prod.yaml:3", 1)
    assert told.refusal([Accepted("values-invalid", "deployments/edx/*")]) is None
    assert told.refusal([Accepted("values-invalid", "hub/*"), Accepted("pin-differs")]) is not None
    assert list(told.warnings()) == [
        "in the cluster, edx-prod: the new chart refuses the values",
        "3.3.8 refuses deployments/edx/config/prod.yaml:3: jupyterhub.hub: additional properties 'x' not allowed",
        "the differences: invoke preview",
    ]
