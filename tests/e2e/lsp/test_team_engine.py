"""An engine that somebody else runs, over TLS and with a token."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_editor import SERVER, Connect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files that only their user can read")

LOADING_SECONDS = 120.0
TOKEN = "open-sesame"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def url(checkpoint: Path, certificate: tuple[Path, Path], token_file: Path) -> Iterator[str]:
    """Where the engine listens."""
    public, key = certificate
    command: list[str | Path] = [
        SERVER[0],
        "engine",
        "--device",
        "cpu",
        "--checkpoint",
        checkpoint,
        "--host",
        "127.0.0.1",
    ]
    command += ["--token-file", token_file, "--tls-cert", public, "--tls-key", key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("The engine listens at ").strip()
        process.kill()


async def test_it_is_trusted_with_its_certificate_only(
    connect: Connect, url: str, certificate: tuple[Path, Path], token_file: Path
) -> None:
    assert url.startswith("https://127.0.0.1:")
    team = {"url": url, "token_file": str(token_file), "ca_file": str(certificate[0])}
    editor = await connect({"engine": team})
    editor.open("value = <FILL>\n")
    await editor.until(lambda: "ready" in editor.states, LOADING_SECONDS)
    filled = await editor.ask("fillGaps", textDocument={"uri": "file:///project/x.py"})
    assert filled["edit"] is not None, filled

    for missing, message in (("ca_file", "engine.ca_file"), ("token_file", "engine.token_file")):
        stranger = await connect({"engine": team | {missing: ""}})
        await stranger.until(lambda: bool(stranger.client.messages))  # noqa: B023 (awaited within the loop)
        assert message in stranger.client.messages[0].message
        assert "error" in stranger.states
