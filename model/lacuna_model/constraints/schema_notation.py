"""The notations that values of a JSON Schema can be written in: all have numbers, `true`, brackets, ", " and ": "."""

from typing import Any, Protocol

from lacuna_model.constraints import schema_strings
from lacuna_model.constraints.schema_yaml import Yaml


class Notation(Protocol):
    """How strings and names are written, each as a regular expression that stands by itself."""

    @property
    def has_exponents(self) -> bool:
        """Whether numbers may have them."""
        ...

    def string(self, patterns: tuple[str, ...], least: int, most: int | None) -> str | None:
        """A string; None if there is none.

        Args:
            patterns: regular expressions of JSON Schema, of which each is found in the string; one at most.
            least: fewest characters.
            most: most characters; None: any number.

        Raises:
            ConstraintError: a pattern cannot be used, or not with these lengths.
        """
        ...

    def literal(self, value: Any) -> str:
        """A given value. Raises ConstraintError if it cannot be written."""
        ...

    def name(self, text: str) -> str:
        """A given member's name. Raises ConstraintError if it cannot be written."""
        ...

    def any_name(self) -> str:
        """The names of members that a schema does not name."""
        ...


class Json:
    """What `json.dumps` writes."""

    has_exponents = True

    def string(self, patterns: tuple[str, ...], least: int, most: int | None) -> str | None:
        """A string between double quotes."""
        return schema_strings.string(patterns, least, most)

    def literal(self, value: Any) -> str:
        """A given value."""
        return schema_strings.literal(value)

    def name(self, text: str) -> str:
        """A given string."""
        return schema_strings.literal(text)

    def any_name(self) -> str:
        """Any string."""
        found = schema_strings.string((), 0, None)
        assert found is not None
        return found


JSON = Json()
NOTATIONS: dict[str, Notation] = {"json": JSON, "yaml": Yaml()}
"""By the names that constraints have for them."""
