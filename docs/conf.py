# ruff: noqa: INP001  # Sphinx reads it as a script
"""The documentation site: what stands under docs/ and in the root's Markdown, as `make docs` builds it.

The source directory is the root of the repository, so a relative link means the same here and in an
editor. Nothing of the built pages is loaded from elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.site_parts import put_built_parts  # noqa: E402 - the root is not a package

project = "Segmenter"
author = "the Segmenter's authors"
copyright = "the Segmenter's authors, Apache-2.0"  # noqa: A001 - Sphinx names it so

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "deploy/*.md",
    "examples/rules_under_test/README.md",
]
exclude_patterns = ["docs/_templates"]
nitpicky = True
smartquotes = False  # of `--json` no dash is made
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other libraries: no inventories are loaded

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = "Segmenter"
templates_path = ["_templates"]
html_additional_pages = {"index": "to_the_first_page.html"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "footer_icons": [],
    "light_css_variables": {"font-stack": "system-ui, sans-serif"},
}
pygments_style = "tango"


def setup(app: Sphinx) -> None:
    """Let parts that are made of the code take their places as a page is read."""
    app.connect("source-read", put_built_parts)
    app.add_lexer("csv", TextLexer)
