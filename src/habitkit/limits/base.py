"""What both limiters share: validation, the policy for failures, remembered denials, the hook."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from habitkit import _logging
from habitkit._fork import call_after_fork
from habitkit.clock import ticks as monotonic_ticks
from habitkit.errors import ConfigurationError, InvalidInput, StoreError
from habitkit.limits.denials import Denials
from habitkit.limits.domain.decision import Decision, DecisionMade
from habitkit.limits.domain.key import subject
from habitkit.limits.domain.limit import several
from habitkit.limits.errors import InvalidLimit
from habitkit.limits.withheld import WithheldCharges

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from habitkit.limits.denials import Asked
    from habitkit.limits.domain.decision import Charge
    from habitkit.limits.domain.limit import Limit
    from habitkit.limits.port import AsyncLimitsBackend, LimitsBackend

    Policy: TypeAlias = Literal["raise", "open", "closed", "local"]

__all__ = ["BaseLimiter", "Call", "expect_mode", "log_lost_refund"]

_log = _logging.logger("limits")
_NS = 1_000_000_000
_MEMBERS = (
    *("name", "remote", "supports_exact", "after_fork"),
    *("acquire", "peek", "refund", "reset", "close"),
)
_POLICIES = ("raise", "open", "closed", "local")
_RETRY_WHEN_CLOSED_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 86_400


class Call(NamedTuple):
    """One call of a limiter, validated.

    Attributes:
        verb: The method's name.
        key: The key as it was given.
        subject: The key as backends know it.
        limits: The limits.
        cost: How many are asked for.
        max_wait_ns: How long the caller would wait.
        shadow: Whether a denial only says what it would have been.
    """

    verb: str
    key: str | tuple[str, ...]
    subject: str
    limits: tuple[Limit, ...]
    cost: int
    max_wait_ns: int = 0
    shadow: bool = False

    @property
    def too_much(self) -> bool:
        """Whether the cost is above a burst, so that no waiting helps."""
        return any(self.cost > limit.burst for limit in self.limits)


class BaseLimiter:
    """The state of a limiter, and all of its rules that neither wait nor call a backend."""

    def __init__(
        self,
        backend: LimitsBackend | AsyncLimitsBackend,
        on_error: Policy,
        observe: Callable[[DecisionMade], object] | None,
        *,
        cache_denials: bool,
        ticks: Callable[[], int] | None,
    ) -> None:
        """Keep the backend and how to decide without it."""
        _expect(backend, observe=observe, ticks=ticks)
        if on_error not in _POLICIES:
            expected = f"one of {', '.join(map(repr, _POLICIES))}"
            raise InvalidInput("on_error", given=on_error, expected=expected)
        self._on_error: Policy = on_error
        self._watching = () if observe is None else (observe,)
        self._ticks = monotonic_ticks if ticks is None else ticks
        self._supports_exact = backend.supports_exact
        self._denials = Denials(self._ticks) if backend.remote and cache_denials else None
        self._withheld = WithheldCharges(self._ticks)
        self._name = backend.name
        self._backend_after_fork = backend.after_fork
        self._local: LimitsBackend | None = None
        self._lock = threading.Lock()
        # Then a call is one of the backend and nothing else.
        self._is_plain = on_error == "raise" and observe is None and not backend.remote
        call_after_fork(self)

    def watch(self, observe: Callable[[DecisionMade], object]) -> None:
        """Call one more function after each decision, beside the host's ``observe``.

        Args:
            observe: Is called with a ``DecisionMade``; the same function twice is called once.
        """
        if observe not in self._watching:
            self._watching = (*self._watching, observe)
            self._is_plain = False

    def after_fork(self) -> None:
        """Make the limiter usable in a forked process; it is called there by itself."""
        self._lock = threading.Lock()
        self._backend_after_fork()
        self._withheld.after_fork()
        if self._local is not None:
            self._local.after_fork()
        if self._denials is not None:
            self._denials.after_fork()

    def _call(
        self,
        verb: str,
        key: Any,
        limits: Any,
        cost: Any,
        timeout_seconds: Any = 0,
        *,
        shadow: bool = False,
    ) -> Call:
        """Validate the arguments of a call.

        Raises:
            InvalidInput: If one is not acceptable.
            InvalidLimit: If it is a limit.
        """
        if type(cost) is not int or cost < 1:
            raise InvalidInput("cost", given=cost, expected="an int of at least 1")
        if type(shadow) is not bool:
            raise InvalidInput("shadow", given=shadow, expected="True or False")
        parsed = several(limits)
        if not self._supports_exact:
            self._refuse_exact(parsed)
        wait_ns = 0 if timeout_seconds == 0 else _wait_ns(timeout_seconds)
        return Call(verb, key, subject(key), parsed, cost, wait_ns, shadow)

    def _refuse_exact(self, limits: tuple[Limit, ...]) -> None:
        for limit in limits:
            if limit.exact:
                expected = f"no exact limit, as {self._name} does not support them"
                raise InvalidLimit("limits", given=str(limit), expected=expected)

    def _known_denial(self, call: Call) -> Decision | None:
        """Return a denial that holds for a call too, or None."""
        if self._denials is None or call.verb == "lease":
            return None
        return self._denials.find(call.subject, call.limits, call.cost, call.max_wait_ns)

    def _asked(self) -> Asked | None:
        """Return what is to be known of the moment before the backend is asked."""
        return None if self._denials is None else self._denials.asked()

    def _decided(self, call: Call, decision: Decision, asked: Asked | None) -> Decision:
        """Note what the backend has decided."""
        if (
            self._denials is not None
            and asked is not None
            and not decision.allowed
            and call.verb != "lease"
        ):
            self._denials.add(call.subject, call.limits, call.cost, asked, decision)
        return self._made(call, decision)

    def _failed(self, call: Call, error: StoreError) -> Decision:
        """Decide without the backend.

        Raises:
            StoreError: The error, if that is the policy.
        """
        policy = self._on_error
        if policy == "raise":
            raise error
        if policy == "local":
            decision = self._decide_locally(call)
        else:
            allowed = policy == "open"
            retry = 0.0 if allowed else _RETRY_WHEN_CLOSED_SECONDS
            limit, limits = call.limits[0], call.limits
            decision = Decision(allowed, limit, limits, 0, retry, 0.0, 0.0, allowed, policy)
        return self._made(call, decision, "fallback", error)

    def _decide_locally(self, call: Call) -> Decision:
        """Decide by limits in this process's memory."""
        with self._lock:
            if self._local is None:
                from habitkit.plugins import memory_limits  # noqa: PLC0415 - only where it is used

                self._local = memory_limits()
            local = self._local
        if call.too_much:
            decision = local.peek(call.subject, call.limits, call.cost)
        else:
            decision = local.acquire(call.subject, call.limits, call.cost, call.max_wait_ns)
        # A refund is for the backend; only a place that was leased here is released here.
        marks = decision.marks if call.verb == "lease" else ()
        return decision._replace(fallback="local", marks=marks)

    def _made(
        self,
        call: Call,
        decision: Decision,
        source: Literal["backend", "cache", "fallback"] = "backend",
        error: StoreError | None = None,
    ) -> Decision:
        """Return the decision of a call, and report it to the host's hook."""
        if call.shadow and not decision.allowed:
            decision = decision._replace(allowed=True)
        for observe in self._watching:
            made = DecisionMade(call.verb, call.key, call.cost, decision, source, error)
            try:
                observe(made)
            except Exception:  # noqa: BLE001 - a broken hook must not stop requests
                _logging.warn(
                    _log,
                    "limits.hook_failed",
                    "the observe hook of a limiter failed",
                    exc_info=True,
                )
        return decision

    def _take_charge(self, decision: object) -> Charge | None:
        """Return what the backend is to give back for a decision: once, and then None."""
        if not isinstance(decision, Decision):
            expected = "a decision that acquire or wait returned"
            raise InvalidInput("decision", given=decision, expected=expected)
        with self._lock:
            taken = decision.charge
            if isinstance(decision.marks, list):
                decision.marks.clear()
        if taken is None:
            return None
        if decision.fallback is not None and self._local is not None:
            self._local.refund(taken)
            return None
        return taken

    def _forget_denials(self, subject: str) -> None:
        if self._denials is not None:
            self._denials.forget(subject)

    def _refund_failed(self, error: StoreError) -> None:
        """Follow the policy for a refund that did not get through.

        Raises:
            StoreError: The error, if that is the policy.
        """
        if self._on_error == "raise":
            raise error
        log_lost_refund(error)


def expect_mode(backend: object, *, asynchronous: bool) -> None:
    """Refuse a backend of the other mode.

    Raises:
        ConfigurationError: If it is one.
    """
    awaited = inspect.iscoroutinefunction(getattr(backend, "acquire", None))
    if awaited and not asynchronous:
        msg = f"backend: expected a sync backend, got {backend!r}; give it to AsyncLimiter"
        raise ConfigurationError(msg)
    if asynchronous and not awaited and getattr(backend, "remote", False):
        msg = (
            f"backend: expected an async backend, got {backend!r}, whose calls would block the "
            "event loop; use the async one, such as AsyncRedisLimits"
        )
        raise ConfigurationError(msg)


def _expect(backend: object, *, observe: object, ticks: object) -> None:
    """Refuse what is no backend, no hook or no clock.

    Raises:
        ConfigurationError: If one of them is not; it is named.
    """
    missing = [it for it in _MEMBERS if not hasattr(backend, it)]
    if isinstance(backend, type) or missing:
        given = f"a {type(backend).__name__} without {', '.join(missing)}" if missing else "a class"
        hint = "; for a URL, use Limiter.open(url)" if isinstance(backend, str) else ""
        msg = (
            "backend: expected a backend such as MemoryLimits() or RedisLimits(client), "
            f"got {given}{hint}"
        )
        raise ConfigurationError(msg)
    if observe is not None and (not callable(observe) or inspect.iscoroutinefunction(observe)):
        msg = f"observe: expected a plain function of a DecisionMade, got {observe!r}"
        raise ConfigurationError(msg)
    if ticks is not None and not callable(ticks):
        msg = f"ticks: expected a function that returns nanoseconds, got {ticks!r}"
        raise ConfigurationError(msg)


def log_lost_refund(error: StoreError) -> None:
    """Log what cannot be raised, or shall not."""
    _logging.warn(_log, "limits.refund_lost", "a refund of a rate limit was lost", error=str(error))


def _wait_ns(seconds: object) -> int:
    """Return a timeout in nanoseconds."""
    if isinstance(seconds, int | float) and 0 <= seconds <= _LONGEST_WAIT_SECONDS:
        return int(seconds * _NS)
    expected = f"a number of seconds from 0 to {_LONGEST_WAIT_SECONDS}"
    raise InvalidInput("timeout_seconds", given=seconds, expected=expected)
