"""What all facts about habits share: the name of their kind."""

__all__ = ["OfAKind"]


class OfAKind:
    """A fact that says of which kind it is."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """The name of its class, by which facts can be told apart as JSON."""
        return type(self).__name__
