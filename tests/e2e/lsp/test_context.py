"""What the engine is given to read besides the document, and under which names."""

from pathlib import Path
from typing import Any

from lsprotocol import types
from scripted_editor import Connect
from scripted_engine import ScriptedEngine

SHOP = "def compute_total(order, tax_rate):\n    return order.total * tax_rate\n"
OTHER = "order, tax_rate = load_order()\ntotal_value = compute_total(order, tax_rate)\n"
MARKED = "from shop import compute_total\n\norder, tax_rate = 1, 2\ntotal_value = compute_total(<|>)\n"
AMPLE = 4_000


def folder(path: Path) -> types.WorkspaceFolder:
    return types.WorkspaceFolder(path.as_uri(), path.name)


async def test_neighbours_are_placed_ahead_of_the_prefix_if_wanted(
    connect: Connect, engine: ScriptedEngine, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    uri, other = ((tmp_path / name).as_uri() for name in ("x.py", "other.py"))
    editor = await connect(workspace_folders=[folder(tmp_path)])
    editor.open(OTHER, other)
    editor.type("#", types.Position(0, 0), 2, other)
    cursor = editor.open(MARKED, uri)
    await editor.is_ready()
    prefix = MARKED.partition("<|>")[0]
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({}, []),
        ({"imports": AMPLE}, ["# shop.py\ndef compute_total(order, tax_rate)"]),
        ({"similar": AMPLE}, ["# other.py\n#order, tax_rate = load_order()"]),
        ({"edits": AMPLE}, ["# other.py\n#order, tax_rate = load_order()"]),
        ({"imports": 0, "similar": 0, "edits": 0}, []),
        ({"imports": AMPLE, "edits": AMPLE}, ["# shop.py\n", "# other.py\n"]),
    ]
    for num_calls, (settings, neighbours) in enumerate(wanted, start=1):
        editor.set({"context": settings})
        await editor.suggest(cursor, uri)
        assert len(engine.calls) == num_calls
        segments = engine.calls[-1].segments
        ahead = segments[0].removesuffix(prefix)
        assert segments == (ahead + prefix, MARKED.partition("<|>")[2])
        assert all(neighbour in ahead for neighbour in neighbours), settings
        assert ahead.endswith("# x.py\n") if neighbours else ahead == ""


async def test_folders_come_and_go(connect: Connect, engine: ScriptedEngine, tmp_path: Path) -> None:
    first, second = (folder(tmp_path / name) for name in ("first", "second"))
    uri = (tmp_path / "second" / "src" / "x.py").as_uri()
    editor = await connect({"context": {"similar": AMPLE}}, workspace_folders=[first])
    editor.open(OTHER, (tmp_path / "first" / "other.py").as_uri())
    await editor.is_ready()
    for added, removed, path in (([], [], "x.py"), ([second], [], "second/src/x.py"), ([], [first], "src/x.py")):
        event = types.WorkspaceFoldersChangeEvent(added, removed)
        editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        editor.close(uri)  # what was suggested there is forgotten
        await editor.suggest(editor.open(MARKED, uri), uri)
        assert f"# {path}\nfrom shop" in engine.calls[-1].segments[0]
    assert len(engine.calls) == 3
