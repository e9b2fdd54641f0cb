"""The least that a language server in Python can be: pygls, and nothing of ours."""

from pygls.lsp.server import LanguageServer

LanguageServer("minimal", "1").start_io()
