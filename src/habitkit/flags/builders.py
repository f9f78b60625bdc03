"""The builder of a flag: it makes flagd's definition of it, with our own settings in it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve, field, frozen

from habitkit.clock import instant
from habitkit.errors import InvalidInput, UsageError
from habitkit.flags.conditions import Condition, attr
from habitkit.flags.domain.bucketing import HIGHEST_TOTAL
from habitkit.flags.domain.document_parts import SETTINGS

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Flag"]

_ON_OFF = {"on": True, "off": False}


def _expect_condition(_: object, __: object, value: Any) -> None:
    if value is not None and not isinstance(value, Condition):
        expected = 'a condition, such as attr("plan") == "pro"'
        raise InvalidInput("condition", given=value, expected=expected)


@frozen
class Flag:
    """The builder of a flag's definition. It never changes: each call returns another builder.

    ``boolean``, ``string``, ``number`` and ``object`` begin one. Rules are tried in the order of
    the ``when`` calls; where none holds ``otherwise`` or the last ``rollout`` says what is served,
    else the schedule, else the default.

    Example:
        >>> from habitkit.flags import Flag, attr
        >>> flag = Flag.boolean(default="off").when(attr("plan") == "pro").serve("on")
        >>> flag.rollout({"on": 10, "off": 90}).definition()["targeting"]["if"][2]
        {'fractional': [['on', 10], ['off', 90]]}
    """

    _variants: Mapping[str, Any]
    _default: str | None
    _state: str = "ENABLED"
    _rules: tuple[Any, ...] = ()
    _pending: Condition | None = field(default=None, validator=_expect_condition)
    _last: Any = None
    _metadata: Mapping[str, str | float] = field(factory=dict)
    _settings: Mapping[str, Any] = field(factory=dict)

    # -- what it serves ---------------------------------------------------------------------------

    @classmethod
    def boolean(cls, *, default: str | None, variants: Mapping[str, bool] = _ON_OFF) -> Self:
        """Begin a flag that is true or false.

        Args:
            default: The variant that is served where nothing else is; None for the caller's
                default.
            variants: The values by the names of the variants.

        Raises:
            InvalidInput: If there is no such variant, or a value of another type.
        """
        return cls._of(variants, default, bool)

    @classmethod
    def string(cls, variants: Mapping[str, str], *, default: str | None) -> Self:
        """Begin a flag whose values are texts; the arguments are those of ``boolean``."""
        return cls._of(variants, default, str)

    @classmethod
    def number(cls, variants: Mapping[str, float], *, default: str | None) -> Self:
        """Begin a flag whose values are numbers; the arguments are those of ``boolean``."""
        return cls._of(variants, default, int | float)

    @classmethod
    def object(cls, variants: Mapping[str, Mapping[str, Any]], *, default: str | None) -> Self:
        """Begin a flag whose values are JSON objects; the arguments are those of ``boolean``."""
        return cls._of(variants, default, Mapping)

    @classmethod
    def _of(cls, variants: Any, default: str | None, kind: Any) -> Self:
        if not isinstance(variants, Mapping) or not variants:
            expected = "values by the names of variants"
            raise InvalidInput("variants", given=variants, expected=expected)
        for name, value in variants.items():
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                expected = f"a value of type {getattr(kind, '__name__', kind)}"
                what = f"variant {name!r}"
                raise InvalidInput(what, given=value, expected=expected)
        made = cls(deepcopy(dict(variants)), default)
        if default is not None:
            made._variant("default", default)
        return made

    def when(self, condition: Condition) -> Self:
        """Begin a rule; ``serve`` or ``rollout`` has to follow and say what is served.

        Args:
            condition: Such as ``(attr("plan") == "pro") & attr("staff")``.

        Raises:
            InvalidInput: If it is no condition.
            UsageError: If another rule is not finished, or ``otherwise`` came before.
        """
        self._expect_finished()
        if self._last is not None:
            raise UsageError("when() comes after otherwise() or the last rollout(); put it before")
        return evolve(self, pending=condition)

    def serve(self, variant: str) -> Self:
        """Finish a rule: serve a variant.

        Raises:
            InvalidInput: If there is no such variant.
            UsageError: If there was no ``when`` before.
        """
        if self._pending is None:
            raise UsageError(
                "serve() without when(): call when(condition) first; otherwise() or the default "
                "says what everybody else is served"
            )
        return self._finish(self._variant("variant", variant))

    def otherwise(self, variant: str) -> Self:
        """Serve a variant where no rule holds.

        Raises:
            InvalidInput: If there is no such variant.
            UsageError: If there was no rule before, if one is not finished, or if there is one.
        """
        self._expect_finished()
        if not self._rules:
            raise UsageError(
                "otherwise() without when(): give the flag this variant as its default"
            )
        return self._finish(self._variant("variant", variant))

    def rollout(self, weights: Mapping[str, int], *, by: str = "targetingKey") -> Self:
        """Finish a rule, or serve where no rule holds: each variant to a share.

        Args:
            weights: A whole number for each variant; shares are in proportion to them.
            by: The attribute by which a share is chosen. Who lacks it is served by the schedule or
                the default.

        Raises:
            InvalidInput: If there is no such variant, or a weight is not what is expected.
            UsageError: If there was an ``otherwise`` before.
        """
        shares = [[name, weight] for name, weight in self._weights(weights).items()]
        if by == "targetingKey":
            return self._finish({"fractional": shares})
        unit = {"cat": [{"var": "$flagd.flagKey"}, {"var": by}]}
        return self._finish({"if": [attr(by).exists().rule, {"fractional": [unit, *shares]}]})

    # -- settings ---------------------------------------------------------------------------------

    def requires(self, flag: str, *variants: str) -> Self:
        """Serve the default unless another flag has one of some variants; may be called again.

        Raises:
            InvalidInput: If there are no variants.
        """
        if not variants:
            raise InvalidInput("variants", given=variants, expected="at least one variant")
        return self._adding("prerequisites", {"flag": flag, "variants": list(variants)})

    def segment(self, *names: str) -> Self:
        """Serve the default unless a shared rule of one of these names holds."""
        return self._adding("segments", *names)

    def schedule(self, steps: Mapping[datetime, str | Mapping[str, int]]) -> Self:
        """Change with time what is served where no rule holds.

        Args:
            steps: By instant the variant that is served from then on, or weights of variants.

        Raises:
            InvalidInput: If an instant has no time zone, or a variant or weight is not as expected.
        """
        served = {instant(at, "steps"): self._step(step) for at, step in steps.items()}
        listed = [{"at": at.isoformat(), **served[at]} for at in sorted(served)]
        return self._setting(schedule={"steps": listed})

    def progressive(
        self, variant: str, *, begin: datetime, end: datetime, first: float = 0, last: float = 100
    ) -> Self:
        """Serve a variant to a share that rises linearly, where no rule holds.

        Args:
            variant: Who is in the share is served this one, the others the default.
            begin: When the share begins to rise.
            end: When it has risen.
            first: The share before ``begin``, in percent.
            last: The share from ``end`` on, in percent.
        """
        rise = {
            "variant": self._variant("variant", variant),
            "begin": instant(begin, "begin").isoformat(),
            "end": instant(end, "end").isoformat(),
            "first": first,
            "last": last,
        }
        return self._setting(schedule={"progressive": rise})

    def sticky(self, version: int = 1) -> Self:
        """Keep whom a percentage gave a variant at it; another version assigns all of them anew."""
        return self._setting(sticky={"version": version})

    def experiment(self, name: str) -> Self:
        """Make the flag a part of an experiment: its evaluations are exposures."""
        return self._setting(experiment=name)

    def holdout(self, name: str) -> Self:
        """Name those who are kept out of experiments."""
        return self._setting(holdout=name)

    def owned_by(self, owner: str) -> Self:
        """Say whom to ask about the flag."""
        return self._setting(owner=owner)

    def expires(self, at: datetime) -> Self:
        """Say from when on the flag should be gone; it is evaluated as before then."""
        return self._setting(expires=instant(at, "at").isoformat())

    def tagged(self, *tags: str) -> Self:
        """Add tags, to find the flag by."""
        return self._adding("tags", *tags)

    def metadata(self, **values: str | float) -> Self:
        """Add metadata, which every result of the flag has."""
        return evolve(self, metadata={**self._metadata, **values})

    def disabled(self) -> Self:
        """Disable the flag: everybody is served the caller's default."""
        return evolve(self, state="DISABLED")

    # -- the definition ---------------------------------------------------------------------------

    def definition(self) -> dict[str, Any]:
        """Return flagd's object of the flag, with our own settings as its member ``$habitkit``.

        Raises:
            UsageError: If a rule is not finished, or a schedule could never be reached.
        """
        self._expect_finished()
        if self._last is not None and "schedule" in self._settings:
            raise UsageError(
                "a schedule says what is served where no rule holds, and so does otherwise() or "
                "the last rollout(); use one of them"
            )
        rest = [] if self._last is None else [self._last]
        targeting = {"if": [*self._rules, *rest]} if self._rules else self._last
        parts = {
            "targeting": targeting,
            "metadata": dict(self._metadata),
            SETTINGS: dict(self._settings),
        }
        return {
            "state": self._state,
            "variants": deepcopy(dict(self._variants)),
            "defaultVariant": self._default,
            **{name: value for name, value in parts.items() if value},
        }

    def _finish(self, served: Any) -> Self:
        if self._pending is not None:
            return evolve(self, rules=(*self._rules, self._pending.rule, served), pending=None)
        if self._last is not None:
            raise UsageError(
                "there is an otherwise() or a last rollout() already; keep one of them"
            )
        return evolve(self, last=served)

    def _expect_finished(self) -> None:
        if self._pending is not None:
            raise UsageError("a when() is not finished: call serve() or rollout() after it")

    def _variant(self, what: str, name: Any) -> str:
        if isinstance(name, str) and name in self._variants:
            return name
        raise InvalidInput(what, given=name, expected=f"one of {', '.join(self._variants)}")

    def _weights(self, weights: Any) -> dict[str, int]:
        if not isinstance(weights, Mapping):
            raise InvalidInput("weights", given=weights, expected="whole numbers by variant")
        for name, weight in weights.items():
            self._variant("weights", name)
            if type(weight) is not int or weight < 0:
                what = f"weight of {name!r}"
                raise InvalidInput(what, given=weight, expected="an int from 0 on")
        if not 0 < sum(weights.values()) <= HIGHEST_TOTAL:
            raise InvalidInput("weights", given=weights, expected="a sum from 1 to 2**31-1")
        return dict(weights)

    def _step(self, served: str | Mapping[str, int]) -> dict[str, Any]:
        if isinstance(served, Mapping):
            return {"split": self._weights(served)}
        return {"serve": self._variant("steps", served)}

    def _setting(self, **values: Any) -> Self:
        return evolve(self, settings={**self._settings, **values})

    def _adding(self, name: str, *values: Any) -> Self:
        return self._setting(**{name: [*self._settings.get(name, ()), *values]})
