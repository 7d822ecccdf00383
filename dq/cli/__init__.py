"""The command line: parse, call `dq.api`, print, exit. No engine is loaded before a command needs it.

Exit codes: 0 promoted or passed, 1 quarantined or failed, 2 usage, configuration or contract, 3 held: ours, try again.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from dq.cli import judging, keeping, looking, overruling, starting, training, watching
from dq.cli.output import complain, listen
from dq.errors import DQError, said_by_system

if TYPE_CHECKING:
    from collections.abc import Sequence

HELD = 3
_RARELY = 200_000  # objects between collections: at 700 they are a tenth of a short command, and find nothing

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="The data quality gate: judges what landed, promotes or quarantines it, and says why.",
    epilog="Exit codes: 0 promoted or passed, 1 quarantined or failed, 2 usage or contract, 3 held (try again).",
)


@app.callback()
def dq(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")] = False,
) -> None:
    if debug:
        os.environ["DQ_DEBUG"] = "1"


for command in (
    starting.demo, starting.init, starting.suggest, starting.convert, judging.gate, watching.watch,
    judging.validate, judging.profile, judging.diff, judging.explain,
    training.pretrain, looking.status, looking.show, looking.history, looking.ls,
    overruling.release, overruling.reject, overruling.accept,
    keeping.gc, keeping.doctor,
):  # fmt: skip
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of the command. What goes wrong is one line on stderr; a traceback only with --debug or DQ_DEBUG."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    gc.set_threshold(_RARELY)
    listen()
    Stopped.asked = False
    try:
        code: Any = app(args=arguments, prog_name="dq", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except DQError as error:
        complain(str(error))
        return error.exit_code
    except Stopped:
        return _interrupted()
    except Exception as error:
        if Stopped.asked:  # a library in C was told, and put it in its own words
            return _interrupted()
        if (said := getattr(error, "format_message", None)) is not None:
            complain(said())
            return 2
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # only a person names things so
            complain(said_by_system(error))
            return 2
        return _internal(error)


class Stopped(BaseException):
    """Somebody wants the process to end. No KeyboardInterrupt: that one the command line library takes for itself."""

    asked: ClassVar[bool] = False


def _stop(*_: object) -> None:
    Stopped.asked = True
    raise Stopped


def _interrupted() -> int:
    complain("interrupted; run the same command again to finish")
    return HELD


def _internal(error: Exception) -> int:
    """The error's own text may quote data: only its class and place are told."""
    if os.environ.get("DQ_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = ""
    if last is not None:
        file, house = Path(last.tb_frame.f_code.co_filename), Path(__file__).parents[2]
        where = f" at {file.relative_to(house) if file.is_relative_to(house) else file.name}:{last.tb_lineno}"
    complain(f"internal error: {type(error).__name__}{where}; nothing is decided (DQ_DEBUG=1 shows the traceback)")
    return HELD
