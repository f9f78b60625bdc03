"""The flags of a kit: evaluated in the process, kept in the store or in another source."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from attrs import evolve

from habitkit import _logging
from habitkit.clock import ticks
from habitkit.flags.evaluator import Evaluator
from habitkit.flags.queries import export
from habitkit.flags.refreshing import refresh_from
from habitkit.flags.settings import FlagSettings
from habitkit.flags.sources import Fetched
from habitkit.flags.store import FLAGS
from habitkit.flags.units import NewAssignments, Unit, expect_targeting_key, is_storable
from habitkit.flags.wake_up import WAKE_UP_SECONDS, Announcements
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call, Outside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.flags.domain.evaluation import Exposed
    from habitkit.flags.domain.model import StickyAssignment
    from habitkit.flags.exposures import ExposureSink
    from habitkit.flags.status import FlagStatus
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["KitFlags"]

_log = _logging.logger("flags")
_EXPERIMENTS = "experiments"
_NS = 1_000_000_000
_NS_PER_HOUR = 3_600 * _NS
_RETRY_NS = 2 * _NS


class KitFlags(Evaluator):
    """The flags of one kit.

    Args:
        settings: The kit's settings.
    """

    def __init__(self, settings: KitSettings) -> None:
        """Begin without definitions."""
        self._settings = settings
        own = settings.of(FlagSettings)
        name = "the kit's store" if own.source is None else own.source.name
        super().__init__(
            name,
            clock=settings.clock,
            max_age_seconds=own.max_age_seconds,
            clock_ns=getattr(settings.clock, "ticks", ticks),  # a clock of tests has its own
        )
        self.refresh_seconds = own.poll_seconds
        self._wake_up: Announcements | None = None
        if own.wake_up is not None:
            self._wake_up = Announcements(own.wake_up, self._ticks)
            self.refresh_seconds = min(own.poll_seconds, WAKE_UP_SECONDS)
        # Half a step early rather than half a step late.
        self._poll_ns = int((own.poll_seconds - self.refresh_seconds / 2) * _NS)
        self._look_at = 0
        self._is_behind = False
        self._from = own.source
        self._stores_flags = FLAGS.name in settings.supported
        self._new = NewAssignments()
        self._use_stored_at: int | None = None
        self._store_error: str | None = None

    def refresh_if_due(self, settings: KitSettings) -> Steps[None]:
        """Refresh if the interval has passed, or if a change was announced."""
        if self._wake_up is None:
            yield from self.refresh(settings)
            return
        announced = yield from self._wake_up.poll()
        now = self._ticks()
        if announced:
            self._is_behind = True
        elif now < self._look_at:
            return
        try:
            yield from self.refresh(settings)
        except Exception:
            if self._is_behind:
                self._look_at = min(self._look_at, now + _RETRY_NS)
            raise
        self._is_behind = False

    def refresh(self, settings: KitSettings) -> Steps[None]:  # noqa: ARG002 - as for all residents
        """Look for new definitions, and then store what is to be stored.

        That something cannot be stored is logged, and ``status()`` says why; nobody is kept from
        new definitions by it.
        """
        self._look_at = self._ticks() + self._poll_ns
        try:
            yield from self._read()
        except Exception:
            yield from self._store()
            raise
        yield from self._store()

    def _read(self) -> Steps[None]:
        source = self._from
        if source is None:
            yield from refresh_from(self, lambda known: Call(_newer, (known,), write=False))
        else:
            yield from refresh_from(self, lambda known: Outside(source.fetch, (known,)))

    def _find_sink(self) -> ExposureSink | None:
        """Return the kit's resident for exposures, if it has one."""
        if not any(it.name == _EXPERIMENTS for it in self._settings.modules):
            return None
        try:
            return cast("ExposureSink | None", self._settings.residents.of(_EXPERIMENTS))
        except Exception:  # noqa: BLE001 - it must keep nobody from new definitions
            _logging.warn(
                _log,
                "flags.exposures_not_kept",
                "exposures to experiments cannot be kept",
                exc_info=True,
            )
            return None

    def announce(self) -> Steps[None]:
        """Tell the other processes that flags have changed."""
        if self._wake_up is not None:
            yield from self._wake_up.announce()

    def after_fork(self) -> None:
        """Leave the connection of the wake-up to the parent."""
        super().after_fork()
        self._new.after_fork()
        if self._wake_up is not None:
            self._wake_up.after_fork()

    def for_unit(self, settings: KitSettings, targeting_key: str) -> Steps[Unit]:
        """Read what a unit was assigned and exposed to; return its flags.

        A key that no store can keep, such as a very long one, is not sticky: it goes by the hash.

        Raises:
            InvalidInput: If the key is no string, or empty.
        """
        expect_targeting_key(targeting_key)
        storable, flags = is_storable(targeting_key), self.current()
        exposed: Mapping[str, Exposed] | None = None
        sink = self._sink
        experiments = None if flags is None else flags.experiments
        if sink is not None and storable and experiments is not None and experiments.have_versions:
            exposed = yield Call(sink.exposed, (targeting_key,), write=False)
        if not (self._stores_flags and storable):
            return Unit(self, targeting_key, None, self._new, settings.clock, exposed)
        stored: Sequence[StickyAssignment] = yield Call(_assignments, (targeting_key,), write=False)
        waiting = self._new.of(targeting_key)  # what is stored was first
        return Unit(self, targeting_key, [*waiting, *stored], self._new, settings.clock, exposed)

    def forget(self, targeting_key: str) -> None:
        """Drop what waits to be stored of a unit."""
        self._new.forget(targeting_key)

    def status(self) -> FlagStatus:
        """Return the state: the revision in use, its age, the last errors, what waits."""
        new, error = self._new, self._store_error
        return evolve(super().status(), waiting=len(new), dropped=new.dropped, store_error=error)

    def finish(self, settings: KitSettings) -> Steps[None]:  # noqa: ARG002 - as for all residents
        """Store new assignments before the kit is closed."""
        if self._stores_flags:
            yield from self._store_assignments()

    def _store(self) -> Steps[None]:
        """Store new assignments, and once an hour which flags were used; log if that fails."""
        if not self._stores_flags:
            return
        errors = []
        for steps in (self._store_assignments(), self._store_used()):
            try:
                yield from steps
            except Exception as error:  # noqa: BLE001 - it must keep nobody from new definitions
                errors.append(reason(error))
                _logging.warn(
                    _log,
                    "flags.not_stored",
                    "assignments or uses of flags cannot be stored",
                    exc_info=True,
                )
        self._store_error = errors[0] if errors else None

    def _store_assignments(self) -> Steps[None]:
        new = self._new.take()
        if new:
            yield Call(_assign, (new,))
            self._new.stored(new)

    def _store_used(self) -> Steps[None]:
        last, now = self._use_stored_at, self._ticks()
        if last is not None and now - last < _NS_PER_HOUR:
            return
        self._usage.collect(self.current())
        used = self._usage.take()
        if not used:
            return
        try:
            yield Call(_used, (sorted(used),))
        except Exception:
            self._usage.put_back(used)
            raise
        self._use_stored_at = now


def _newer(tx: Transaction, known: str | None) -> Fetched | None:
    """Return the flags in the store, or None if they are those of the revision ``known``."""
    newest = str(tx.port(FLAGS).newest())
    return None if newest == known else Fetched(export(tx), newest)


def _assignments(tx: Transaction, targeting_key: str) -> list[StickyAssignment]:
    return tx.port(FLAGS).assignments(targeting_key)


def _assign(tx: Transaction, assignments: Sequence[StickyAssignment]) -> None:
    tx.port(FLAGS).assign(assignments)


def _used(tx: Transaction, keys: Sequence[str]) -> None:
    tx.port(FLAGS).used(keys, tx.now)
