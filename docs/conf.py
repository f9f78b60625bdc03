"""Settings of the documentation's builder."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.metadata import version as installed
from typing import Any

from habitkit import kit, services
from habitkit.binding import Action, Workflow

project = "habitkit"
author = "habitkit contributors"
project_copyright = "2026, habitkit contributors"
version = release = installed("habitkit")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "habitkit"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
# attrs' fields are described in the class docstring; without this they appear twice.
napoleon_use_ivar = True

_SERVICES = (
    *(f"habitkit.{module}.service" for module in ("alerts", "coins", "experiments", "flags")),
    *(f"habitkit.{module}.service" for module in ("habits", "journal", "quests")),
    *(f"habitkit.{module}.kit_service" for module in ("experiments", "flags")),
)  # a kit imports them when they are first used
_STEPS = re.compile(r"^Steps\[(.*)\]$")
_GIVEN_BY_THE_KIT = re.compile(
    r"^ +(tx: The transaction|settings: The kit's settings).*\n", re.MULTILINE
)
_NO_ARGUMENTS = re.compile(r"^ +Args:\n(?=\s*(\n|$))", re.MULTILINE)


def _as_method(offered: Action[Any, Any] | Workflow[Any, Any], name: str) -> Any:
    """Return an action as the method that callers see: without the transaction."""

    def method(self: object) -> None:
        """Stand for the bound call."""

    signature = inspect.signature(offered.function)
    service = inspect.signature(method).parameters["self"]
    given = list(signature.parameters.values())[1:]
    result = _STEPS.sub(r"\1", str(signature.return_annotation))
    method.__name__ = name
    described = _GIVEN_BY_THE_KIT.sub("", offered.function.__doc__ or "")
    method.__doc__ = _NO_ARGUMENTS.sub("", described)
    method.__annotations__ = {**offered.function.__annotations__, "return": result}
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[service, *given], return_annotation=result
    )
    return method


def _show_actions_as_methods() -> None:
    """Undo what `create = action(create)` hides from autodoc: the call that readers make."""
    classes = [*vars(kit).values(), *vars(services).values()]
    classes += [cls for name in _SERVICES for cls in vars(import_module(name)).values()]
    for base in {base for cls in classes if inspect.isclass(cls) for base in cls.__mro__}:
        for name, offered in list(vars(base).items()):
            if isinstance(offered, Action | Workflow):
                setattr(base, name, _as_method(offered, name))


_show_actions_as_methods()
