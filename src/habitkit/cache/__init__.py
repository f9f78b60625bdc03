"""A cache: in memory, before a backend that processes share."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names
from habitkit.cache.cache import Cache
from habitkit.cache.decorator import CachedFunction, cached
from habitkit.cache.errors import CacheUnavailable, CannotSerialize, RecursiveLoad, ValueTooLarge
from habitkit.cache.events import CacheEvent
from habitkit.cache.options import CacheOptions
from habitkit.cache.serializers import JsonSerializer, PickleSerializer, Serializer
from habitkit.cache.steps import MISSING

if TYPE_CHECKING:
    from habitkit.cache.async_cache import AsyncCache

__all__ = [
    "MISSING",
    "AsyncCache",
    "Cache",
    "CacheEvent",
    "CacheOptions",
    "CacheUnavailable",
    "CachedFunction",
    "CannotSerialize",
    "JsonSerializer",
    "PickleSerializer",
    "RecursiveLoad",
    "Serializer",
    "ValueTooLarge",
    "cached",
]

__getattr__ = lazy_names(__name__, ["AsyncCache"], ["async_cache"])  # a sync host needs no loop
