"""How Sphinx builds the documentation site."""

import flowra

project = "Flowra"
author = "The Flowra developers"
copyright = "the Flowra developers, Apache-2.0"
version = release = flowra.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"Flowra {version}"
