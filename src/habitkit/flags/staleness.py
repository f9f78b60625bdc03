"""The query for flags that are no longer needed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput
from habitkit.flags.domain.documents import read_document
from habitkit.flags.domain.staleness import StaleFlag, last_uses, reasons_to_remove
from habitkit.flags.inputs import expect_no_scope
from habitkit.flags.queries import export, list_flags
from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from habitkit.transaction import Transaction

__all__ = ["stale"]

_MOST_DAYS = 36_500


def stale(tx: Transaction, *, unused_days: int = 30) -> list[StaleFlag]:
    """Return the flags that are probably no longer needed, in the order of their keys.

    These are flags past ``expires``; enabled flags that serve everybody one variant, now and by
    their schedule also later; and flags that were not evaluated for some days, nor was a flag that
    they are a prerequisite of. A flag that was never evaluated counts from its last revision. Kits
    store once an hour, when they refresh, which flags were evaluated.

    Args:
        tx: The transaction.
        unused_days: After how many days without an evaluation a flag is unused, 1 to 36500.

    Raises:
        InvalidInput: If ``unused_days`` is anything else.
    """
    if type(unused_days) is not int or not 1 <= unused_days <= _MOST_DAYS:
        expected = f"an int from 1 to {_MOST_DAYS}"
        raise InvalidInput("unused_days", given=unused_days, expected=expected)
    expect_no_scope(tx)
    definitions = read_document(export(tx), [])
    last_used = last_uses(definitions, tx.port(FLAGS).last_used())
    changed = _last_changes(tx, last_used)
    found = []
    for key, flag in sorted(definitions.flags.items()):
        reasons = reasons_to_remove(
            flag,
            definitions,
            unused_since=last_used[key] if key in last_used else changed[key],
            unused_for=timedelta(days=unused_days),
            now=tx.now,
        )
        if reasons:
            found.append(StaleFlag(key, reasons, flag.options.owner, last_used.get(key)))
    return found


def _last_changes(tx: Transaction, last_used: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return when flags that were never used were last changed; reads each revision once."""
    versions = [each for each in list_flags(tx) if each.key not in last_used]
    times = {
        number: tx.port(FLAGS).revisions(key, number + 1, 1)[0].at
        for number, key in {each.revision: each.key for each in versions}.items()
    }
    return {each.key: times[each.revision] for each in versions}
