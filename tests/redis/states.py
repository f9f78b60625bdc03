"""What is stored of a subject, read and written beside the script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from habitkit.limits import Limit
from habitkit.limits.domain.charging import State, expiry


def key_of(subject: str) -> str:
    """Return the key of a subject without special characters."""
    return f"hk:{{g1:{subject}}}"


def log_of(subject: str, limit_id: str) -> str:
    """Return the key of the deadlines of an exact limit."""
    return f"{key_of(subject)}:x:{limit_id}"


def stored(client: redis.Redis, subject: str, limits: Sequence[Limit]) -> dict[str, State]:
    """Return the states that Redis holds, by limit id; for each id the last of the limits."""
    text: Any = client.get(key_of(subject))
    pairs = dict(pair.split("=", 1) for pair in text.decode().split(";")) if text else {}
    found: dict[str, State] = {}
    for limit in limits:
        if limit.id not in pairs:
            continue
        if limit.exact:
            log: Any = client.zrange(log_of(subject, limit.id), 0, -1, withscores=True)
            found[limit.id] = tuple(int(score) * 1000 for _, score in log)
            assert not log or found[limit.id][-1] == int(pairs[limit.id])
        else:
            tat, _, tolerance = pairs[limit.id].partition(":")
            assert bool(tolerance) == (limit.name is not None)
            found[limit.id] = (int(tat), int(tolerance or limit.tolerance_ns))
    return found


def store(
    client: redis.Redis, subject: str, limits: Mapping[str, Limit], states: Mapping[str, State]
) -> None:
    """Let Redis hold exactly these states."""
    pairs = []
    for limit_id, state in states.items():
        log = log_of(subject, limit_id)
        client.delete(log)
        if not state:
            continue
        limit = limits[limit_id]
        if limit.exact:
            members = {}
            for number, deadline in enumerate(state):
                same = number - state.index(deadline) + 1
                members[f"{deadline // 1000}:{same}"] = deadline // 1000
            client.zadd(log, members)
            client.pexpireat(log, -(-state[-1] // 1_000_000))
            pairs.append(f"{limit_id}={state[-1]}")
        else:
            pairs.append(f"{limit_id}={state[0]}" + (f":{state[1]}" if limit.name else ""))
    client.delete(key_of(subject))
    if pairs:
        client.set(key_of(subject), ";".join(pairs))


def live(limits: Mapping[str, Limit], states: Mapping[str, State], now_ns: int) -> dict[str, State]:
    """Return the states that are different from none, without what has expired of them."""
    found = {}
    for limit_id, state in states.items():
        if expiry(limits[limit_id], state) > now_ns:
            is_log = limits[limit_id].exact
            found[limit_id] = tuple(it for it in state if it > now_ns) if is_log else state
    return found
