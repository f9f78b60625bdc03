"""The flags of the benchmark in the formats of other libraries, and their ordinary call.

Each is given its definitions in memory: none of them uses the network or reports what it did.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Evaluate = Callable[[], Any]
    Peer = Callable[[str], Evaluate]
    """Returns the call that evaluates a flag for the one user of the benchmark."""

__all__ = ["ATTRIBUTES", "COUNTRIES", "DOCUMENT", "USER", "peers"]

COUNTRIES = [f"C{number:02}" for number in range(50)]
USER = "user:1234567"
ATTRIBUTES = {"plan": "free", "version": "2.1.7", "country": COUNTRIES[-1]}
"""Of the three rules the last one holds."""

_OLDEST = "2.3.0"
_BOOLEANS = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
_RULES = [
    {"==": [{"var": "plan"}, "beta"]},
    {"sem_ver": [{"var": "version"}, ">=", _OLDEST]},
    {"in": [{"var": "country"}, COUNTRIES]},
]
DOCUMENT: dict[str, Any] = {
    "flags": {
        "plain": {**_BOOLEANS, "defaultVariant": "on"},
        "rules": {
            **_BOOLEANS,
            "targeting": {
                "if": [_RULES[0], "on", _RULES[1], "on", _RULES[2], "on", "off"],
            },
        },
        "percentage": {**_BOOLEANS, "targeting": {"fractional": [["on", 50], ["off", 50]]}},
    }
}
"""A plain flag, one with three rules, and a percentage."""


@contextmanager
def peers() -> Iterator[Mapping[str, Peer]]:
    """Yield the libraries that are installed."""
    found: dict[str, Peer] = {}
    if find_spec("openfeature") and find_spec("openfeature.contrib.tools.flagd"):
        found["flagd-core"] = _flagd()
    if find_spec("growthbook"):
        found["growthbook"] = _growthbook()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if find_spec("UnleashClient"):
            found["UnleashClient"] = _unleash(folder)
        if find_spec("ldclient"):
            found["LaunchDarkly"] = _launchdarkly()
        yield found


def _flagd() -> Peer:
    from openfeature.contrib.tools.flagd.core import FlagdCore  # noqa: PLC0415 - may be missing
    from openfeature.evaluation_context import EvaluationContext  # noqa: PLC0415

    core = FlagdCore()
    core.set_flags(json.dumps(DOCUMENT))  # it changes what it is given
    context = EvaluationContext(USER, {**ATTRIBUTES})
    return lambda key: lambda: core.resolve_boolean_value(key, False, context).value  # noqa: FBT003 - the default


def _growthbook() -> Peer:
    from growthbook import GrowthBook  # noqa: PLC0415 - may be missing

    rules = [
        {"condition": {"plan": "beta"}, "force": True},
        {"condition": {"version": {"$vgte": _OLDEST}}, "force": True},
        {"condition": {"country": {"$in": COUNTRIES}}, "force": True},
    ]
    half = {"force": True, "coverage": 0.5, "hashAttribute": "id"}
    features = {
        "plain": {"defaultValue": True},
        "rules": {"defaultValue": False, "rules": rules},
        "percentage": {"defaultValue": False, "rules": [half]},
    }
    book = GrowthBook(attributes={"id": USER, **ATTRIBUTES}, features=features)
    return lambda key: partial(book.is_on, key)


def _unleash(folder: str) -> Peer:
    from UnleashClient.cache import FileCache  # noqa: PLC0415 - may be missing
    from UnleashClient.clients.unleash_client import UnleashClient  # noqa: PLC0415

    def constrained(name: str, operator: str, **wanted: Any) -> dict[str, Any]:
        constraint = {"contextName": name, "operator": operator, **wanted}
        return {"name": "default", "parameters": {}, "constraints": [constraint]}

    half = {"rollout": "50", "stickiness": "userId", "groupId": "percentage"}
    strategies = {
        "plain": [{"name": "default", "parameters": {}}],
        "rules": [
            constrained("plan", "IN", values=["beta"]),
            constrained("version", "SEMVER_GTE", value=_OLDEST),
            constrained("country", "IN", values=COUNTRIES),
        ],
        "percentage": [{"name": "flexibleRollout", "parameters": half}],
    }
    features = [
        {"name": name, "type": "release", "enabled": True, "strategies": each}
        for name, each in strategies.items()
    ]
    cache = FileCache("benchmark", directory=folder)
    cache.bootstrap_from_dict({"version": 2, "features": features})
    client = UnleashClient(
        "http://127.0.0.1:9",
        "benchmark",
        disable_metrics=True,
        disable_registration=True,
        cache=cache,
    )
    context = {"userId": USER, "properties": {**ATTRIBUTES}}
    return lambda key: partial(client.is_enabled, key, context)


def _launchdarkly() -> Peer:
    from ldclient import Config, Context, LDClient  # noqa: PLC0415 - may be missing
    from ldclient.feature_store import InMemoryFeatureStore  # noqa: PLC0415
    from ldclient.versioned_data_kind import FEATURES, SEGMENTS  # noqa: PLC0415

    def rule(
        attribute: str, operator: str, values: list[str], *, negate: bool = False
    ) -> dict[str, Any]:
        clause = {"attribute": attribute, "op": operator, "values": values, "negate": negate}
        return {"id": attribute, "variation": 0, "clauses": [clause]}

    def flag(key: str, served: dict[str, Any], rules: list[Any]) -> dict[str, Any]:
        values = {"on": True, "offVariation": 1, "variations": [True, False], "salt": "salt"}
        return {"key": key, "version": 1, **values, "fallthrough": served, "rules": rules}

    half = [{"variation": 0, "weight": 50_000}, {"variation": 1, "weight": 50_000}]
    rules = [
        rule("plan", "in", ["beta"]),
        rule("version", "semVerLessThan", [_OLDEST], negate=True),
        rule("country", "in", COUNTRIES),
    ]
    flags = [
        flag("plain", {"variation": 0}, []),
        flag("rules", {"variation": 1}, rules),
        flag("percentage", {"rollout": {"variations": half}}, []),
    ]
    store: Any = cast("Any", InMemoryFeatureStore)()
    store.init({FEATURES: {each["key"]: each for each in flags}, SEGMENTS: {}})
    config = Config(
        "benchmark",
        feature_store=store,
        use_ldd=True,  # evaluate what is in the store, and connect to nothing
        send_events=False,
        diagnostic_opt_out=True,
    )
    client = LDClient(config)
    context = Context.from_dict({"kind": "user", "key": USER, **ATTRIBUTES})
    return lambda key: partial(client.variation, key, context, False)  # noqa: FBT003 - the default
