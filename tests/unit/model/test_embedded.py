import subprocess
import sys

import pytest

from lacuna_model.checkpoint import weight_files
from lacuna_model.evaluation.documents import read_documents
from lacuna_model.evaluation.filler import ModelFiller
from lacuna_model.evaluation.gaps import sample_gaps
from lacuna_model.evaluation.report import is_exact
from lacuna_model.infill import EMBEDDED_CHECKPOINT, Infiller
from lacuna_model.request import InfillOptions


@pytest.fixture(scope="module")
def infiller() -> Infiller:
    return Infiller.load(device="cpu")


def test_the_embedded_checkpoint_is_small() -> None:
    assert sum(file.stat().st_size for file in weight_files(EMBEDDED_CHECKPOINT)) < 20_000_000


def test_the_embedded_model_beats_the_empty_fill(infiller: Infiller) -> None:
    gaps = sample_gaps(read_documents(), "line_rest", 60, seed=0)  # no gap is empty: an empty fill is never exact
    filler = ModelFiller(infiller, InfillOptions(max_tokens=32))
    assert sum(is_exact(gap, filler.fill(gap).text) for gap in gaps) >= 6


def test_fills_are_made_without_the_compiler() -> None:
    """It takes most of a second to import."""
    code = (
        "import sys; from lacuna_model.infill import Infiller; from lacuna_model.request import InfillRequest;"
        "Infiller.load(device='cpu').infill(InfillRequest(('def add(a, b):\\n    return ', '\\n'), 'python'));"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
