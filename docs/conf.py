"""Settings of the documentation's builder."""

from importlib.metadata import version as installed

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
# attrs' fields are described in the class docstring; without this they appear twice.
napoleon_use_ivar = True
