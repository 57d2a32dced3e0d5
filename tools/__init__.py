"""What the Makefile calls. Standard library only: this runs before anything is installed."""
