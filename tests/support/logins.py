"""Docker's configuration and its credential helpers, as a test wants them."""

import json
import os
from pathlib import Path
from typing import Any

SHORT_LIVED = "short-lived"
# Gives another token each time that it is asked.
_SHORT_LIVED = """\
echo asked >>"$0.asked"
printf '{"Username": "robin", "Secret": "token-%s"}' "$(grep -c . "$0.asked")"
"""


def docker_config() -> dict[str, Any]:
    """Return the test's Docker configuration."""
    content: dict[str, Any] = json.loads(_config_file().read_text())
    return content


def use_helper(host: str, helper: str) -> None:
    """Let Docker ask ``docker-credential-HELPER`` for the registry ``host``."""
    config = docker_config()
    config.setdefault("credHelpers", {})[host] = helper
    _config_file().write_text(json.dumps(config))


def write_program(folder: Path, name: str, script: str) -> Path:
    """Write a shell script into ``folder``."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    return program


def use_short_lived_tokens(programs: Path, host: str) -> None:
    """Let Docker's helper for ``host`` give out ``token-1``, ``token-2``, ...: another one each time."""
    write_program(programs, f"docker-credential-{SHORT_LIVED}", _SHORT_LIVED)
    use_helper(host, SHORT_LIVED)


def _config_file() -> Path:
    return Path(os.environ["DOCKER_CONFIG"]) / "config.json"
