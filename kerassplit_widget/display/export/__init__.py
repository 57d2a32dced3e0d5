"""A page by itself that shows a model as the widget does, without a kernel and without a network."""

from kerassplit_widget.display.export.page import page_html, write_page

__all__ = ["page_html", "write_page"]
