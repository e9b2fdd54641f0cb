"""From a fill to what the editor shows, or to the reason why it shows nothing."""

from lacuna_server.suggestion.indentation import Indentation, indentation_of
from lacuna_server.suggestion.judgement import Suggestion, suggestion_of

__all__ = ["Indentation", "Suggestion", "indentation_of", "suggestion_of"]
