"""`lacuna engine` on a socket, which also writes down what became of every fill, cancelled ones too.

Nobody else can tell: who cancels a fill does not wait for its end. `record.jsonl`, beside the socket, gets a line for
each fill: the result without its texts, when it began on the clock of `time.monotonic`, whether it began from a draft,
and the last characters before its gap, to know it by.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from lacuna_server.engine.listening import listen_on_socket
from lacuna_server.engine.protocol import FillCall, ResultEvent, StepEvent, encode
from lacuna_server.engine.service import ServiceOptions, serve
from lacuna_server.engine.worker import Worker

RECORD = "record.jsonl"
TAIL = 120


class RecordingWorker(Worker):
    """A worker with a record of its results."""

    def __init__(self, checkpoint: Path | None, device: str, record: Path) -> None:
        super().__init__(checkpoint, device)
        self._record = record.open("w", encoding="utf-8", buffering=1)

    async def fill(
        self, call: FillCall, emit: Callable[[StepEvent], None], cancelled: Callable[[], bool]
    ) -> ResultEvent:
        """Fills, and writes down what came of it."""
        began = time.monotonic()
        result = await super().fill(call, emit, cancelled)
        line = json.loads(encode(result)) | {"began": began, "tail": call.segments[0][-TAIL:]}
        line["has_draft"] = call.draft is not None
        del line["fills"]
        self._record.write(json.dumps(line) + "\n")
        return result


def main() -> None:
    """Serves until it is terminated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    worker = RecordingWorker(arguments.checkpoint, arguments.device, arguments.socket.with_name(RECORD))
    serve(worker, listen_on_socket(arguments.socket), ServiceOptions())


if __name__ == "__main__":
    main()
