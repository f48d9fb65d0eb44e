"""How Sphinx builds the documentation site."""

import sys
from pathlib import Path

import flowra

sys.path.insert(0, str(Path(__file__).parent))

project = "Flowra"
author = "The Flowra developers"
copyright = "the Flowra developers, Apache-2.0"
version = release = flowra.__version__

extensions = [
    "myst_parser",
    "_generate",  # writes generated/ from the code, before pages are looked for
]
# What is generated is included by pages, and is no page itself.
exclude_patterns = ["_build", "_generate", "generated"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

# A signature with each parameter on its own line, where it would be wider than a page.
python_maximum_signature_line_length = 88

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"Flowra {version}"
