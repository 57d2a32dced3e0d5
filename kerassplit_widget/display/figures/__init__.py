"""Still pictures for papers, pages and notebooks: the face of the drawing rooms."""

from kerassplit_widget.display.figures.landscape import plot_landscape
from kerassplit_widget.display.figures.picture import plot, png
from kerassplit_widget.display.figures.stages import plot_stages

__all__ = ["plot", "plot_landscape", "plot_stages", "png"]
