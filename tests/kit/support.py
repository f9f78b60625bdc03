"""What the tests of the kit's logic share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

from habitkit.backends.memory import MemoryStore
from habitkit.binding import Action, Workflow
from habitkit.errors import NotFound
from habitkit.testing.contracts._sample_facts import events_of


def examples(store, *, in_memory, in_sqlite):
    """Return hypothesis's settings: how many random cases a property is tested with on a store."""
    return settings(
        max_examples=in_memory if isinstance(store, MemoryStore) else in_sqlite,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def assert_hidden(service, foreign):
    """Check that every action of an owner's service hides what belongs to another.

    Args:
        service: A service of ``kit.owned_by(...)``.
        foreign: For each action of the service, by name, a call about another owner's things.
    """
    offered = {
        name
        for name in dir(type(service))
        if isinstance(getattr(type(service), name), Action | Workflow)
    }
    assert set(foreign) == offered, "there is a case for every action of the service"
    for call in foreign.values():
        with pytest.raises(NotFound):
            call()


def check_in_daily(kit, habit, count):
    """Check in on some days in a row; it is the day after them then."""
    for _ in range(count):
        kit.habits.check_in(habit.id)
        kit.clock.advance(days=1)


def breaks(kit):
    """Return the ends of ada's streaks that were emitted and not taken back, with their lengths."""
    emitted = {}
    for event in events_of(kit, "ada"):
        if event.type == "StreakBroken":
            emitted[str(event.key)] = event.fields["slots"]
        elif event.type == "Retracted":
            emitted.pop(str(event.key), None)
    return list(emitted.items())
