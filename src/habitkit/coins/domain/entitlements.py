"""Pure rules of entitlements: what events earn, and what is still to be paid or taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.coins.domain.model import Settled
from habitkit.events import Retracted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from habitkit.coins.domain.economy import Economy, RewardRule
    from habitkit.events import Event

__all__ = ["due", "outstanding"]


def due(events: Iterable[Event], economy: Economy) -> dict[str, Settled]:
    """Return what the events of a derived set entitle to, by entitlement key.

    Later events of a key replace earlier ones; what is retracted is due nothing; what is sealed is
    final and not mentioned. An event with a ``received_at`` is evaluated by the rules that were in
    force then, another one by those in force when it happened.
    """
    result: dict[str, Settled] = {}
    rules: Sequence[RewardRule]
    in_force: Sequence[RewardRule]
    for event in events:
        if isinstance(event, Retracted):
            rules = () if event.sealed else economy.rules_on.get(event.of, ())
            in_force = ()
        else:
            sealed = getattr(event, "sealed", False)
            rules = in_force = () if sealed else economy.rules_on.get(event.type, ())
            if getattr(event, "credit", "full") != "full":
                in_force = ()
            elif economy.changes:
                received_at = getattr(event, "received_at", None) or event.at
                in_force = economy.rules_at(received_at).on.get(event.type, ())
        place = event.key if rules else None
        if place is None:
            continue
        if in_force is not rules:
            for rule in rules:
                key = f"{place}:{rule.name}"
                result[key] = Settled(key, rule.currency, 0)
        for rule in in_force:
            key = f"{place}:{rule.name}"
            result[key] = Settled(key, rule.currency, rule.give)
    return result


def outstanding(
    wanted: Mapping[str, Settled], settled: Mapping[str, Settled]
) -> tuple[list[Settled], dict[str, int]]:
    """Compare what is due with what was paid.

    What was paid in another currency than it is due in is taken back in that currency.

    Returns:
        The entitlements whose payment changes, and the net sum by currency.
    """
    changed: list[Settled] = []
    net: dict[str, int] = {}
    for key, row in wanted.items():
        paid = settled.get(key)
        if paid is None:
            if not row.amount:
                continue
        elif paid.amount == row.amount and (not row.amount or paid.currency == row.currency):
            continue
        else:
            net[paid.currency] = net.get(paid.currency, 0) - paid.amount
        changed.append(row)
        net[row.currency] = net.get(row.currency, 0) + row.amount
    return changed, net
