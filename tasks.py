"""Move a Zero to JupyterHub hub image from release to release."""

import sys
from pathlib import Path

# Invoke registered this file as "tasks"; step aside for the package of that name.
sys.modules.pop("tasks", None)
# Invoke lets Python keep nothing that it compiles: every start would compile the tasks anew.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from invoke.config import Config  # noqa: E402

from tasks import ns  # noqa: E402, F401
from tasks.core.settings import FILE, readable, take_variables  # noqa: E402
from tasks.run import exits  # noqa: E402

# Invoke looks at the environment and at the file beside this one next, and ends in a traceback where it cannot read it.
take_variables()
own = Path(__file__).with_name(FILE)
if own.exists():
    with exits(json="--json" in sys.argv), readable(own):
        config = Config(runtime_path=own, lazy=True)
        config.load_runtime()
        config.load_shell_env()
