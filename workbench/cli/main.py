"""The console script: finds the command, runs it, and turns every error into one message and an exit code."""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import typer

from workbench.cli import commands
from workbench.cli.options import WORKSPACE_VARIABLE, In, place
from workbench.cli.output import failure, result, say
from workbench.errors import ExitCode, UsageError, WorkbenchError
from workbench.workspace import Workspace

_THEME = "TEXTUAL_THEME"
_SLOW_LINK = {"TEXTUAL_FPS": "10", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
"""Textual reads these while it is imported, which is after the options were."""
_INTERRUPTED = "interrupted; what was acknowledged is kept"
_BUG = "this is a bug of the workbench; nothing that was acknowledged is lost"
app = typer.Typer(
    name="workbench",
    help="Raw files in, a fine-tuned and honestly measured adapter out, every record traceable all the way.",
    epilog="Start with `workbench demo`, or open the terminal interface with `workbench` alone.",
    no_args_is_help=False,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from workbench import __version__

        sys.stdout.write(f"workbench {__version__}\n")
        raise typer.Exit


@app.callback()
def _interface(
    context: typer.Context,
    workspace: In = None,
    theme: str | None = typer.Option(
        None, help="Colours of the terminal interface, for example textual-light; ansi-dark keeps the terminal's own."
    ),
    slow_link: bool = typer.Option(
        False, "--slow-link", help="Draw the terminal interface rarely and without animation, for a slow connection."
    ),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Raw files in, a fine-tuned and honestly measured adapter out, every record traceable all the way."""
    if workspace is not None:
        # A command's own --workspace wins; without one this is the workspace it works in.
        os.environ[WORKSPACE_VARIABLE] = str(workspace)
    if theme is not None:
        os.environ[_THEME] = theme
    if slow_link:
        os.environ.update(_SLOW_LINK)
    if context.invoked_subcommand is None:
        context.obj(place(workspace))


for _found in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"{commands.__name__}.{_found.name}").register(app)


def run(interface: Callable[[Workspace | Path], None], arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the exit code that the contract names.

    `interface` opens the terminal interface of a workspace, or of a folder that has none; it is called where no
    command is given.
    """
    if sys.stderr is None:
        # Whoever started this closed it: its number must not become that of a file of ours, which libraries talk into.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    sys.exit(_code(interface, sys.argv[1:] if arguments is None else arguments))


def _code(interface: Callable[[Workspace | Path], None], arguments: list[str]) -> int:
    as_json = "--json" in arguments
    # Deprecations inside the libraries are for their users' developers, not for a person at this screen.
    warnings.simplefilter("ignore", FutureWarning)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        code = app(arguments, standalone_mode=False, prog_name="workbench", obj=interface)
    except WorkbenchError as error:
        failure(error, as_json=as_json)
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _ended(_INTERRUPTED, ExitCode.INTERRUPTED, as_json=as_json)
    except typer.TyperException as error:
        failure(UsageError(_message(error), f"see: {_command(error, arguments)} --help"), as_json=as_json)
        return int(ExitCode.USAGE)
    except BrokenPipeError:
        return int(ExitCode.OK)
    except Exception:  # the one place where our own bugs end: exit code 70 is part of the contract
        from workbench.store.remote import secrets_hidden

        # It quotes what other packages say, and those quote addresses and headers; it is made to be sent to somebody.
        for line in secrets_hidden(traceback.format_exc()).splitlines():
            say(line)
        return _ended(_BUG, ExitCode.BUG, as_json=as_json, said="error: ")
    if code == ExitCode.INTERRUPTED:
        return _ended(_INTERRUPTED, ExitCode.INTERRUPTED, as_json=as_json)
    return int(code or 0)


def _ended(what: str, code: ExitCode, *, as_json: bool, said: str = "") -> int:
    """Say that a command did not come to its result, to a script as the object that every error is."""
    if as_json:
        result({"error": {"what": what, "hint": "", "exit_code": int(code)}}, (), as_json=True)
    say(said + what)
    return int(code)


def _message(error: typer.TyperException) -> str:
    from pydantic import ValidationError

    from workbench.wording import complaint

    parameter = getattr(error, "param", None)
    if isinstance(error.__cause__, ValidationError) and parameter is not None:
        found = error.__cause__.errors()[0]
        named = parameter.opts[0] if parameter.param_type_name == "option" else parameter.human_readable_name
        return f"{named} {found['input']}: {complaint(found).rstrip('.')}"
    # format_message names the parameter; only the errors of the parser have it.
    return str(error.format_message() if hasattr(error, "format_message") else error)


def _command(error: typer.TyperException, arguments: list[str]) -> str:
    context = getattr(error, "ctx", None)
    if context:
        return str(context.command_path)
    # An option without its value is told without a context; what is no command was told with one.
    return " ".join(("workbench", *(word for word in arguments[:1] if not word.startswith("-"))))
