"""Cache backends whose subscriptions are broken in one place each.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import time

from tests.cache.breaking import breaker
from tests.cache.plain_cache import Mailbox, PlainCache, PublishingCache

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- subscriptions -------------------------------------------------------------------------------


@noticed_by("test_names_that_are_set_or_deleted_arrive", "test_a_name_is_returned_once")
class PublishesNoSetValues(PublishingCache):
    def set_many(self, items):
        PlainCache.set_many(self, items)


@noticed_by("test_names_that_are_set_or_deleted_arrive")
class PublishesNoDeletedValues(PublishingCache):
    def delete_many(self, names):
        PlainCache.delete_many(self, names)


@noticed_by("test_names_that_are_set_or_deleted_arrive")
class PublishesValuesOnly(PublishingCache):
    def publish(self, names):
        super().publish([name for name in names if name.startswith("v")])


@noticed_by("test_names_arrive_as_they_are")
class PublishesLines(PublishingCache):
    def publish(self, names):
        super().publish("\n".join(names).split("\n"))


@noticed_by("test_many_names_arrive")
class KeepsAFewNames(PublishingCache):
    def publish(self, names):
        super().publish(names)
        for box in self.boxes:
            box.names = box.names[-512:]


@noticed_by("test_leases_additions_and_counters_are_not_published")
class PublishesAdditions(PublishingCache):
    def add(self, item):
        self.publish([item.name])
        return super().add(item)


@noticed_by(
    "test_leases_additions_and_counters_are_not_published",
    "test_leases_of_the_other_backend_are_not_published",
)
class PublishesWhatWasLoaded(PublishingCache):
    def end_lease(self, name, token, item=None):
        self.publish([item.name] if item else [])
        return super().end_lease(name, token, item)


@noticed_by("test_names_from_before_the_subscription_do_not_arrive")
class ReplaysNames(PublishingCache):
    def __init__(self, ticks):
        super().__init__(ticks)
        self.names = []

    def publish(self, names):
        self.names += names
        super().publish(names)

    def subscribe(self):
        box = super().subscribe()
        box.names = [*self.names]
        return box


@noticed_by("test_a_name_published_right_after_subscribing_arrives")
class SubscribesAtTheFirstPoll(PublishingCache):
    class mailbox(Mailbox):  # noqa: N801 - a class attribute of the base
        def __init__(self, boxes):
            super().__init__([])
            self.boxes = boxes

        def poll(self):
            if self not in self.boxes:
                self.boxes.append(self)
            return super().poll()


@noticed_by("test_a_name_is_returned_once")
class ReturnsNamesAgain(PublishingCache):
    class mailbox(Mailbox):  # noqa: N801 - a class attribute of the base
        def poll(self):
            return [*self.names]


@noticed_by("test_a_poll_never_waits")
class WaitsForNames(PublishingCache):
    class mailbox(Mailbox):  # noqa: N801 - a class attribute of the base
        def poll(self):
            time.sleep(0 if self.names else 0.01)
            return super().poll()


@noticed_by("test_a_poll_never_waits")
class TakesSilenceForALoss(PublishingCache):
    class mailbox(Mailbox):  # noqa: N801 - a class attribute of the base
        def poll(self):
            return super().poll() or None


@noticed_by("test_each_subscription_gets_all_names")
class GivesANameToOneSubscription(PublishingCache):
    def publish(self, names):
        for box in self.boxes[:1]:
            box.names = [*box.names, *names]


@noticed_by("test_a_subscription_may_be_closed_twice_and_the_others_go_on")
class ClosesAllSubscriptions(PublishingCache):
    class mailbox(Mailbox):  # noqa: N801 - a class attribute of the base
        def close(self):
            self.boxes.clear()


@noticed_by("test_a_subscription_may_be_closed_twice_and_the_others_go_on")
class ClosesSubscriptionsOnce(PublishingCache):
    class mailbox(Mailbox):  # noqa: N801 - a class attribute of the base
        def close(self):
            self.boxes.remove(self)


@noticed_by(
    "test_names_that_the_other_backend_sets_or_deletes_arrive",
    "test_a_change_in_one_cache_is_seen_by_the_other_one",
)
class PublishesInItsOwnProcess(PublishingCache):
    def share(self, other):
        return PlainCache.share(self, other)
