"""The command `intentcast`: reads a command line, runs it, ends with an exit code.

Enters: arguments. Leaves: an exit code. Nothing that happens beneath gets past this as a
traceback: not a bug, not Ctrl-C, not a closed pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from node.cli.console import Console
from node.cli.exits import Exit
from node.cli.failures import explain
from node.cli.group import root, with_default
from protocol.errors import LocalProtocolError

COMPLETING: Final = "_INTENTCAST_COMPLETE"
"""Set by the script of `intentcast completion` when it asks what may come next."""


def _prepare_streams() -> None:
    """Let no character a stream cannot hold end the run."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _check_arguments(args: Sequence[str]) -> None:
    for number, text in enumerate(args, 1):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise LocalProtocolError(
                f"argument {number} is not UTF-8 text",
                code="E-USAGE",
                fix="Type it again; a file whose name is not UTF-8 must be renamed first",
            ) from error
        if "\0" in text:
            raise LocalProtocolError(
                f"argument {number} holds a NUL character", code="E-USAGE", fix="Leave it out"
            )


def _silence_stdout() -> None:
    """Point stdout nowhere, so that its last flush at exit cannot fail again."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.close(sink)


def _run(args: list[str], options: dict[str, Any]) -> int:
    """Run a command line; the options that every command takes are left in `options`."""
    _check_arguments(args)
    code = root().main(
        with_default(args), prog_name="intentcast", standalone_mode=False, obj=options
    )
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()
    return int(code) if isinstance(code, int) else Exit.OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    options: dict[str, Any] = {}
    try:
        _prepare_streams()
        return _run(args, options)
    except BrokenPipeError:
        _silence_stdout()
        return Exit.FAILED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line before the shell
        if COMPLETING in os.environ:
            # Somebody pressed TAB: no word may stand in the middle of their line.
            return Exit.FAILED
        failure = explain(error)
        failure.tell(Console(home=options.get("home")))
        return failure.exit


if __name__ == "__main__":
    sys.exit(main())
