"""The identity of a time series: a metric and its attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Literal, TypeAlias

from attrs import frozen

__all__ = ["Across", "Kind", "Labels", "Series", "labels_of"]

Kind: TypeAlias = Literal["counter", "gauge", "distribution"]
Across: TypeAlias = Literal["last", "sum", "min", "max", "mean"]
Labels: TypeAlias = "tuple[tuple[str, str], ...]"
"""Attributes as pairs of texts, sorted by name."""


def labels_of(attributes: Mapping[str, str]) -> Labels:
    """Return attributes as sorted pairs."""
    return tuple(sorted(attributes.items()))


@frozen(slots=False)  # cached properties need a __dict__
class Series:
    """A time series.

    Attributes:
        metric: The metric's name, without unit or suffix, such as ``check_ins``.
        kind: What its points are: see ``habitkit.metrics.domain.points``.
        unit: Such as ``seconds``; empty if it has none.
        attributes: What distinguishes it from the metric's other series.
        across: How the values of several writers of a gauge are combined.
    """

    metric: str
    kind: Kind
    unit: str = ""
    attributes: Labels = ()
    across: Across = "last"

    @cached_property
    def text(self) -> str:
        """The canonical text, by which series are compared."""
        parts = [self.kind, self.metric, self.unit, self.across, *self.attributes]
        return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def id(self) -> int:
        """A signed number of 64 bits: MurmurHash3 of the text."""
        import mmh3  # noqa: PLC0415 - takes time to load, and not everybody uses metrics

        return mmh3.hash64(self.text.encode(), signed=True)[0]

    @classmethod
    def parse(cls, text: str) -> Series:
        """Return the series of a canonical text."""
        kind, metric, unit, across, *attributes = json.loads(text)
        return cls(metric, kind, unit, tuple((key, value) for key, value in attributes), across)
