"""Many actions together: what they read and write, in few statements."""

from habitkit.together.bulk import habits_of
from habitkit.together.ports import Foreseen
from habitkit.together.stores import together

__all__ = ["Foreseen", "habits_of", "together"]
