"""A Hub on this machine and a client library that talks to nothing else."""

from __future__ import annotations

from tests.hub_fixtures import hub as hub
from tests.hub_fixtures import waited as waited
