import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lacuna_server.ignore import SECRET_PATTERNS, IgnoreRules
from lacuna_server.reasons import Reason

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="compares with git")
posix = pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without settings of git, so that nobody's own decide a test."""
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.setenv("USERPROFILE", str(directory))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return directory


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / ".git" / "info").mkdir(parents=True)
    return root


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def ignored(root: Path, *names: str) -> set[str]:
    rules = IgnoreRules()
    return {name for name in names if rules.is_ignored(root / name)}


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".env.production",
        "deploy/.env.local",
        ".envrc",
        "server.pem",
        "SERVER.PEM",
        "tls/private.key",
        "id_rsa",
        "id_ed25519.pub",
        "credentials",
        "credentials.json",
        ".netrc",
        ".npmrc",
        ".pypirc",
        "a.p12",
        "passwords.kdbx",
        "secrets.yaml",
        "secrets.py",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        ".ssh/config",
        ".aws/config",
        "home/.docker/config.json",
        "prod.env",
        "config/local.env",
        "config/prod.env.local",
        "client_secret_123.json",
        "google-client-secret.json",
        "application_default_credentials.json",
        "db-credentials.yml",
        "service_account.json",
        "service-account-prod.json",
        "serviceAccountKey.json",
        "shop-firebase-adminsdk-x1.json",
        "AuthKey_X.p8",
        "secret",
        "secrets/db.yaml",
        "secrets/db_password",
        "deploy/secrets/prod/db.yaml",
        "credentials/prod.json",
        "credentials/prod.env",
        "credentials.py",
        "key.pem.bak",
        "private.key.bak",
        ".vault_pass",
        ".vault-token",
        ".my.cnf",
        "rclone.conf",
        "local.settings.json",
        "auth.json",
        ".composer/auth.json",
    ],
)
def test_secret_files(repository: Path, name: str) -> None:
    assert IgnoreRules().reason(repository / name) is Reason.SECRET_FILE
    assert IgnoreRules().is_secret(Path(name))


@pytest.mark.parametrize(
    "name",
    [
        "main.py",
        ".env.example",
        "example.env",
        "env.ts",
        "vite-env.d.ts",
        "environment.py",
        "keys.py",
        "test_secrets.py",
        "config.json",
        "Untitled-1",
        "",
        "credentials/models.py",
        "credentials/store/models.py",
        "credentials_service.py",
        "secrets/manager.go",
        "secrets/store/manager.ts",
        "service_account.py",
        "client_secret.go",
        "serviceaccount.yaml",
        "auth.py",
        "locales/en/auth.json",
        "server.crt",
        "settings.json",
    ],
)
def test_other_files_are_not_secret(repository: Path, name: str) -> None:
    assert IgnoreRules().reason(repository / name) is None
    assert not IgnoreRules().is_secret(Path(name))


def test_directories_count_from_the_work_tree(tmp_path: Path) -> None:
    root = tmp_path / "secrets.d" / "work"
    (root / ".git").mkdir(parents=True)
    assert not IgnoreRules().is_secret(root / "main.py")
    assert IgnoreRules().is_secret(root / "secrets.d" / "main.py")
    assert IgnoreRules().is_secret(tmp_path / ".ssh" / "config")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file:///{}/private/x.ipynb", Reason.IGNORED_FILE),
        ("vscode-notebook-cell:/{}/private/x.ipynb#W0", Reason.IGNORED_FILE),
        ("git:/{}/private/x.py?HEAD", Reason.IGNORED_FILE),
        ("git:/{}/.aws/config?HEAD", Reason.SECRET_FILE),
        ("untitled:/{}/.env", Reason.SECRET_FILE),
        ("untitled:.env", Reason.SECRET_FILE),
        ("vscode-remote://ssh-remote%2Bhost/home/a/.ssh/config", Reason.SECRET_FILE),
        ("vscode-remote://ssh-remote%2Bhost/home/a/%2Essh/config", Reason.SECRET_FILE),
        ("vscode-remote://ssh-remote%2Bhost/{}/private/x.py", None),  # what lies elsewhere git cannot tell
        ("vscode-notebook-cell:/{}/x.ipynb#W0", None),
        ("git:/{}/x.py?.aws/config", None),
        ("untitled:Untitled-1", None),
        ("git:/a%00b.py", None),
        ("file:///a%00b.py", None),
        ("file://[", None),
        ("x", None),
        ("", None),
    ],
)
def test_documents_of_any_scheme(repository: Path, uri: str, reason: Reason | None) -> None:
    write(repository, {".gitignore": "private/\n"})
    assert IgnoreRules().reason_for_uri(uri.format(repository.as_posix().lstrip("/"))) is reason


def test_the_list_of_secrets_is_the_users(repository: Path) -> None:
    rules = IgnoreRules((*SECRET_PATTERNS, "private/", "!secrets.py"))
    assert rules.is_secret(repository / "private" / "a.py")
    assert rules.is_secret(repository / "secrets.json")
    assert not rules.is_secret(repository / "secrets.py")
    assert not IgnoreRules(()).is_secret(repository / ".env")


def test_patterns_that_are_none_match_nothing(repository: Path) -> None:
    write(repository, {".gitignore": "[z-a]\n\\\n!\n***\x00\n*.log\n"})
    assert ignored(repository, "a.log", "a.py") == {"a.log"}
    assert IgnoreRules(("[z-a]", "*.log")).is_secret(Path("a.log"))


def test_nested_files_and_negation(repository: Path) -> None:
    write(
        repository,
        {
            ".gitignore": "\ufeff*.log\r\n/build/\r\n# note\n!keep.log\nout/*\n!out/keep\n",
            "sub/.gitignore": "!a.log\n/local\n",
            ".git/info/exclude": "mine\n*.md\n",
            "docs/.gitignore": "!*.md\n",
        },
    )
    logs = ("a.log", "keep.log", "build/x", "sub/build/x", "sub/a.log", "sub/b.log", "sub/local", "local")
    assert ignored(repository, *logs) == {"a.log", "build/x", "sub/b.log", "sub/local"}
    names = ("mine", "sub/mine/x", "a.md", "docs/a.md", "out/x", "out/keep", ".git/config", "sub/.git/x", "a.py")
    assert ignored(repository, *names) == {"mine", "sub/mine/x", "a.md", "out/x", ".git/config", "sub/.git/x"}


def test_what_lies_in_an_ignored_directory_cannot_be_included_again(repository: Path) -> None:
    write(repository, {".gitignore": "build/\n!build/keep\n", "build/.gitignore": "!*\n"})
    assert ignored(repository, "build/keep", "build/x") == {"build/keep", "build/x"}


@pytest.mark.parametrize(
    ("configuration", "excludes"),
    [
        ({}, "home/.config/git/ignore"),
        ({"home/.gitconfig": "[user]\n\tname = a\n[core]\n\tautocrlf = no\n\texcludesFile = ~/mine\n"}, "home/mine"),
        ({"home/.config/git/config": '[core]\nexcludesfile = "~/mine"\n'}, "home/mine"),
        ({"work/.git/config": "[core]\n\tbare = false\n\texcludesfile = mine\n"}, "work/mine"),
    ],
)
def test_the_users_own_excludes_file(
    repository: Path, tmp_path: Path, configuration: dict[str, str], excludes: str
) -> None:
    write(tmp_path, {**configuration, excludes: "*.tmp\n!b.tmp\n"})
    write(repository, {".gitignore": "!a.tmp\n", ".git/info/exclude": "b.tmp\n"})
    assert ignored(repository, "a.tmp", "b.tmp", "c.tmp") == {"b.tmp", "c.tmp"}


def test_a_further_work_tree_has_the_excludes_of_its_repository(repository: Path, tmp_path: Path) -> None:
    write(repository, {".git/info/exclude": "mine\n", ".git/worktrees/b/commondir": "../..\n"})
    write(tmp_path, {"b/.git": f"gitdir: {repository}/.git/worktrees/b\n"})
    assert ignored(tmp_path / "b", "mine", "other") == {"mine"}


def test_outside_of_work_trees_nothing_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*\n"})
    assert ignored(tmp_path, "a.py") == set()
    assert IgnoreRules().reason(tmp_path / ".env") is Reason.SECRET_FILE


@posix
def test_a_link_is_left_alone_for_its_target(repository: Path, tmp_path: Path) -> None:
    write(repository, {".gitignore": "hidden\n/link.py\n", "hidden/a.py": "", "b.py": ""})
    write(tmp_path, {"elsewhere/.ssh/config": ""})
    for name, target in [("seen.py", "hidden/a.py"), ("link.py", "b.py"), ("c.py", "../elsewhere/.ssh/config")]:
        (repository / name).symlink_to(target)
    (repository / "loop.py").symlink_to("loop.py")
    rules = IgnoreRules()
    names = ("seen.py", "link.py", "c.py", "b.py", "loop.py")
    found = [rules.reason(repository / name) for name in names]
    assert found == [Reason.IGNORED_FILE, Reason.IGNORED_FILE, Reason.SECRET_FILE, None, None]
    assert rules.is_ignored(repository / "x" / ".." / "hidden" / "a.py")


def test_ignore_files_are_read_again_when_told(repository: Path) -> None:
    rules = IgnoreRules()
    assert rules.reason(repository / "a.log") is None
    write(repository, {".gitignore": "*.log\n"})
    assert rules.reason(repository / "a.log") is None
    rules.reload()
    assert rules.reason(repository / "a.log") is Reason.IGNORED_FILE


def test_what_cannot_be_read_ignores_nothing(repository: Path) -> None:
    (repository / ".gitignore").mkdir()
    (repository / "sub").mkdir()
    (repository / "sub" / ".gitignore").write_bytes(b"\xff\xfe*.log\n*.md\n")
    (repository / ".git" / "config").write_bytes(b"\x00[core\n]excludesfile\n[core]\nexcludesfile")
    assert ignored(repository, "a.log", "sub/a.md") == {"sub/a.md"}


@given(st.text(), st.lists(st.text(), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_has_an_answer(repository: Path, name: str, patterns: list[str]) -> None:
    rules = IgnoreRules(patterns)
    assert rules.reason(repository / name) in (None, Reason.SECRET_FILE, Reason.IGNORED_FILE)
    assert isinstance(rules.is_secret(Path(name)), bool)


piece = st.sampled_from(["a", "b", "*", "**", "a*", "?", "[ab]", "a.b"])
pattern = st.builds(
    lambda mark, start, pieces, end: mark + start + "/".join(pieces) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(piece, min_size=1, max_size=3),
    st.sampled_from(["", "/", "  "]),
)
patterns = st.lists(pattern, max_size=4).map("\n".join)


@needs_git
@example("", "", "**/*/**")
@given(patterns, patterns, patterns)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_git_agrees(tmp_path: Path, top: str, nested: str, excludes: str) -> None:
    root = tmp_path / "compared"
    if not root.exists():
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    write(root, {".gitignore": top, "a/.gitignore": nested, ".git/info/exclude": excludes})
    names = ["a/a", "a/b", "a/a.b", "b", "a.b", "ab", "b/a", "b/b/a", "a/b/a", "a/a/b/a.b"]
    write(root, {f"{name}/file": "" for name in ("a/a", "b/b", "a/b", "a/a/b")})
    names += [f"{name}/file" for name in ("a/a", "b/b", "a/b", "a/a/b")]
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    said = subprocess.run(command, cwd=root, input="\n".join(names), capture_output=True, text=True).stdout
    asked = [name for name in names if not (root / name).is_dir()]
    assert ignored(root, *asked) == set(said.split()) & set(asked)
