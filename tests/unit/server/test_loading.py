import io

import pytest
from rich.console import Console

from lacuna_server.loading import progress_bar


@pytest.mark.parametrize(
    ("is_terminal", "patience", "is_shown"), [(True, 0.0, True), (True, 60.0, False), (False, 0.0, False)]
)
def test_bar_appears_on_a_terminal_after_a_while(is_terminal: bool, patience: float, is_shown: bool) -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=is_terminal, width=80)
    with progress_bar("Loading", console, in_bytes=True, patience=patience) as report:
        report(500_000, 1_000_000)
        report(1_000_000, 1_000_000)
    assert ("Loading" in output.getvalue()) == is_shown
