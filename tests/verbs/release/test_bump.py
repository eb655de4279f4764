from tests.support.cli import run_task, succeed
from tests.support.helm import RELEASES
from tests.support.hubs import Hub
from tests.support.scene import DOCKERFILE, REQUIREMENTS


def test_a_bump_changes_one_word_in_each_of_two_files_and_goes_back_when_it_is_told_to(hub: Hub) -> None:
    before = hub.snapshot()
    succeed("bump", cwd=hub.path)
    after = hub.snapshot()
    assert [name for name in after if after[name] != before.get(name)] == [REQUIREMENTS, DOCKERFILE]
    for name in (DOCKERFILE, REQUIREMENTS):
        assert after[name] == before[name].replace(b"3.2.1", b"3.3.8")
    again = run_task("bump", cwd=hub.path)
    assert (again.code, again.out) == (0, "images/hub/Dockerfile: unchanged\nhub/requirements.yaml: unchanged\n")
    assert hub.snapshot() == after
    succeed("bump", "--to", "3.2.1", cwd=hub.path)
    assert hub.snapshot() == before
    for flags, version in ((("--major",), "4.4.0"), (("--pre",), "3.3.8"), (("--major", "--dev"), RELEASES[0].version)):
        assert run_task("--dry", "bump", *flags, "--json", cwd=hub.path).json["chart"]["after"] == version
