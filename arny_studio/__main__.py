"""The app: `python -m arny_studio [--workspace DIR]`. `--worker KIND FOLDER` runs a worker instead, without Qt.

A frozen build has one executable, so it must be able to become its own worker.
"""

from __future__ import annotations

import runpy
import sys


def main() -> int:
    """Become a worker or open the app."""
    if sys.argv[1:2] == ["--worker"]:
        return _be_worker(sys.argv[2:])
    from arny_studio.ui.app import main as open_app

    return open_app()


def _be_worker(arguments: list[str]) -> int:
    """Run `arny_studio.workers.<kind>` as a program; it ends the process itself."""
    if len(arguments) < 2 or not arguments[0].isidentifier():
        sys.stderr.write("Usage: --worker KIND FOLDER\n")
        return 2
    kind, *rest = arguments
    sys.argv = [f"arny-worker-{kind}", *rest]
    runpy.run_module(f"arny_studio.workers.{kind}", run_name="__main__", alter_sys=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
