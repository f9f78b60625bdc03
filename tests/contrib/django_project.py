"""A Django project without files: settings, databases by alias, and a model of a shop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django
from django.conf import settings
from django.db import connections, models
from sqlalchemy import make_url

if not settings.configured:
    # Django reads instants of such a project as naive ones, nine hours ahead of UTC.
    settings.configure(USE_TZ=False, TIME_ZONE="Asia/Tokyo")
    django.setup()


class Order(models.Model):  # type: ignore[misc]  # Django has no types
    """What a shop sells for coins."""

    objects: models.Manager[Any]
    item = models.CharField(max_length=100)

    class Meta:
        app_label = "tests_of_django"

    def __str__(self):
        return self.item


def settings_of(url: str, **options: Any) -> dict[str, Any]:
    """Return an entry of ``DATABASES``."""
    parsed = make_url(url)
    kind = "sqlite3" if parsed.get_backend_name() == "sqlite" else "postgresql"
    return {
        "ENGINE": f"django.db.backends.{kind}",
        "NAME": parsed.database,
        "USER": parsed.username or "",
        "PASSWORD": parsed.password or "",
        "HOST": parsed.host or "",
        "PORT": str(parsed.port or ""),
        "OPTIONS": options,
    }


@contextmanager
def database(entry: dict[str, Any], alias: str = "default") -> Iterator[Any]:
    """Let Django have one more database, or another default one, and yield its connection."""
    before = connections.settings.get(alias)
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: entry})[
        alias
    ]
    if hasattr(connections._connections, alias):
        del connections[alias]
    try:
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias]
        connections.settings.pop(alias)
        if before is not None:
            connections.settings[alias] = before
