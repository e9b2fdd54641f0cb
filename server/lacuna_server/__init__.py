"""Lacuna's command line and, with it, everything that serves editors."""

__version__ = "0.1.0"
