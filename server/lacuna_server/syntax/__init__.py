"""What the text around a cursor is, in any state of brokenness.

Tree-sitter answers where there is a grammar, a scanner of brackets and indentation elsewhere. Both read a window around
the cursor, so that a key press costs the same in a large document.
"""

from lacuna_server.syntax.blocks import empty_block_at
from lacuna_server.syntax.prose import is_prose
from lacuna_server.syntax.scopes import Scope, scope_at

__all__ = ["Scope", "empty_block_at", "is_prose", "scope_at"]
