"""Documents that are written for people."""

PROSE = frozenset(
    "asciidoc bibtex git-commit gitcommit latex mail markdown org plaintext quarto restructuredtext rst tex text "
    "typst".split()
)


def is_prose(language: str) -> bool:
    """Whether documents of a language, as editors call it, are written for people."""
    return language in PROSE
