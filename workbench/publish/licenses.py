"""The licence identifiers that the Hub knows, and the check that an export names one of them."""

from __future__ import annotations

import difflib
import re

from workbench.errors import UsageError

UNKNOWN = "unknown"
"""Identifier of what nobody has stated a licence of."""
LICENSES = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda
    cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
    eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc intel-research lppl-1.3c ms-pl
    apple-ascl mpl-2.0 odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl
    lgpl-lr deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3
    llama4 gemma apple-amlr h-research unknown other
    """.split()
)


def checked_license(name: str | None) -> str:
    """Return the identifier; raise UsageError where none is named or the Hub does not know it."""
    if not name:
        hint = "there is no default: give the one that the sources allow, for example --license cc-by-4.0"
        raise UsageError("this names no licence, and a licence is needed to publish", hint)
    if name in LICENSES:
        return name
    near = _nearest(name)
    guess = f"did you mean {near!r}? " if near else ""
    raise UsageError(
        f"the Hub knows no licence {name!r}",
        f"{guess}the identifiers are listed at huggingface.co/docs/hub/repositories-licenses; 'other' is one",
    )


def _nearest(name: str) -> str:
    """Return the licence that a name begins, of several the plainest and newest; else the one spelt most alike."""
    by_letters = {_letters(known): known for known in sorted(LICENSES)}
    begun = [known for letters, known in by_letters.items() if letters.startswith(_letters(name))]
    if begun and _letters(name):
        shortest = min(map(len, begun))
        return max(known for known in begun if len(known) == shortest)
    near = difflib.get_close_matches(_letters(name), by_letters, n=1)
    return by_letters[near[0]] if near else ""


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
