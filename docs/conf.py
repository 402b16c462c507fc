"""How the documentation is built, by `make docs`.

Flows in: the pages of this folder, and the docstrings of the package. Flows out: HTML. No network is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ndfit

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ndfit"
author = "ndfit developers"
version = release = ndfit.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
    "statuses",
]
exclude_patterns = ["_build", "_ext", "gallery", "**/sg_execution_times.rst"]

# Scripts of `gallery`, run while the pages are built; each can be downloaded, as a notebook too.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "copyfile_regex": "",
    "capture_repr": (),
    "show_signature": False,
}

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings tell types, in words
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
html_title = f"ndfit {version}"
html_theme_options = {"navigation_with_keys": False, "show_nav_level": 2}
html_sidebars = {"index": []}  # the first page is in no section
html_show_sourcelink = False
