"""The definition of a quest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from uuid import UUID

from attrs import Factory, evolve, field, frozen
from attrs.validators import optional

from habitkit._text import storable
from habitkit.errors import InvalidInput
from habitkit.quests.domain import evaluation
from habitkit.quests.domain.composites import ObjectiveTree, expect_objective
from habitkit.quests.domain.rewards import Reward
from habitkit.quests.domain.streak_objective import ReachStreak
from habitkit.quests.domain.windows import Window

if TYPE_CHECKING:
    from typing import Self

__all__ = ["CREDITS", "Quest", "QuestVersion", "Revoke", "Tier", "is_quest_key"]

CREDITS = frozenset({"full", "history", "automatic"})
"""The credits that events have."""

Revoke: TypeAlias = Literal["until_sealed", "until_claimed", "never"]

_LONGEST_KEY = 100
_LONGEST_TITLE = 200
_REPEATS = (None, "daily", "weekly", "monthly")
_REVOKES = ("until_sealed", "until_claimed", "never")
_MOST = 50


def _one_of(*values: object) -> Any:
    def check(_: object, attribute: Any, value: Any) -> None:
        if value not in values:
            expected = "one of " + ", ".join(repr(it) for it in values)
            raise InvalidInput(attribute.name, given=value, expected=expected)

    return check


def _expect_bool(_: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidInput(attribute.name, given=value, expected="True or False")


def is_quest_key(value: object) -> bool:
    """Return whether a value can be the key of a quest."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_KEY
        and value.isprintable()
        and ":" not in value
    )


def _expect_key(_: object, attribute: Any, value: Any) -> None:
    if not is_quest_key(value):
        expected = f"1 to {_LONGEST_KEY} printable characters without a colon"
        raise InvalidInput(attribute.name, given=value, expected=expected)


def _expect_title(_: object, attribute: Any, value: Any) -> None:
    if not (isinstance(value, str) and 0 < len(value) <= _LONGEST_TITLE and storable(value)):
        expected = f"a text of 1 to {_LONGEST_TITLE} characters"
        raise InvalidInput(attribute.name, given=value, expected=expected)


def _expect_keys(_: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, tuple) or len(value) > _MOST or not all(map(is_quest_key, value)):
        expected = f"a tuple of at most {_MOST} keys of quests, such as ('first-week',)"
        raise InvalidInput(attribute.name, given=value, expected=expected)


def _expect_credits(_: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, tuple) or not value or not set(value) <= CREDITS:
        expected = "a tuple of 'full', 'history' and 'automatic'"
        raise InvalidInput(attribute.name, given=value, expected=expected)


def _expect_kind(kind: type, example: str) -> Any:
    def check(_: object, attribute: Any, value: Any) -> None:
        if not isinstance(value, kind):
            raise InvalidInput(attribute.name, given=value, expected=example)

    return check


def _is_objective(_: object, __: object, value: Any) -> None:
    expect_objective(value)


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    return cast("tuple[str, ...]", value) if isinstance(value, str) else tuple(value)


def _tiers(value: Iterable[Tier]) -> tuple[Tier, ...]:
    return tuple(value)


def _as_uuid(value: UUID | str | None) -> UUID | None:
    if value is None or isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        expected = "the id of a habit, or None"
        raise InvalidInput("habit", given=value, expected=expected) from None


def _default_revoke(quest: Quest) -> Revoke:
    return "until_sealed" if quest.claim == "auto" else "until_claimed"


def _expect_goal(_: object, attribute: Any, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise InvalidInput(attribute.name, given=value, expected="an int above 0")


@frozen
class Tier:
    """A part of a quest with a reward of its own.

    Attributes:
        goal: How much of the objective completes it: an int above 0.
        reward: What it gives.
    """

    goal: int = field(validator=_expect_goal)
    reward: Reward = field(validator=_expect_kind(Reward, "a Reward, such as Reward(coins=20)"))


@frozen
class Quest:
    """Something to be reached, and what it gives.

    Attributes:
        key: Its name, 1 to 100 characters without a colon; define it again to change it.
        title: What people read.
        objective: What has to be done, such as ``Count(HabitCompleted, 5)``.
        reward: What it gives.
        window: When it can be done; at any time by default.
        requires: The keys of quests that have to be completed before.
        claim: ``"auto"`` if the reward is given when it is complete, ``"manual"`` if the owner has
            to claim it.
        repeat: ``"daily"``, ``"weekly"`` (from Monday) or ``"monthly"`` for a quest that begins
            anew in each period, by the owner's days.
        tiers: Smaller goals of the same objective with rewards of their own.
        revoke: Until when it is taken back, with its reward, if what completed it is undone:
            ``"until_sealed"``, ``"until_claimed"`` or ``"never"``. By default ``until_sealed`` for
            ``claim="auto"`` and ``until_claimed`` for manual ones; with ``auto``,
            ``until_claimed`` means never. What is undone after its day was sealed stays counted.
        start: ``"manual"`` if owners start it, ``"auto"`` if it counts for everybody from its
            definition on.
        backdate: Whether it counts what was done before it was started or defined, too.
        credits: Which credits of events count. By default ``full`` alone, so that an import
            completes nothing; ``("full", "history")`` counts imported days as well.
        habit: The habit that gets freezes, if the reward has some.

    Example:
        >>> from habitkit.habits import HabitCompleted
        >>> from habitkit.quests import Count, Quest, Reward
        >>> Quest("five", "Five days", Count(HabitCompleted, 5), reward=Reward(coins=100)).revoke
        'until_sealed'
    """

    key: str = field(validator=_expect_key)
    title: str = field(validator=_expect_title)
    objective: ObjectiveTree = field(validator=_is_objective)
    reward: Reward = field(
        factory=Reward,
        kw_only=True,
        validator=_expect_kind(Reward, "a Reward, such as Reward(coins=100)"),
    )
    window: Window | None = field(
        default=None,
        kw_only=True,
        validator=optional(_expect_kind(Window, "a Window, such as Window.from_start(7)")),
    )
    requires: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_expect_keys
    )
    claim: Literal["auto", "manual"] = field(
        default="auto", kw_only=True, validator=_one_of("auto", "manual")
    )
    repeat: Literal["daily", "weekly", "monthly"] | None = field(
        default=None, kw_only=True, validator=_one_of(*_REPEATS)
    )
    tiers: tuple[Tier, ...] = field(default=(), kw_only=True, converter=_tiers)
    revoke: Revoke = field(
        default=Factory(_default_revoke, takes_self=True),
        kw_only=True,
        validator=_one_of(*_REVOKES),
    )
    start: Literal["manual", "auto"] = field(
        default="manual", kw_only=True, validator=_one_of("manual", "auto")
    )
    backdate: bool = field(default=False, kw_only=True, validator=_expect_bool)
    credits: tuple[str, ...] = field(
        default=("full",), kw_only=True, converter=_texts, validator=_expect_credits
    )
    habit: UUID | None = field(default=None, kw_only=True, converter=_as_uuid)

    def __attrs_post_init__(self) -> None:
        """Refuse parts that do not go together.

        Raises:
            InvalidInput: If the reward has freezes and no habit is named, the quest requires
                itself, or its tiers do not fit its objective.
        """
        if self.key in self.requires:
            raise InvalidInput("requires", given=self.requires, expected="other quests")
        rewards = [self.reward, *(tier.reward for tier in self.tiers)]
        if self.habit is None and any(reward.freezes for reward in rewards):
            expected = "the id of the habit that gets the freezes of the reward"
            raise InvalidInput("habit", given=None, expected=expected)
        self._check_tiers()

    def _check_tiers(self) -> None:
        if not self.tiers:
            return
        goals = [tier.goal for tier in self.tiers]
        if not getattr(self.objective, "additive", False) or not hasattr(self.objective, "n"):
            expected = "an objective that is a Count or a Sum, for a quest with tiers"
            raise InvalidInput("objective", given=self.objective, expected=expected)
        if goals != sorted(set(goals)) or goals[-1] >= self.objective.goal or len(goals) > _MOST:
            expected = f"ascending goals below {self.objective.goal}, at most {_MOST}"
            raise InvalidInput("tiers", given=goals, expected=expected)

    @classmethod
    def achievement(cls, key: str, title: str, objective: ObjectiveTree, **options: Any) -> Self:
        """Make an achievement: a quest without a window that counts for everybody, for good.

        Args:
            key: As for a quest.
            title: As for a quest.
            objective: As for a quest.
            options: Other attributes of a quest. Unless they say otherwise it starts by itself and
                is never taken back.
        """
        return cls(key, title, objective, **{"start": "auto", "revoke": "never", **options})

    @property
    def is_achievement(self) -> bool:
        """Whether it counts for everybody, once, and has no end."""
        return self.start == "auto" and self.window is None and self.repeat is None

    @property
    def reads_streaks(self) -> bool:
        """Whether a leaf of the objective reads streaks, which time alone may lengthen."""
        return any(isinstance(it, ReachStreak) for it in evaluation.leaves(self.objective))

    def is_revocable(self, *, claimed: bool) -> bool:
        """Return whether its completion is taken back if it is no longer complete.

        Args:
            claimed: Whether its reward was claimed.
        """
        if self.revoke == "until_claimed":
            return self.claim == "manual" and not claimed
        return self.revoke == "until_sealed"

    def objective_of(self, tier: int) -> ObjectiveTree:
        """Return the objective of a tier, from 1, or the whole one for 0."""
        if not tier:
            return self.objective
        objective: Any = self.objective
        smaller: ObjectiveTree = evolve(objective, n=self.tiers[tier - 1].goal)
        return smaller

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "title": self.title,
            "objective": evaluation.to_dict(self.objective),
            "reward": self.reward.to_dict(),
            "window": None if self.window is None else self.window.to_dict(),
            "requires": list(self.requires),
            "claim": self.claim,
            "repeat": self.repeat,
            "tiers": [{"goal": it.goal, "reward": it.reward.to_dict()} for it in self.tiers],
            "revoke": self.revoke,
            "start": self.start,
            "backdate": self.backdate,
            "credits": list(self.credits),
            "habit": None if self.habit is None else str(self.habit),
        }

    @classmethod
    def from_dict(cls, key: str, content: Mapping[str, Any], kinds: Mapping[str, type]) -> Self:
        """Make it of such an object.

        Args:
            key: Its key.
            content: What ``to_dict`` returned.
            kinds: The classes of objectives by their kind.
        """
        values = dict(content)
        values["objective"] = evaluation.from_dict(values["objective"], kinds)
        values["reward"] = Reward.from_dict(values["reward"])
        if values["window"] is not None:
            values["window"] = Window.from_dict(values["window"])
        values["tiers"] = tuple(
            Tier(it["goal"], Reward.from_dict(it["reward"])) for it in values["tiers"]
        )
        return cls(key, values.pop("title"), values.pop("objective"), **values)


@frozen
class QuestVersion:
    """One version of a quest.

    Attributes:
        revision: The number of the change that defined it.
        quest: What it is.
        since: When it was defined, in UTC; one that starts by itself counts from then on.
    """

    revision: int
    quest: Quest
    since: datetime
