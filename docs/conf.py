"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

import kerassplit_widget

project = "kerassplit_widget"
author = "kerassplit_widget contributors"
project_copyright = author
release = kerassplit_widget.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build"]
default_role = "autolink"  # `split` in a docstring links to ks.split; what has no page stays plain
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(keras|networkx|matplotlib|numpy)\..*")]  # their own pages are elsewhere
suppress_warnings = ["mystnb.unknown_mime_type"]

autosummary_generate = False
autodoc_typehints = "none"  # the docstrings say the types in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_validation_checks = {"PR02", "PR03"}  # no parameter is described that there is not, or in another order

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 2

nb_execution_mode = "force"
nb_execution_in_temp = True  # what pages save stays out of the folder
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"
nb_ipywidgets_js = {}  # nothing is fetched from elsewhere; no page shows a widget that needs a kernel

html_theme = "sphinx_book_theme"
html_title = "kerassplit_widget"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "use_download_button": False,
    "use_fullscreen_button": False,
}
