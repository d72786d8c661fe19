"""Whatever goes wrong, as one sentence, a code and the next thing to type.

Enters: any exception of a run. Leaves: two lines for stderr and an exit code. A traceback is
printed only for the unexpected, and only when INTENTCAST_DEBUG=1 asks for it.
"""

from __future__ import annotations

import difflib
import os
import traceback
from dataclasses import dataclass
from typing import Final

import click

from node.api.kinds import ErrorKind, kind_of
from node.cli.console import Console, clean
from node.cli.exits import EXIT_OF_KIND, Exit
from protocol.errors import IntentcastError, LocalProtocolError

_SENTENCE_CHARS_MAX = 500


class AnsweredError(IntentcastError):
    """The node said no; its words and its sorting are kept."""

    def __init__(self, sentence: str, *, kind: ErrorKind, code: str, fix: str, field: str) -> None:
        """Keep the facts of a problem document."""
        super().__init__(sentence, code=code, fix=fix, field=field)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is told of an error."""

    sentence: str
    """What is wrong."""
    code: str
    """Stable code."""
    fix: str
    """What to do next."""
    exit: Exit
    """What the process ends with."""

    def tell(self, console: Console) -> None:
        """Print it."""
        sentence = clean(self.sentence).rstrip(". ")[:_SENTENCE_CHARS_MAX]
        console.alarm(console.cross(f"{_begun(sentence)} ({self.code})."))
        for line in self.fix.splitlines():
            console.alarm(f"  {console.hint(clean(line))}")


def _begun(sentence: str) -> str:
    """Begin a sentence with a capital, unless it begins with a name, an option or a file."""
    first = sentence.split(" ", 1)[0]
    return sentence[:1].upper() + sentence[1:] if first.isalpha() else sentence


def exit_of(error: IntentcastError) -> Exit:
    """Give the exit code of an error, ours or the node's."""
    kind = error.kind if isinstance(error, AnsweredError) else kind_of(error)
    return EXIT_OF_KIND[kind]


def explain(error: BaseException) -> Failure:
    """Turn any exception into what is told of it."""
    match error:
        case IntentcastError():
            return _of_product(error)
        case click.UsageError():
            return _of_product(usage(error))
        case click.ClickException():
            return _failed(error.format_message(), "E-FILE", "Check the name and who may read it")
        case KeyboardInterrupt() | click.Abort():
            return _failed("Stopped", "E-STOPPED", "Run it again when you like")
        case OSError():
            return _of_system(error)
        case _:
            return _unexpected(error)


def _failed(sentence: str, code: str, fix: str) -> Failure:
    return Failure(sentence=sentence, code=code, fix=fix, exit=Exit.FAILED)


def _of_product(error: IntentcastError) -> Failure:
    exit_code = exit_of(error)
    fix = error.fix or _NEXT.get(exit_code, "Try again; if it stays so, report it")
    return Failure(sentence=error.sentence, code=error.code, fix=fix, exit=exit_code)


_NEXT = {
    Exit.USAGE: "Correct it and try again; see: intentcast --help",
    Exit.REFUSED: "Nothing was changed; look at it again before you retry",
    Exit.NOT_FOUND: "List what there is: intentcast casts, intentcast deal",
}
"""The next step, where an error knows none."""


def _of_system(error: OSError) -> Failure:
    name = f"{error.filename}: " if isinstance(error.filename, str) else ""
    reason = error.strerror or str(error) or type(error).__name__
    return _failed(f"{name}{reason}", "E-SYSTEM", "Check the path, its rights and the free space")


def _unexpected(error: BaseException) -> Failure:
    if os.environ.get("INTENTCAST_DEBUG") == "1":
        traceback.print_exception(error)
    name = type(error).__name__
    return _failed(
        f"Something unexpected happened ({name}); it is a bug",
        "E-INTERNAL",
        "Run it again with INTENTCAST_DEBUG=1 and report what it prints",
    )


# --- usage --------------------------------------------------------------------------------------


def usage(error: click.UsageError) -> LocalProtocolError:
    """Say what is wrong with a command line, and what comes nearest."""
    path = error.ctx.command_path if error.ctx else "intentcast"
    see = f"See: {path} --help"
    match error:
        case click.NoSuchOption():
            near = _near(error.option_name, _option_names(error.ctx))
            fix = f"Did you mean {near}?        {see}" if near else see
            return _usage(f"{error.option_name[:60]} is not an option of {path}", fix)
        case click.MissingParameter():
            return _usage(f"{_shown(error.param)} is missing", _synopsis(error.ctx) or see)
        case click.BadParameter():
            return _usage(f"{_shown(error.param)}: {error.message}"[:200], see)
        case _:
            return _usage(error.format_message()[:200], _synopsis(error.ctx) or see)


_OTHER_WORDS: Final = {
    "help": "--help",
    "version": "--version",
    **dict.fromkeys(("init", "start", "run", "serve", "daemon"), "up"),
    **dict.fromkeys(("buy", "ask", "want", "request", "search"), "cast"),
    **dict.fromkeys(("sell", "shop"), "vendor"),
}
"""What other programs call it, or a person would -> our command."""


def no_such_command(path: str, name: str, known: list[str]) -> LocalProtocolError:
    """Say that a word is no command, and which comes nearest."""
    near = _OTHER_WORDS.get(name.lower(), "") if path == "intentcast" else ""
    near = near or _near(name, known)
    see = f"See: {path} --help"
    fix = f"Did you mean: {path} {near}?        {see}" if near else see
    return _usage(f"'{name[:60]}' is not a command of {path}", fix)


def no_verb(path: str, known: list[str]) -> LocalProtocolError:
    """Say that a noun needs a verb, and which there are."""
    return _usage(f"'{path}' needs a verb", f"One of: {', '.join(known)}        See: {path} --help")


def _usage(sentence: str, fix: str) -> LocalProtocolError:
    return LocalProtocolError(sentence, code="E-USAGE", fix=fix)


def _near(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    return found[0] if found else ""


def _option_names(ctx: click.Context | None) -> list[str]:
    params = ctx.command.params if ctx else []
    return [name for param in params for name in param.opts if name.startswith("-")]


def _shown(param: click.Parameter | None) -> str:
    if param is None:
        return "a value"
    if isinstance(param, click.Argument):
        return str(param.metavar or param.name or "").upper()
    return param.opts[0]


def _synopsis(ctx: click.Context | None) -> str:
    if ctx is None:
        return ""
    pieces = " ".join(ctx.command.collect_usage_pieces(ctx))
    return f"Write: {ctx.command_path} {pieces}"
