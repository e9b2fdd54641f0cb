from pathlib import Path
from typing import Any

import pytest

from lacuna_server.commands.bench import bench
from lacuna_server.errors import UserError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"synthetic": True}, "belong to --profile gpu"),
        ({"plot": Path("steps.png")}, "belong to --profile gpu"),
        ({"precision": "fp8"}, "belong to --profile gpu"),
        ({"profile": "gpu", "synthetic": True, "checkpoint": Path("any")}, "leave --checkpoint out"),
    ],
)
def test_options_that_contradict_each_other_are_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        bench(**arguments)


def test_a_plot_without_matplotlib_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lacuna_server.commands.bench.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs matplotlib"):
        bench(profile="gpu", plot=Path("steps.png"))
