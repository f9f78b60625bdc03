"""Cache backends that are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import unquote

from tests.cache.breaking import breaker
from tests.cache.plain_cache import PlainCache

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- values --------------------------------------------------------------------------------------


def comes_back(value):
    return f"test_a_value_comes_back_byte_for_byte[{value}-set_many]"


def changes(value):
    """Break a backend that changes what it stores; it has to show at a value of the contract."""

    def check(change):
        class Changing(PlainCache):
            def write(self, name, value, ttl_ms):
                super().write(name, change(value), ttl_ms)

        Changing.__name__ = change.__name__
        return noticed_by(comes_back(value))(Changing)

    return check


@changes("blanks around")
def strips(value):
    return value.strip(b" \t\r\n")


@changes("NULs around")
def ends_at_nul(value):
    return value.partition(b"\0")[0]


@changes("a megabyte")
def truncates_to_a_column(value):
    return value[:65_535]


@changes("no UTF-8")
def decodes(value):
    return value.decode(errors="replace").encode()


@changes("digits")
def turns_digits_into_numbers(value):
    return int(value) if value.isdigit() else value


@changes("empty")
def keeps_what_it_was_given(value):
    return bytearray(value)


@noticed_by(comes_back("empty"), "test_what_was_loaded_under_a_lease_is_stored_if_it_is_held")
class ReadsNothingIfItIsEmpty(PlainCache):
    def read(self, name):
        return super().read(name) or None


@noticed_by("test_a_name_that_was_never_set_has_no_value")
class ReadsWhatIsMissingAsEmpty(PlainCache):
    def get_many(self, names):
        return [it or b"" for it in super().get_many(names)]


@noticed_by("test_a_value_that_is_set_again_replaces_the_old_one")
class KeepsTheFirstValue(PlainCache):
    def set_many(self, items):
        for item in items:
            self.add(item)


@noticed_by("test_a_deleted_value_is_gone_and_the_others_stay")
class DeletesAll(PlainCache):
    def drop(self, name):
        self.values.clear()


@noticed_by("test_deleting_what_is_not_there_changes_nothing")
class StopsDeletingAtWhatIsMissing(PlainCache):
    def delete_many(self, names):
        for name in names:
            if self.read(name) is None:
                return
            self.drop(name)


@noticed_by("test_a_deleted_value_can_be_set_again")
class BuriesWhatItDeletes(PlainCache):
    def drop(self, name):
        self.values[name] = None, 1 << 99

    def write(self, name, value, ttl_ms):
        if self.values.get(name) != (None, 1 << 99):
            super().write(name, value, ttl_ms)


@noticed_by("test_many_values_are_read_in_the_order_of_their_names")
class ReadsInOrderOfNames(PlainCache):
    def get_many(self, names):
        return super().get_many(sorted(names))


@noticed_by("test_many_values_are_read_in_the_order_of_their_names")
class ReadsWhatIsThere(PlainCache):
    def get_many(self, names):
        found = [it for it in super().get_many(names) if it is not None]
        return found + [None] * (len(names) - len(found))


@noticed_by("test_many_values_are_read_in_the_order_of_their_names")
class ReadsANameOnce(PlainCache):
    def get_many(self, names):
        return super().get_many(list(dict.fromkeys(names)))


@noticed_by("test_a_hundred_values_can_be_set_and_deleted_at_once")
class SetsHalfOfThem(PlainCache):
    def set_many(self, items):
        super().set_many(items[:50])


@noticed_by("test_a_hundred_values_can_be_set_and_deleted_at_once")
class DeletesHalfOfThem(PlainCache):
    def delete_many(self, names):
        super().delete_many(names[:50])


# -- names ---------------------------------------------------------------------------------------


class MistakesNames(PlainCache):
    mistaken: Callable[[str], object]

    def key(self, name):
        return self.mistaken(name)


def mistakes(*cases):
    """Break a backend that takes one name for another one."""

    def check(mistaken):
        kind = type(mistaken.__name__, (MistakesNames,), {"mistaken": staticmethod(mistaken)})
        return noticed_by(*cases)(kind)

    return check


APART = "test_names_are_apart"


@mistakes(APART, "test_names_are_apart_in_one_call", "test_names_are_apart_for_leases_and_counters")
def folds_case(name):
    return name.casefold()


@mistakes(APART)
def folds_the_case_of_ascii_letters(name):
    return name.encode().lower()


@mistakes(APART)
def trims_blanks(name):
    return name.strip(" ")


@mistakes(APART)
def truncates_names(name):
    return name[:255]


@mistakes(APART)
def normalises(name):
    return unicodedata.normalize("NFC", name)


@mistakes(APART)
def reads_escapes(name):
    return unquote(name.replace("a%", "a%20"))


@mistakes(APART, "test_names_may_hold_every_character_but_nul")
def replaces_blanks(name):
    return "_".join(name.split())


@mistakes(APART, "test_names_may_hold_every_character_but_nul")
def takes_the_first_line(name):
    return name.splitlines()[0]


@mistakes("test_names_may_hold_every_character_but_nul")
def ignores_controls(name):
    return "".join(it for it in name if it.isprintable())


@mistakes(APART)
def hashes_by_what_is_in_braces(name):
    return name.partition("{")[2].partition("}")[0] or name


@mistakes("test_names_of_different_kinds_are_apart")
def ignores_the_kind(name):
    return name[1:]


@mistakes(APART)
def ignores_the_namespace(name):
    return name[0], name.partition(":")[2]


@noticed_by("test_names_are_apart_in_one_call")
class TakesNoLongNames(PlainCache):
    def set_many(self, items):
        super().set_many([item for item in items if len(item.name.encode()) <= 1024])


@noticed_by(APART)
class DeletesByPattern(PlainCache):
    def drop(self, name):
        for key in [key for key in self.values if fnmatchcase(key, name)]:
            del self.values[key]
        super().drop(name)


@noticed_by(APART)
class DeletesByPrefix(PlainCache):
    def drop(self, name):
        for key in [key for key in self.values if key.startswith(name)]:
            del self.values[key]
