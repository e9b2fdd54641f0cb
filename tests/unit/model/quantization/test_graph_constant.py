import torch

from lacuna_model.quantization.graph_constant import graph_constant


def test_the_mark_is_torchs() -> None:
    def ours() -> None: ...

    def theirs() -> None: ...

    torch.compiler.assume_constant_result(theirs)  # type: ignore[no-untyped-call]
    assert vars(graph_constant(ours)) == vars(theirs) != {}
