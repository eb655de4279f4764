"""Move a Zero to JupyterHub hub image from release to release."""

import sys
from contextlib import nullcontext
from pathlib import Path

# Invoke registered this file as "tasks"; step aside for the package of that name.
sys.modules.pop("tasks", None)
# Invoke lets Python keep nothing that it compiles: every start would compile the tasks anew.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from invoke.config import Config  # noqa: E402

from tasks import ns  # noqa: E402, F401
from tasks.core.settings import FILE, readable, readable_variables, take_variables  # noqa: E402
from tasks.run import exits  # noqa: E402

# Invoke looks at the environment and at the file beside this one next, and ends in a traceback where it cannot read it.
take_variables()
own = Path(__file__).with_name(FILE)
with exits(json="--json" in sys.argv):
    config = Config(runtime_path=own)
    with readable(own) if own.exists() else nullcontext():
        config.load_runtime()
        with readable_variables():
            config.load_shell_env()
