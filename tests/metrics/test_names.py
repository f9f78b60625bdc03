"""Any text as a name, a unit or the value of an attribute: it is refused, or comes back whole."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from habitkit.contrib.prometheus import exposition
from habitkit.metrics import InvalidMetric, Metrics

near_names = st.from_regex(r"[a-z][a-z0-9_]{0,4}(_total|_bucket|\n|é|A|-| )?", fullmatch=True)
names = near_names | st.text(max_size=4) | st.sampled_from(["le", "quantile", "a" * 100, "a" * 101])


def is_name(text: str) -> bool:
    return re.fullmatch("[a-z][a-z0-9_]{0,99}", text) is not None


@given(names, names | st.just(""), names, st.text(max_size=6))
@example("runs", "", "zone", '\\n"\n\\')
@example("runs", "", "zone", "\x00")
def test_any_name_is_refused_or_scraped_as_it_is(
    name: str, unit: str, attribute: str, value: str
) -> None:
    metrics = Metrics(strict=True)
    good = is_name(name) and not name.endswith("_total") and (not unit or is_name(unit))
    good = good and is_name(attribute) and attribute not in {"le", "quantile"}
    good = good and "\x00" not in value
    try:
        metrics.counter(name, unit=unit).add(1, {attribute: value})
    except InvalidMetric:
        assert not good
        return
    assert good
    text = exposition(metrics, "application/openmetrics-text").body.decode()
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    exported = name if not unit or name.endswith(f"_{unit}") else f"{name}_{unit}"
    assert (sample.name, sample.value) == (f"{exported}_total", 1)
    assert sample.labels == {attribute: value}
