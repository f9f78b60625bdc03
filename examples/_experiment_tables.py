"""What stands in the cells of the tables that experiment.py prints."""

from habitkit.experiments import Comparison, ExperimentReport


def row_of(report: ExperimentReport) -> Comparison:
    """Return what the first metric says of the treatment."""
    return report.results[0]


def active_of(report: ExperimentReport) -> int:
    """Return how many owners were active on their third day."""
    row = row_of(report)
    shares = ((row.control_value, row.control_units), (row.value, row.units))
    return round(sum((share or 0) * units for share, units in shares))


def contains(row: Comparison, effect: float) -> bool:
    """Return whether an interval, which may be open, contains an effect."""
    return (row.low is None or row.low <= effect) and (row.high is None or effect <= row.high)


def units_of(report: ExperimentReport) -> dict[str, int]:
    """Return how many owners each variant has."""
    return {arm.variant: arm.units for arm in report.arms}


def owners(report: ExperimentReport) -> str:
    """Write how many owners have seen the control, and how many the treatment."""
    return " + ".join(f"{units:,}" for units in units_of(report).values())


def lift(report: ExperimentReport) -> str:
    """Write the effect on the first metric, as a share of the control's."""
    effect = row_of(report).effect
    return "-" if effect is None else f"{effect:+.1%}"


def interval(report: ExperimentReport) -> str:
    """Write the interval of that effect."""
    row = row_of(report)
    low = "-inf" if row.low is None else f"{row.low:+.0%}"
    return f"{low} to {'inf' if row.high is None else f'{row.high:+.0%}'}"


def decision(report: ExperimentReport) -> str:
    """Write what the report says is to be done."""
    return " ".join(filter(None, (report.decision.action, report.decision.variant)))
