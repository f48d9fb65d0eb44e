"""What the client raises, as errors of Flowra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flowra.exceptions import (
    FlowraError,
    ModelDamagedError,
    ModelDeniedError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from flowra.model.causes import first_cause, shown_address

__all__ = ["translated"]

_PRIVATE = "a private one is asked for with a token: HF_TOKEN, or flowra config set secret.huggingface_token"


@contextmanager
def translated(model: str, endpoint: str) -> Iterator[None]:
    """Raise what the client raises in the block as an error of Flowra, without what it says of requests and tokens."""
    from huggingface_hub import errors

    where = shown_address(endpoint) or "Hugging Face"
    try:
        yield
    except FlowraError:
        raise
    except errors.GatedRepoError as error:
        raise ModelDeniedError(
            f"Hugging Face does not give us the model {model}",
            where=where,
            why="its owner lets those in who ask",
            fix=f"ask on its page; then, {_PRIVATE}",
        ) from error
    except errors.RepositoryNotFoundError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise ModelDeniedError(
                f"Hugging Face does not give us the model {model}",
                where=where,
                why="it says so, of private models and of those that are not there",
                fix=f"mind the spelling; {_PRIVATE}",
            ) from error
        raise ModelNotFoundError(
            f"Hugging Face has no model {model}", where=where, why="it says so", fix=f"mind the spelling; {_PRIVATE}"
        ) from error
    except errors.EntryNotFoundError as error:
        raise ModelNotFoundError(
            f"a file of the model {model} is gone", where=where, why="the hub lists it, and does not have it"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise ModelDeniedError(
                f"Hugging Face does not give us the model {model}", where=where, why=f"HTTP {status}", fix=_PRIVATE
            ) from error
        raise ModelUnavailableError(
            "Hugging Face does not answer as it should", where=where, why=f"HTTP {status}", fix="try again later"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(where, error) from error
    except OSError as error:
        if error.errno is None and "onsistency" in str(error):
            raise ModelDamagedError(
                f"Hugging Face sends other bytes than it lists for the model {model}", where=where, fix="try again"
            ) from error
        if error.errno is not None and not isinstance(error, ConnectionError):
            raise
        raise _unreachable(where, error) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2", "httpcore"):
            raise
        raise _unreachable(where, error) from error


def _unreachable(where: str, error: Exception) -> ModelUnavailableError:
    return ModelUnavailableError(
        "Hugging Face can't be reached",
        where=where,
        why=first_cause(error),
        fix="try again when there is a network",
    )
