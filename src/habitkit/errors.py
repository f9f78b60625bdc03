"""The root of habitkit's errors, and those that belong to no module.

    HabitKitError
    ├── InvalidInput             the caller's value is not acceptable
    │   ├── InvalidOwner
    │   ├── InvalidId
    │   ├── InvalidInstant
    │   ├── InvalidKey
    │   ├── InvalidEvent
    ├── NotFound                 no such thing, or it belongs to another owner
    ├── Refused                  well formed, but forbidden by a rule
    ├── IdempotencyKeyExpired    the key was used too long ago; its result is no longer kept
    ├── IdempotencyConflict      the key was used for a different request
    ├── UsageError               the program uses the kit incorrectly
    │   ├── KitClosed
    │   ├── NestedTransaction
    │   ├── TransactionEnded
    │   ├── NotLocked
    │   ├── ReadOnlyTransaction
    │   ├── ReactionLoop
    │   ├── NotSupportedByStore
    │   └── HostTransactionUnsupported
    ├── ConfigurationError       the kit cannot be set up like this
    │   ├── UnknownScheme
    │   ├── MissingExtra
    │   ├── SchemaMissing
    │   ├── SchemaOutdated
    │   └── SchemaUnversioned
    └── StoreError               the store could not do its work
        ├── StoreBusy
        ├── OutcomeUnknown
        ├── HostTransactionLost
        ├── HostTransactionStale
        └── IntegrityError
            └── Duplicate

A message contains what was given, what was expected and, where it helps, what to do. The values
are attributes of the exception.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ConfigurationError",
    "Duplicate",
    "HabitKitError",
    "HostTransactionLost",
    "HostTransactionStale",
    "HostTransactionUnsupported",
    "IdempotencyConflict",
    "IdempotencyKeyExpired",
    "IntegrityError",
    "InvalidEvent",
    "InvalidId",
    "InvalidInput",
    "InvalidInstant",
    "InvalidKey",
    "InvalidOwner",
    "KitClosed",
    "MissingExtra",
    "NestedTransaction",
    "NotFound",
    "NotLocked",
    "NotSupportedByStore",
    "OutcomeUnknown",
    "ReactionLoop",
    "ReadOnlyTransaction",
    "Refused",
    "SchemaMissing",
    "SchemaOutdated",
    "SchemaUnversioned",
    "StoreBusy",
    "StoreError",
    "TransactionEnded",
    "UnknownScheme",
    "UsageError",
]


class HabitKitError(Exception):
    """The base class of every error that habitkit raises on purpose.

    An error can be pickled and copied with its attributes; what cannot be pickled itself, such as a
    function that was given, becomes its text.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again, without the arguments of its class."""
        fields = {name: _picklable(value) for name, value in self.__dict__.items()}
        return _restored, (type(self), tuple(map(_picklable, self.args))), fields


# -- the caller's value ------------------------------------------------------------------------


class InvalidInput(HabitKitError, ValueError):
    """An argument that is not acceptable.

    Attributes:
        given: The value that was passed.
        expected: A description of the values that are accepted.
    """

    def __init__(self, what: str, *, given: object, expected: str) -> None:
        """Name the argument, the value and what was expected instead."""
        self.given = given
        self.expected = expected
        super().__init__(f"{what}: expected {expected}, got {_shown(given)}")


class InvalidOwner(InvalidInput):
    """An owner that is not a short, non-empty string."""


class InvalidId(InvalidInput):
    """An identifier that is neither a UUID nor the text of one."""


class InvalidInstant(InvalidInput):
    """Not a datetime, one without a time zone, or one out of range, such as in the future."""


class InvalidKey(InvalidInput):
    """An idempotency key that is not a short, non-empty string."""


class InvalidEvent(InvalidInput):
    """A host's event whose type, fields or class cannot be recorded."""


class NotFound(HabitKitError, LookupError):
    """Something does not exist; in a kit of one owner, also whatever belongs to another.

    Attributes:
        kind: What was looked for, for example ``"habit"``.
        given: The identifier that was given.
    """

    def __init__(self, kind: str, given: object, hint: str = "") -> None:
        """Name the kind and the identifier, and where there is one what to do instead."""
        self.kind = kind
        self.given = given
        super().__init__(f"no such {kind}: {_shown(given)}{hint and f'; {hint}'}")


# -- requests that a rule forbids --------------------------------------------------------------


class Refused(HabitKitError):
    """A well-formed request that a rule forbids; nothing was written."""


class IdempotencyKeyExpired(HabitKitError):
    """The result of an idempotency key is no longer kept; the request was not executed again.

    Attributes:
        operation: The operation the key was used for.
        key: The key.
    """

    def __init__(self, operation: str, key: str) -> None:
        """Name the operation and the key."""
        self.operation = operation
        self.key = key
        super().__init__(
            f"idempotency key {key!r} was used for {operation} before, and its result is no longer "
            "kept (it is for 30 days, or until kit.forget); the request was not executed again"
        )


class IdempotencyConflict(HabitKitError):
    """An idempotency key was already used for a different request.

    Attributes:
        operation: The operation the key was used for.
        key: The key.
        differing: Names of the arguments that differ from the first request; of a transfer's
            memo and metadata, whether they are present; their values only if all else is equal.
    """

    def __init__(self, operation: str, key: str, differing: Sequence[str]) -> None:
        """Name the operation, the key and what differs."""
        self.operation = operation
        self.key = key
        self.differing = tuple(differing)
        super().__init__(
            f"idempotency key {key!r} was already used for {operation} with different values of: "
            f"{', '.join(self.differing)}; use a new key for a new request"
        )


# -- incorrect use of the API ------------------------------------------------------------------


class UsageError(HabitKitError, RuntimeError):
    """The program uses the kit incorrectly."""


class KitClosed(UsageError):
    """The kit was closed before the call."""

    def __init__(self, *, asynchronous: bool = False) -> None:
        """Say how to open a new kit of the same kind."""
        call = "await AsyncHabitKit.open(url)" if asynchronous else "HabitKit.open(url)"
        super().__init__(f"this kit is closed; open a new one with {call}")


class NestedTransaction(UsageError):
    """The kit was called from inside one of its own transactions."""

    def __init__(self) -> None:
        """Say what to do instead."""
        super().__init__(
            "a kit was called inside one of its own transactions; pass the transaction to the "
            "action instead, for example habitkit.coins.award(tx, ...)"
        )


class TransactionEnded(UsageError):
    """A transaction, or a port of it, was used after its end."""

    def __init__(self) -> None:
        """Say what to do instead."""
        super().__init__(
            "this transaction has ended; expected it to be used only inside the function that was "
            "given it; call the kit afterwards, or do everything in one kit.run(work)"
        )


class NotLocked(UsageError):
    """An action tried to change an owner's state without holding that owner's lock.

    Attributes:
        owner: The owner whose lock is missing.
    """

    def __init__(self, owner: str) -> None:
        """Name the owner."""
        self.owner = owner
        super().__init__(
            f"the lock of the owner {owner!r} is not held; call tx.lock({owner!r}) first"
        )


class ReadOnlyTransaction(UsageError):
    """A query tried to lock or to emit."""

    def __init__(self, what: str) -> None:
        """Name what was tried."""
        super().__init__(
            f"{what} is not allowed in a query; use kit.run instead of kit.read, or declare the "
            "function with action() instead of query()"
        )


class ReactionLoop(UsageError):
    """Reactions kept triggering each other beyond the limit.

    Attributes:
        chain: The event types, cause first.
    """

    def __init__(self, chain: Sequence[str]) -> None:
        """Name the chain of event types."""
        self.chain = tuple(chain)
        super().__init__(
            f"reactions triggered each other {len(self.chain)} levels deep, so everything was "
            f"rolled back: {' -> '.join(self.chain)}; break the cycle in one of them"
        )


class NotSupportedByStore(UsageError):
    """The store does not support this module.

    Attributes:
        module: The module that was asked for.
        store: The store's name.
    """

    def __init__(self, module: str, store: str) -> None:
        """Name the module and the store."""
        self.module = module
        self.store = store
        super().__init__(
            f"the store {store!r} does not support the module {module!r}; use a store that lists "
            "it in its modules"
        )


class HostTransactionUnsupported(UsageError):
    """This store cannot work inside a transaction of the host, or not inside this one."""

    @classmethod
    def by(cls, store: str) -> HostTransactionUnsupported:
        """Return the error of a store that cannot do it at all."""
        return cls(
            f"the store {store!r} cannot work inside a transaction of the host; call the kit "
            "without on()"
        )


# -- configuration -----------------------------------------------------------------------------


class ConfigurationError(HabitKitError):
    """The kit cannot be set up like this."""


class UnknownScheme(ConfigurationError):
    """No installed backend handles the URL's scheme.

    Attributes:
        scheme: The scheme that was given.
        known: The schemes that are supported.
    """

    def __init__(self, scheme: str, known: Sequence[str], expected: str = "") -> None:
        """Name the scheme and those installed; ``expected`` is what a URL looks like."""
        self.scheme = scheme
        self.known = tuple(known)
        installed = f"no backend for {scheme!r}; installed: {', '.join(known) or 'none'}"
        if scheme == "postgres" and not expected:  # what some hosting services give
            expected = "write postgresql:// instead of postgres://"
        super().__init__(f"{installed}; {expected}" if expected else installed)


class MissingExtra(ConfigurationError):
    """A backend needs a package that is not installed.

    Attributes:
        module: The module that could not be imported.
        extra: The extra of habitkit that installs it.
    """

    def __init__(self, module: str, extra: str) -> None:
        """Name the module and the pip command that installs it."""
        self.module = module
        self.extra = extra
        super().__init__(f"{module} is not installed; run: pip install 'habitkit[{extra}]'")


class SchemaMissing(ConfigurationError):
    """The database has no habitkit tables.

    Attributes:
        command: The command that creates them.
        schema: The database schema they were expected in; None for the connection's own.
    """

    def __init__(self, command: str, schema: str | None = None, *, first: str = "") -> None:
        """Name the schema and the command, and what has to be done ``first``."""
        self.command = command
        self.schema = schema
        super().__init__(
            f"the {_place(schema)} has no habitkit tables; {first}create them with: {command}"
        )


class SchemaOutdated(ConfigurationError):
    """The tables have a version that the installed habitkit does not support.

    Attributes:
        found: The version of the tables.
        needed: The version that the installed habitkit expects.
        command: The command that upgrades them; None if they were created by an unreleased
            version of habitkit and cannot be upgraded.
        schema: The database schema they are in; None for the connection's own.
    """

    def __init__(
        self, *, found: int, needed: int, command: str | None, schema: str | None = None
    ) -> None:
        """Name both versions, the schema, and the command or step that helps."""
        self.found = found
        self.needed = needed
        self.command = command
        self.schema = schema
        if command is None:
            msg = (
                f"the habitkit tables in the {_place(schema)} were created by an unreleased "
                "version of habitkit and cannot be upgraded to the installed version; create a "
                "new database"
            )
        else:
            in_ = "" if schema is None else f", schema={schema!r}"
            help_ = (
                f"upgrade with: {command}, or, with Alembic, in a migration that calls "
                f"migrate(connection, {found + 1}, {needed}{in_})"
                if found < needed
                else "install a newer habitkit"
            )
            msg = (
                f"the habitkit tables in the {_place(schema)} have version {found}, expected "
                f"{needed}; {help_}"
            )
        super().__init__(msg)


class SchemaUnversioned(ConfigurationError):
    """There are habitkit tables without a version, which only ``upgrade`` records.

    Attributes:
        schema: The database schema they are in; None for the connection's own.
        differences: How they differ from the tables of the installed version, where they were
            compared; the first is in the message.
        command: The command that records the version of tables that do not differ; None if these
            do.
    """

    def __init__(
        self, *, schema: str | None, differences: Sequence[str], command: str | None
    ) -> None:
        """Say what is wrong with the tables, and the command or the steps that help."""
        self.schema = schema
        self.differences = tuple(differences)
        self.command = command
        found = f"the {_place(schema)} has habitkit tables without a version"
        if command is not None:
            in_ = "" if schema is None else f", schema={schema!r}"
            help_ = (
                f", as metadata.create_all() makes them; call upgrade(engine{in_}) instead of it, "
                f"and record the version of these tables with upgrade(engine{in_}, adopt=True) or "
                f"with: {command}"
            )
        else:
            of = "" if schema is None else repr(schema)
            help_ = (
                f" that are not those of the installed habitkit: {self.differences[0]}; restore "
                "them from a backup, or, if you need nothing in them, drop them with "
                f"metadata_for({of}).drop_all(engine) and run upgrade again"
            )
        super().__init__(found + help_)


# -- the store ---------------------------------------------------------------------------------


class StoreError(HabitKitError):
    """The store could not do its work; nothing of the action is kept unless said otherwise."""


class StoreBusy(StoreError):
    """Other transactions held a lock for too long, or through every retry; nothing was written.

    Attributes:
        attempts: How often it was tried.
    """

    def __init__(self, attempts: int) -> None:
        """Say how often it was tried."""
        self.attempts = attempts
        tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        super().__init__(
            f"other transactions kept the store busy; gave up after {tries}, and nothing was "
            "written; try again later"
        )


class OutcomeUnknown(StoreError):
    """The connection broke around COMMIT: the action may or may not have happened."""

    def __init__(self, *, keyed: bool = False) -> None:
        """Say what helps.

        Args:
            keyed: Whether the call was given an idempotency key, and repeating it did not help.
        """
        help_ = (
            "call it again with the same idempotency key when the database can be reached"
            if keyed
            else "pass idempotency_key=... to make such a call safe to retry"
        )
        super().__init__(
            "the connection was lost around COMMIT, so the action may or may not have happened; "
            f"{help_}"
        )


class HostTransactionLost(StoreError):
    """The database itself ended the host's transaction; the host must start over."""

    def __init__(self) -> None:
        """Say what the host has to do."""
        super().__init__(
            "the database ended the surrounding transaction, so all of its work is lost; "
            "roll it back and run the whole transaction again"
        )


class HostTransactionStale(StoreError):
    """A host's SQLite transaction cannot write: another writer committed after its first read."""

    def __init__(self) -> None:
        """Say how to begin instead."""
        super().__init__(
            "another writer committed after this SQLite transaction had first read, so it can no "
            "longer write; roll it back, and start it with BEGIN IMMEDIATE"
        )


class IntegrityError(StoreError):
    """A write violates a constraint of the store."""


class Duplicate(IntegrityError):
    """A fact with this identity already exists.

    Attributes:
        kind: What kind of fact.
    """

    def __init__(self, kind: str) -> None:
        """Name the kind of fact."""
        self.kind = kind
        super().__init__(f"this {kind} already exists")


def _restored(kind: type[HabitKitError], args: tuple[object, ...]) -> HabitKitError:
    """Make an error whose attributes follow."""
    error = kind.__new__(kind)
    error.args = args
    return error


def _picklable(value: object) -> object:
    """Return a value, or its text if it cannot be pickled."""
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - whatever it raises about itself
        return _shown(value)
    return value


def _shown(value: object) -> str:
    """Show a value in a message without flooding it."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply to show"
    except ValueError:  # an int of more digits than Python writes out
        text = f"a {type(value).__name__} too long to show"
    except Exception:  # noqa: BLE001 - the host's code may raise anything
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 80 else f"{text[:76]}...{text[-1]}"  # noqa: PLR2004


def _place(schema: str | None) -> str:
    """Return where tables are expected, for a message."""
    return "database" if schema is None else f"schema {schema!r}"
