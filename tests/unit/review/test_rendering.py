"""Two renderings compared: what counts as a change, and what is never shown."""

from collections.abc import Mapping

import pytest

from tasks.repo.deployments import Deployment
from tasks.review.preview import Outcome, Preview
from tasks.review.rendering import Change, Difference, compare

OLD = """\
---
# Source: hub/templates/one.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: hub
  labels:
    helm.sh/chart: jupyterhub-3.2.1
    app: jupyterhub
  annotations:
    checksum/secret: 1111
data:
  checksum_hook: 2222
  config.py: |
    c.A.b = 1
    c.A.client_secret = "planted"
---
kind: Deployment
metadata: {name: hub}
spec:
  containers:
    - name: hub
      image: k8s-hub:3.2.1
      env:
        - {name: OAUTH_CLIENT_SECRET, value: planted}
        - {name: HELM, value: "1"}
---
kind: Secret
metadata: {name: hub}
data:
  values.yaml: cGxhbnRlZCBwbGFudGVkIHBsYW50ZWQ=
  token: planted
---
kind: Service
metadata: {name: gone}
"""
# What is new in the next release.
CHANGES = {
    "3.2.1": "3.3.8",
    "checksum/secret: 1111": "checksum/secret: 3333",
    "checksum_hook: 2222": "checksum_hook: 4444",
    "config.py: |\n    c.A.b = 1\n": "config.py: |\n\n    c.A.b = 2\n",
    "planted": "planted too",
    "cGxhbnRlZCBwbGFudGVkIHBsYW50ZWQ=": "YW5vdGhlciBvbmUgYW5vdGhlciBvbmU=",
    "    - name: hub\n": "    - name: sidecar\n      image: sidecar:1\n    - name: hub\n",
    "name: gone": "name: come",
}


def of_the_next_release() -> str:
    """Return the same objects in another order, with what is new in them."""
    text = "---\n".join(reversed(OLD.split("---\n")[1:]))
    for before, after in CHANGES.items():
        text = text.replace(before, after)
    return text


NEW = of_the_next_release()


def test_objects_are_compared_wherever_they_stand_and_changes_told_by_the_way_to_them_with_secrets_masked() -> None:
    found = compare(OLD, NEW, "3.2.1", "3.3.8")
    assert (found.added, found.removed) == (("Service/come",), ("Service/gone",))
    assert list(found.changed) == ["ConfigMap/hub", "Deployment/hub"]
    assert [line for changes in found.changed.values() for change in changes for line in change.lines()] == [
        "data.config.py",
        "  -c.A.b = 1",
        "  +c.A.b = 2",
        "spec.containers[hub].image",
        "  - k8s-hub:3.2.1",
        "  + k8s-hub:3.3.8",
        "spec.containers[hub].env[OAUTH_CLIENT_SECRET].value",
        "  - ***",
        "  + ***",
        "spec.containers[sidecar].name",
        "  + sidecar",
        "spec.containers[sidecar].image",
        "  + sidecar:1",
    ]


def test_a_secret_changes_where_a_key_comes_or_goes() -> None:
    before, after = (
        f"kind: Secret\nmetadata: {{name: hub}}\ndata: {{{keys}}}\n" for keys in ("a: eA==", "a: eA==, b: eQ==")
    )
    assert compare(before, after, "1", "2").changed == {"Secret/hub": (Change(("data", "b"), None, "***"),)}


def test_a_checksum_in_a_comment_is_no_change() -> None:
    job = 'kind: Job\nmetadata: {name: hook}\nspec:\n  args:\n    # "%s" != ""\n    - one\n'
    assert compare(job % ("1a" * 32), job % ("2b" * 32), "1", "2") == Difference()


def test_a_list_without_names_is_compared_line_by_line_with_secrets_masked() -> None:
    head = "kind: Role\nmetadata: {name: hub}\nrules:\n"
    named = "- {name: API_TOKEN, value: old}\n- {name: API_TOKEN, value: x}\n"
    before = f"{head}- {{verbs: [get]}}\n{named}"
    after = f"{head}- {{verbs: [list]}}\n- {{verbs: [get]}}\n- {{password: new}}\n"
    (change,) = compare(before, after, "1", "2").changed["Role/hub"]
    assert list(change.lines()) == [
        "rules",
        '  +{"verbs": ["list"]}',
        '  -{"name": "API_TOKEN", "value": "***"}',
        '  -{"name": "API_TOKEN", "value": "***"}',
        '  +{"password": ***',
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('x = {"a": 1, "password": "secret"}', 'x = {"a": 1, "password": ***'),
        ("c.Auth.client_secret = 'secret'", "c.Auth.client_secret = ***"),
        ("url: http://example.org/?token=secret", "url: http://example.org/?token=***"),
        *(
            (f"{name}: it", f"{name}: ***")
            for name in ("clientSecret", "apiToken", "OAUTH_PASSWORD", "api-key", "tokens")
        ),
        *((f"{name}: it", f"{name}: it") for name in ("name", "keyboard", "hosts")),
    ],
)
def test_a_line_is_masked_behind_the_first_name_that_looks_secret(line: str, shown: str) -> None:
    change = Change(("data", "config"), None, line)
    assert list(change.lines()) == ["data.config", f"  + {shown}"]


def test_an_argument_is_masked_behind_an_option_that_looks_secret() -> None:
    before, after = (
        f"kind: Pod\nmetadata: {{name: hub}}\nspec: {{args: [--user, bob, --client-secret, {secret}, -v]}}\n"
        for secret in ("hunter2", "hunter3")
    )
    (change,) = compare(before, after, "1", "2").changed["Pod/hub"]
    assert not [line for line in change.lines() if "hunter" in line]
    assert [*Change(change.path, None, change.after).lines()][1:] == ["  + --user bob --client-secret *** -v"]


# -- what a pull request shows of a preview: short, bounded, harmless


def outcome(name: str, changed: Mapping[str, tuple[Change, ...]]) -> Outcome:
    return Outcome(Deployment(name, (), name, name, "hub"), Difference(changed=changed), ())


def preview(*outcomes: Outcome) -> Preview:
    return Preview("3.2.1", "3.3.8", "main", outcomes, ())


def test_many_deployments_are_named_by_the_first_of_them() -> None:
    told = preview(*(outcome(f"edx-{number}", {}) for number in range(8)))
    names = "edx-0, edx-1, edx-2, edx-3, edx-4, edx-5 and 2 more"
    assert next(told.warnings()) == f"in the cluster, {names}: no object changes"


def test_long_differences_are_cut_at_a_lines_end() -> None:
    changes = tuple(Change(("data", f"key-{number}"), "old", "new") for number in range(1000))
    lines = list(preview(outcome("edx", {"ConfigMap/hub": changes})).markdown())
    assert len("\n".join(lines)) < 21_000
    fence = lines.index("```", lines.index("```diff") + 1)
    assert lines[fence - 1].startswith("# and ")
    assert lines[fence - 1].endswith(" more lines: hubpress preview --to 3.3.8")
    assert lines[fence + 1 :] == ["", "</details>", ""]


def test_a_value_cannot_end_the_block_of_code_that_it_is_shown_in() -> None:
    changes = (Change(("data", "notes"), None, "````\n</details>\n@everyone\x1b[2J"),)
    lines = list(preview(outcome("edx", {"ConfigMap/hub": changes})).markdown())
    assert "`````diff" in lines
    assert lines.count("`````") == 1
    assert not any("\x1b" in line for line in lines)
