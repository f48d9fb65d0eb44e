"""What the client raises, as errors of Flowra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flowra.exceptions import (
    FlowraError,
    ModelDamagedError,
    ModelDeniedError,
    ModelError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from flowra.model.causes import first_cause, shown_address

__all__ = ["translated"]

_PRIVATE = "a private one is asked for with a token: MODELSCOPE_API_TOKEN, or flowra config set secret.modelscope_token"


@contextmanager
def translated(model: str, endpoint: str) -> Iterator[None]:
    """Raise what the client raises in the block as an error of Flowra, without what it says of requests and tokens."""
    import requests
    from modelscope_hub import errors

    where = shown_address(endpoint) or "ModelScope"
    try:
        yield
    except (FlowraError, OSError) as error:
        if isinstance(error, (errors.NetworkError, requests.RequestException)):
            raise ModelUnavailableError(
                "ModelScope can't be reached",
                where=where,
                why=first_cause(error),
                fix="try again when there is a network",
            ) from error
        raise
    except errors.NotExistError as error:
        raise ModelNotFoundError(
            f"ModelScope has no model {model}", where=where, why="it says so", fix=f"mind the spelling; {_PRIVATE}"
        ) from error
    except (errors.AuthenticationError, errors.PermissionDeniedError) as error:
        raise ModelDeniedError(
            f"ModelScope does not give us the model {model}", where=where, why=_said(error), fix=_PRIVATE
        ) from error
    except errors.FileIntegrityError as error:
        raise ModelDamagedError(
            f"ModelScope sends other bytes than it lists for the model {model}",
            where=where,
            why=_said(error),
            fix="try again; if it stays so, the hub or what lies between is broken",
        ) from error
    except (errors.ServerError, errors.RateLimitError, errors.StorageError) as error:
        raise ModelUnavailableError(
            "ModelScope does not answer as it should", where=where, why=_said(error), fix="try again later"
        ) from error
    except errors.HubError as error:
        raise ModelError(f"the model {model} can't be had from ModelScope", where=where, why=_said(error)) from error


def _said(error: BaseException) -> str:
    """Return an error's own first sentence: the rest may hold addresses with credentials."""
    text = getattr(error, "message", None) or str(error)
    return f"{type(error).__name__}: {str(text).splitlines()[0][:200] if text else ''}"
