"""`workbench serve`: the terminal interface in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.options import AsJson, In, chosen
from workbench.cli.output import result, say

if TYPE_CHECKING:
    from workbench.serve.server import Served


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes one that is free.")] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines reach all but loopback.")
    ] = "127.0.0.1",
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Show the terminal interface in a browser, on this machine, until ctrl+c.

    The address that is printed holds the way in: whoever opens it can do all that you can do here. From another
    machine, come through ssh: ssh -L 8000:localhost:8000 HOST, and open the address there.

    \\b
    Example: workbench serve --port 8000
    """
    from workbench.serve.gate import is_loopback
    from workbench.serve.server import serve as keep_serving

    if not is_loopback(host):
        say(f"warning: {host} can be reached from other machines, and nothing on the way is encrypted;")
        say(f"  safer: leave --host out, and there: ssh -L {port or 8000}:localhost:{port or 8000} THIS_MACHINE")

    def ready(served: Served) -> None:
        result(served, _lines(served), as_json=as_json)

    keep_serving(chosen(workspace), host, port, ready, say)
    say("no longer served; trainings go on")


def _lines(served: Served) -> list[str]:
    return [f"{served.workspace} is served until ctrl+c at", "", f"  {served.url}", ""]
