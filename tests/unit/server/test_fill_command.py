import pytest

from lacuna_server.commands.fill import protect_standard_input


@pytest.mark.parametrize(
    ("arguments", "protected"),
    [
        (["fill", "-:1:2", "--json"], ["fill", "--json", "--", "-:1:2"]),
        (["fill", "--to", "2:1", "-:1:2"], ["fill", "--to", "2:1", "--", "-:1:2"]),
        (["fill", "--", "-:1:2"], ["fill", "--", "-:1:2"]),
        (["fill", "-", "--marker", "-:-"], ["fill", "-", "--marker", "-:-"]),
        (["fill", "x.py:1:2", "-v"], ["fill", "x.py:1:2", "-v"]),
    ],
)
def test_standard_input_with_a_position_is_no_option(arguments: list[str], protected: list[str]) -> None:
    assert protect_standard_input(arguments) == protected
