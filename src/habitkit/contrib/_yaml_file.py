"""Files in YAML, read node by node, so that errors say in which line they are."""

from __future__ import annotations

from typing import NoReturn

import yaml
from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.metrics.domain.durations import seconds

__all__ = ["YamlFile"]

_NULL = "tag:yaml.org,2002:null"
_LONGEST = 5_000_000


@frozen
class YamlFile:
    """Reads the nodes of a file, and says where something is wrong.

    Attributes:
        name: What the file is called in errors.
    """

    name: str

    def root(self, text: str) -> yaml.Node | None:
        """Return the root of the file; None if it is empty.

        Raises:
            InvalidInput: If it is no YAML.
        """
        if len(text) > _LONGEST:
            raise InvalidInput(self.name, given=text, expected=f"at most {_LONGEST} characters")
        try:
            root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            place = self.name if mark is None else f"{self.name}:{mark.line + 1}"
            why = (getattr(error, it, None) for it in ("problem", "reason"))
            given = next(filter(None, why), "too many levels")
            raise InvalidInput(place, given=given, expected="a document in YAML") from error
        return root

    def refuse(self, node: yaml.Node, expected: str, given: object = None) -> NoReturn:
        """Raise the error for a node.

        Raises:
            InvalidInput: Always.
        """
        place = f"{self.name}:{node.start_mark.line + 1}"
        shown = node.value if isinstance(node, yaml.ScalarNode) else type(node).__name__
        raise InvalidInput(place, given=shown if given is None else given, expected=expected)

    def members(self, node: yaml.Node, allowed: set[str], needed: set[str]) -> dict[str, yaml.Node]:
        """Return the members of a mapping by name; one that is null is not there."""
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, f"a mapping with {', '.join(sorted(needed or allowed))}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            member = self.text(key)
            if member not in allowed or member in found:
                self.refuse(key, f"each of {', '.join(sorted(allowed))} once at most")
            found[member] = value
        found = {name: it for name, it in found.items() if it.tag != _NULL}
        if not needed <= found.keys():
            self.refuse(node, f"a mapping with {', '.join(sorted(needed))}", sorted(found))
        return found

    def names(self, node: yaml.Node) -> set[str]:
        """Return the names of the members of a mapping."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        return {self.text(key) for key, _ in pairs}

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """Return the items of a list."""
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, "a list")
        return list(node.value)

    def text(self, node: yaml.Node) -> str:
        """Return a scalar as text."""
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, "a text")
        return str(node.value)

    def duration(self, node: yaml.Node | None, default: int = 0) -> int:
        """Return a duration in seconds."""
        if node is None:
            return default
        text = self.text(node)
        try:
            return 0 if text == "0" else seconds(text, least=0)
        except InvalidInput as error:
            self.refuse(node, error.expected)
