"""`saywhere …` and `python -m saywhere …`: run a verb; an error is one sentence on stderr and an
exit code, never a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

REACHING_OUT = (["models", "pull"], ["models", "push"])
"""Asked for with an address, which may be a hub's."""
INTERRUPTED = 130  # the shell's convention: 128 + SIGINT


def main() -> None:
    """Exit codes: 0 ok · 1 the work failed · 2 wrong use · 3 done, but some inputs were set aside ·
    130 interrupted.
    """
    if sys.argv[1:3] not in REACHING_OUT:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is ever downloaded silently
    from saywhere.cli.main import app
    from saywhere.cli.plain_output import escaping

    try:
        with escaping():
            _run(app)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _run(app: Callable[[], None]) -> None:
    from saywhere.errors import SaywhereError
    from saywhere.io.plain_text import visible_line

    try:
        app()
    except SaywhereError as error:
        # One line, whatever names it repeats.
        sys.stderr.write(f"saywhere: {visible_line(str(error))}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("saywhere: interrupted\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
