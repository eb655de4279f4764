"""The door that people came in by: what a hint has them type."""

from __future__ import annotations

# The folder is `tasks` where Invoke finds it, and has another name in a wheel.
DOOR = "invoke" if __package__.partition(".")[0] == "tasks" else "hubpress"
