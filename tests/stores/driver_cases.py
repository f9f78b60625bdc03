"""The cases for a driver or a wrapper whose tables another class puts to the full contracts.

What it can break by itself is transactions, races and the coding of values; the smoke set of the
kit goes through the rest once. CONTRIBUTING.md has the table of what runs where.
"""

from __future__ import annotations

from habitkit.testing.contracts import AsyncContract
from habitkit.testing.contracts._alerts_contract import AlertDriverCases
from habitkit.testing.contracts._async_cases import AsyncCases, CancellationCases
from habitkit.testing.contracts._async_contracts import AsyncCoinCases, AsyncHabitCases
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._coin_races import CoinRaces
from habitkit.testing.contracts._experiments_contract import ExperimentDriverCases
from habitkit.testing.contracts._flags_contract import FlagDriverCases
from habitkit.testing.contracts._habit_codecs import HabitCodecs
from habitkit.testing.contracts._habit_races import HabitRaces
from habitkit.testing.contracts._habit_store import HabitTransactionCases
from habitkit.testing.contracts._hold_races import HoldRaces
from habitkit.testing.contracts._journal_codecs import JournalCodecs
from habitkit.testing.contracts._ledger_transactions import LedgerTransactionCases
from habitkit.testing.contracts._owner_locks import SavepointCases
from habitkit.testing.contracts._quest_values import QuestDriverCases
from habitkit.testing.contracts._store_races import StoreRaces
from habitkit.testing.contracts._transactions import TransactionCases
from tests.kit.smoke import KitSmoke
from tests.sql.extremes import FIELDS, LARGEST, TEXTS, read_ports, write_ports, written


class ExtremeValues(Contract):
    """The ends of every type go in and come out through the ports."""

    def test_the_ends_of_every_type_come_back_as_they_were(self, store):
        write(store, write_ports)

        found = write(store, read_ports)

        for name, values in written().items():
            assert found[name] == values, name
        assert read(store, lambda stores: stores.events.page("ada", None, 100)) == found["events"]

    def test_the_largest_amount_and_any_metadata_come_back_as_they_were(self, kit):
        kit.coins.award("ada", LARGEST, memo=TEXTS[-1], metadata=FIELDS, idempotency_key="a")

        (entry,) = kit.coins.statement("ada")
        assert (entry.amount, entry.balance) == (LARGEST, LARGEST)
        assert (entry.memo, entry.metadata) == (TEXTS[-1], FIELDS)


class Codecs(JournalCodecs, HabitCodecs, ExtremeValues):
    """Values of all modules."""


class Transactions(TransactionCases, SavepointCases, HabitTransactionCases, LedgerTransactionCases):
    """Transactions of all modules."""


class Races(StoreRaces, HabitRaces, CoinRaces, HoldRaces):
    """Races of all modules."""


class DriverCases(
    Transactions,
    Races,
    Codecs,
    FlagDriverCases,
    ExperimentDriverCases,
    QuestDriverCases,
    AlertDriverCases,
    KitSmoke,
):
    """The cases for a sync driver."""

    proves = frozenset({"habits", "coins", "flags", "experiments", "quests", "alerts"})


class AsyncDriverCases(
    AsyncCases, CancellationCases, AsyncHabitCases, AsyncCoinCases, AsyncContract, DriverCases
):
    """The cases for an async driver or wrapper."""
