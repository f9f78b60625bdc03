"""The steps of a refresh: fetch, compile, swap; in a thread, in a task or at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.workflow import Outside

if TYPE_CHECKING:
    from habitkit.flags.evaluator import Evaluator
    from habitkit.workflow import Call, Steps

__all__ = ["refresh_from"]


def refresh_from(evaluator: Evaluator, fetch: Any) -> Steps[None]:
    """Fetch what is new, and use it.

    Args:
        evaluator: Is given the new definitions, or else why there are none.
        fetch: Makes the step that fetches, from the revision in use.

    Raises:
        Exception: Whatever fetching or compiling raised; what is in use stays in use.
    """
    number, known = evaluator.begin()
    step: Call | Outside = fetch(known)
    try:
        fetched = yield step
        if fetched is None:
            evaluator.succeed(number, None)
        else:
            yield Outside(evaluator.succeed, (number, fetched))  # compiling may take a while
    except Exception as error:
        evaluator.fail(number, error)
        raise
