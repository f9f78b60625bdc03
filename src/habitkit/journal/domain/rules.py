"""Rules of the journal: how requests are compared, retention, retries, the order of facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from habitkit.errors import IdempotencyConflict, InvalidInput, InvalidInstant, UsageError
from habitkit.events import Retracted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from habitkit.journal.domain.model import IdempotencyRecord, StoredEvent

__all__ = [
    "CLAIM_SECONDS",
    "IDEMPOTENCY_DAYS",
    "MAX_DELIVERY_ATTEMPTS",
    "MAX_MESSAGE_ATTEMPTS",
    "NO_OUTCOME",
    "event_cursor",
    "expired",
    "fingerprint",
    "happened",
    "is_erased",
    "is_net",
    "reason",
    "retry_delay",
    "same_request",
    "seq",
]

IDEMPOTENCY_DAYS = 30
"""How long the record of an idempotency key is kept."""

MAX_MESSAGE_ATTEMPTS = 5
"""How often an inbox message is tried before it is dead: left for a person to check."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_DELAY_SECONDS = (
    10,  # 10 seconds after the first attempt
    50,  # 1 minute after it
    4 * _MINUTE,  # 5 minutes
    15 * _MINUTE,  # 20 minutes
    40 * _MINUTE,  # 1 hour
    2 * _HOUR,  # 3 hours
    6 * _HOUR,  # 9 hours
    15 * _HOUR,  # 1 day
    2 * _DAY,  # 3 days
)

MAX_DELIVERY_ATTEMPTS = len(_DELAY_SECONDS) + 1
"""How often a delivery is tried before it is dead."""

NO_OUTCOME = "no outcome: the relay was stopped during the last attempt, or took too long for it"
"""The error of a delivery that died with its relay."""

CLAIM_SECONDS = 60
"""How long a claimed delivery is left to the relay that claimed it."""

_PLAIN = {type(None), str, int}
_CLOCK_SKEW = timedelta(minutes=15)
_MOST_RECORDED = 2**20
_LONGEST_REASON = 1_000


def expired(recorded_at: datetime, now: datetime) -> bool:
    """Return whether a record is too old to be used."""
    return now - recorded_at > timedelta(days=IDEMPOTENCY_DAYS)


def happened(at: datetime, now: datetime) -> datetime:
    """Return an instant that is not later than now, with 15 minutes of clock skew accepted.

    Raises:
        InvalidInstant: If it is later.
    """
    if at - now > _CLOCK_SKEW:
        raise InvalidInstant("at", given=at, expected=f"an instant not later than now, {now}")
    return at


def is_net(event: StoredEvent, types: Collection[str]) -> bool:
    """Return whether an event without a key, or the last of its key, is net, and of these types."""
    if event.type != Retracted.__name__:
        return event.type in types
    return bool(event.fields["sealed"]) and event.fields["of"] in types


def fingerprint(request: Mapping[str, object]) -> dict[str, str]:
    """Return the request's arguments as texts that are equal for equal arguments.

    An instant counts as the instant, whatever zone it is written in. An argument that the caller
    left out stays None.
    """
    return {name: _text(value) for name, value in request.items()}


def _text(value: object) -> str:
    """Return a text that is equal for equal values of one type."""
    if type(value) in _PLAIN:  # as most arguments are
        return repr(value)
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, dict):  # the order of its keys is not part of a JSON object
        return f"{{{', '.join(sorted(f'{key!r}: {_text(item)}' for key, item in value.items()))}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return repr(value)


def same_request(record: IdempotencyRecord, request: Mapping[str, str]) -> None:
    """Accept a request that equals the first one under its key.

    Raises:
        IdempotencyConflict: If it differs, naming the arguments.
    """
    names = sorted(record.request.keys() | request.keys())
    differing = [name for name in names if record.request.get(name) != request.get(name)]
    if differing:
        raise IdempotencyConflict(record.operation, record.key, differing)


def reason(error: Exception) -> str:
    """Return why something failed, as a text of bounded length that every store can keep."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error that cannot say why must not become another one
        text = f"{type(error).__name__}, which has no text"
    if len(text) > _LONGEST_REASON:
        text = f"{text[:_LONGEST_REASON]} ..."
    return text.encode(errors="backslashreplace").decode().replace("\x00", r"\x00")


def retry_delay(attempt: int) -> timedelta:
    """Return how long to wait after the n-th failed delivery, from 1.

    Ten attempts are spread over three days: the first is made at once, the others 10 seconds,
    1, 5 and 20 minutes, 1, 3, 9, 24 and 72 hours after it. So a restart of the receiver costs
    seconds, and a weekend without it loses nothing.
    """
    return timedelta(seconds=_DELAY_SECONDS[min(attempt, len(_DELAY_SECONDS)) - 1])


def seq(rev: int, recorded: int) -> int:
    """Return a place in the order in which an owner's facts are recorded.

    Args:
        rev: The owner's revision, which grows with each transaction that holds the lock.
        recorded: How many places this transaction has given before.

    Raises:
        UsageError: If those are all that a transaction has.
    """
    if recorded >= _MOST_RECORDED:
        msg = (
            f"this transaction records more than {_MOST_RECORDED} facts and habits, the most "
            "that are possible; record the others in another transaction"
        )
        raise UsageError(msg)
    return rev * _MOST_RECORDED + recorded


def is_erased(
    event: StoredEvent,
    words: Mapping[str, Collection[str]],
    fields: Mapping[str, str] | None,
) -> bool:
    """Return whether an erasure concerns an event; the arguments are those of ``erase``."""
    if fields is None:
        return True
    return event.type in words and all(event.fields.get(it) == fields[it] for it in fields)


_LARGEST_NUMBER = 2**63 - 1


def event_cursor(value: object) -> tuple[int, int] | None:
    """Return a valid (rev, position) of an event, after which to go on; None for the beginning.

    Raises:
        InvalidInput: If it is neither.
    """
    if value is None:
        return None
    if (
        isinstance(value, tuple)
        and [type(number) for number in value] == [int, int]
        and all(0 <= number <= _LARGEST_NUMBER for number in value)
    ):
        return value
    raise InvalidInput("after", given=value, expected="the (rev, position) of an event, or None")
