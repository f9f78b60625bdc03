"""Contracts."""
import pytest
pytest.register_assert_rewrite(*(f"{__name__}._{n}" for n in ("store","transactions","journal","keys","reactions","relay","store_races","habits","check_ins","histories","habit_store","habit_races", "coins", "rewards", "ledger", "coin_races")))
from habitkit.testing.contracts._store import StoreContract
from habitkit.testing.contracts._habits_contract import HabitsContract
from habitkit.testing.contracts._coins_contract import CoinsContract
__all__=["StoreContract", "HabitsContract", "CoinsContract"]
