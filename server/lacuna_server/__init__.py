"""Lacuna's command line and, with it, everything that serves editors."""
