"""Fetch a base from the Hub into its cache, and say which commit it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import OutsideError, UsageError
from workbench.lm.load import BASE_FILES

_LOGIN = "hf auth login, or set HF_TOKEN"


def fetch(base: str, *, endpoint: str | None = None, cache: Path | None = None) -> Path:
    """Return the snapshot of `owner/name[@revision]`, fetched with the token that `huggingface_hub` knows.

    Its name is the commit. Only configuration, tokenizer and safetensors come. `endpoint` and `cache` default to
    the Hub's own (HF_ENDPOINT, HF_HOME). Raises OutsideError for a base that is gated, missing or out of reach,
    and UsageError for a name that none can have and for a base without safetensors.
    """
    from huggingface_hub import snapshot_download

    name, _, revision = base.partition("@")
    with _explained(name, revision):
        folder = Path(
            snapshot_download(
                name,
                revision=revision or None,
                endpoint=endpoint,
                cache_dir=cache,
                allow_patterns=list(BASE_FILES),
            )
        )
    if not any(folder.glob("*.safetensors")):
        raise UsageError(f"the base {base!r} holds no safetensors", "take one that does: pickles are not opened")
    return folder


@contextmanager
def _explained(name: str, revision: str) -> Iterator[None]:
    """Turn what the Hub refuses into one message that says what to do next."""
    from httpx2 import HTTPError
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError as error:
        hint = "a Hub id reads 'owner/name' or 'owner/name@revision'"
        raise UsageError(f"{name!r} is neither a folder nor a Hub id", hint) from error
    except errors.GatedRepoError as error:
        hint = f"ask for it at https://huggingface.co/{name}, then {_LOGIN}, and train again"
        raise OutsideError(f"the base {name!r} is gated, and this token may not read it", hint) from error
    except errors.RepositoryNotFoundError as error:
        hint = f"check the name; for a private one: {_LOGIN}"
        raise OutsideError(f"the Hub shows no base {name!r}", hint) from error
    except errors.RevisionNotFoundError as error:
        hint = "name a branch, a tag or a commit of it"
        raise OutsideError(f"the base {name!r} has no revision {revision!r}", hint) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, HTTPError) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        hint = "check the network and HF_HUB_OFFLINE, then try again: what has come stays; or name a folder"
        raise OutsideError(f"the base {name!r} cannot be fetched: {reason}", hint) from error
