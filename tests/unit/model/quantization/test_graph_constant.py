import subprocess
import sys

import torch

from lacuna_model.quantization.graph_constant import graph_constant


def test_the_mark_is_torchs() -> None:
    def ours() -> None: ...

    def theirs() -> None: ...

    torch.compiler.assume_constant_result(theirs)  # type: ignore[no-untyped-call]
    assert vars(graph_constant(ours)) == vars(theirs) != {}


def test_fills_are_made_without_the_compiler() -> None:
    """It takes most of a second to import."""
    code = "import sys, lacuna_model.infill; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
