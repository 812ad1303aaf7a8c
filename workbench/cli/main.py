"""The console script: finds the command, runs it, and turns every error into one message and an exit code."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback

import click
import typer

from workbench.cli import commands
from workbench.cli.output import failure, say
from workbench.errors import ExitCode, WorkbenchError

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
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Raw files in, a fine-tuned and honestly measured adapter out, every record traceable all the way."""
    if context.invoked_subcommand is None:
        from pathlib import Path

        from workbench.tui.app import run as run_interface
        from workbench.workspace import Workspace

        run_interface(Workspace.find(Path()))


for _found in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"{commands.__name__}.{_found.name}").register(app)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the exit code that the contract names."""
    given = sys.argv[1:] if arguments is None else arguments
    sys.exit(_code(given))


def _code(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        code = app(arguments, standalone_mode=False, prog_name="workbench")
    except WorkbenchError as error:
        failure(error, as_json=as_json)
        return int(error.exit_code)
    except click.exceptions.ClickException as error:
        say(f"error: {error.format_message()}")
        say(f"  do: {_help_of(error)}")
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, click.exceptions.Abort):
        say("interrupted; what was acknowledged is kept")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return int(ExitCode.OK)
    except Exception:  # the one place where our own bugs end: exit code 70 is part of the contract
        say(traceback.format_exc())
        say("error: this is a bug of the workbench; nothing that was acknowledged is lost")
        return int(ExitCode.BUG)
    return int(code or 0)


def _help_of(error: click.exceptions.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'workbench'} --help"
