"""Contracts."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}._{n}"
        for n in (
            "store",
            "transactions",
            "journal",
            "keys",
            "reactions",
            "relay",
            "store_races",
            "habits",
            "check_ins",
            "histories",
            "habit_store",
            "habit_races",
        )
    )
)
from habitkit.testing.contracts._habits_contract import HabitsContract
from habitkit.testing.contracts._store import StoreContract

__all__ = ["HabitsContract", "StoreContract"]
