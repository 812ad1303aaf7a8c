"""The one page that is served, with the few files it needs: all of them local, none of them listed."""

from __future__ import annotations

import html
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import NamedTuple

from workbench.text import show

_OWN = "workbench.serve"
_TERMINAL = "textual_serve"
"""The package that brings the terminal emulator for the browser, with the script that speaks Textual's words."""


class Asset(NamedTuple):
    """A file that the page may ask for."""

    package: str
    path: str
    kind: str

    def place(self) -> Traversable:
        """Return where the file lies."""
        return files(self.package).joinpath(*self.path.split("/"))


ASSETS = {
    "textual.js": Asset(_TERMINAL, "static/js/textual.js", "text/javascript"),
    "xterm.css": Asset(_TERMINAL, "static/css/xterm.css", "text/css"),
    "mono.ttf": Asset(_TERMINAL, "static/fonts/RobotoMono-VariableFont_wght.ttf", "font/ttf"),
    "page.js": Asset(_OWN, "page.js", "text/javascript"),
    "page.css": Asset(_OWN, "page.css", "text/css"),
}


def page(workspace: str, host: str) -> str:
    """Return the page for a workspace; `host` is the one it was asked for, whose socket it opens."""
    template = Template(files(_OWN).joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(workspace=html.escape(show(workspace)), socket=html.escape(f"ws://{host}/socket"))


def headers(host: str) -> dict[str, str]:
    """Return what every response says to the browser: nothing from elsewhere, in no frame, kept nowhere."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        # The terminal emulator writes the rules of its theme and sizes into the page.
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' ws://{host}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Server": "workbench",
    }
