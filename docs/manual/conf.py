# SPDX-License-Identifier: Apache-2.0
# How Sphinx builds the manual, from the pages that scripts/manual has laid together.
import os

project = "firn"
author = "the firn maintainers"
copyright = "the firn maintainers, Apache License 2.0"  # pylint: disable=redefined-builtin
version = release = os.environ.get("FIRN_VERSION", "")
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["misc.highlighting_failure"]
smartquotes = False  # "--" is the beginning of an option
html_theme = "furo"
html_title = f"firn {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
highlight_language = "none"
