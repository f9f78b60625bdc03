"""A flag in a SQLite file: on for colleagues, for a quarter of the users, and off at once.

    python examples/flags.py        who has the quests
    python examples/flags.py off    nobody, whatever the rules say
    python examples/flags.py on     by the rules again

An app that has the same file open in ``with kit.background():`` sees the change within ten seconds.
"""

import sys

from habitkit import HabitKit
from habitkit.errors import NotFound

COLLEAGUES = {"ends_with": [{"var": "email"}, "@example.com"]}
QUESTS = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"if": [COLLEAGUES, "on", {"fractional": [["on", 25], ["off", 75]]}]},
    "$habitkit": {"owner": "team-quests", "tags": ["quests"]},
}
USERS = [
    {"targetingKey": "ada", "email": "ada@example.com"},
    *({"targetingKey": f"user-{number}"} for number in range(1, 1001)),
]


def main(wish: str) -> None:
    with HabitKit.open("sqlite:///habits.db") as kit:
        try:
            kit.flags.get("quests")
        except NotFound:
            kit.flags.put("quests", QUESTS, by="ada", note="the new quests")
        if wish:
            kit.flags.toggle("quests", wish == "on", by="ada", note=f"switched {wish}")

        have = [user for user in USERS if kit.flags.boolean("quests", default=False, context=user)]
        print(f"{len(have)} of {len(USERS)} have the quests")
        found = kit.flags.details("quests", default=False, context=USERS[0])
        print(f"{USERS[0]['targetingKey']}: {found.value}, {found.reason}")
        for change in kit.flags.history("quests", limit=5):
            print(f"  revision {change.number}: {change.action} by {change.by}, {change.note}")


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else ""
    if given not in {"", "on", "off"}:
        sys.exit(f"expected on, off or nothing, got {given!r}")
    main(given)
