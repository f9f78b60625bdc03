"""What the docs say that a user of Redis must be allowed for a cache is enough."""

from __future__ import annotations

import re
from pathlib import Path

from habitkit.cache import Cache, CacheEvent

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "share-a-cache.md"


def test_a_user_who_may_use_the_documented_keys_channel_and_commands_alone_can_cache(server):
    allowed = re.findall(r"`(~hk:\*|&hk:[^`]+|\+mget[^`]+)`", PAGE.read_text("utf-8"))
    assert len(allowed) == 3
    rules = " ".join(["reset resetchannels on >x", *allowed]).split()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "habitkit", *rules)
        try:
            url = server.url.replace("//", "//habitkit:x@") + "?timeout_seconds=10"
            events: list[CacheEvent] = []
            with (
                Cache.open(url, on_error="raise", observe=events.append) as one,
                Cache.open(url, on_error="raise") as other,
            ):
                assert one.get_or_create("days", lambda: 7, ttl_seconds=60, tags=["ada"]) == 7
                assert other.get("days") == 7
                other.set("days", 8, ttl_seconds=60, tags=["ada"])
                one.invalidate_tag("ada")
                assert other.get("days") is one.get("days") is None
                one.delete("days")
                assert one.incr("visits", ttl_seconds=60) == 1
                assert other.incr("visits", ttl_seconds=60) == 2
                one.delete("visits")
            assert [event.outcome for event in events] == ["loaded", "miss"]
            assert [key for key in client.scan_iter() if not key.startswith(b"hk:c1:t:")] == []
        finally:
            client.execute_command("ACL", "DELUSER", "habitkit")
            client.flushall()
