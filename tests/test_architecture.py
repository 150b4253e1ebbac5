"""The shape of the house: who imports whom, no clocks in the core, sizes.

Each rule is checked on a wrong example first, so that a checker that sees nothing fails here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE_MAY_IMPORT = {"models", "pydantic", "river", "numpy", "scipy", "msgpack", "jsonpath"}
CORE_MAY_NOT_IMPORT = {
    "asyncio", "ctypes", "glob", "http", "importlib", "io", "locale", "logging", "multiprocessing",
    "os", "pathlib", "pickle", "platform", "random", "secrets", "select", "shutil", "signal",
    "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
CORE_MAY_NOT_CALL = {"open", "print", "input", "exec", "eval", "compile", "__import__"}
CORE_MAY_NOT_ASK = {"now", "utcnow", "today", "environ", "getenv", "urandom"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MEDIAN_FUNCTION_LINES = 10


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names of all imported modules, wherever in the file they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def faults_of_core(source: str) -> list[str]:
    """What a file of models/ must not contain."""
    tree = ast.parse(source)
    faults = []
    for name in imported(tree):
        top = name.split(".")[0]
        known = top in CORE_MAY_IMPORT or top in sys.stdlib_module_names
        if not known or top in CORE_MAY_NOT_IMPORT:
            faults.append(f"imports {name}")
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in CORE_MAY_NOT_CALL:
            faults.append(f"calls {called.id}()")
        if isinstance(node, ast.Attribute) and node.attr in CORE_MAY_NOT_ASK:
            faults.append(f"asks for {node.attr}")
    return faults


def function_lengths(source: str) -> dict[str, int]:
    """Lines of each function, decorators and docstring not counted."""
    lengths = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, *others = node.body
            is_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            body = (others or [first]) if is_doc else node.body
            signature = max(1, first.lineno - node.lineno)
            end = node.end_lineno or node.lineno
            lengths[f"{node.name}:{node.lineno}"] = signature + end - body[0].lineno + 1
    return lengths


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import os", "imports os"),
        ("import os.path as p", "imports os.path"),
        ("from time import time", "imports time"),
        ("def f():\n    import random", "imports random"),
        ("from streams.store import Store", "imports streams.store"),
        ("import redis", "imports redis"),
        ("from . import customer", "imports ."),
        ("from datetime import datetime\ndatetime.now()", "asks for now"),
        ("import datetime as d\nd.datetime.utcnow()", "asks for utcnow"),
        ("date.today()", "asks for today"),
        ("clock = datetime.now", "asks for now"),
        ("open('x')", "calls open()"),
        ("print(1)", "calls print()"),
        ("input()", "calls input()"),
    ],
)
def test_the_checker_sees_what_is_forbidden_in_the_core(source: str, fault: str) -> None:
    assert faults_of_core(source) == [fault]


@pytest.mark.parametrize(
    "source", ["import json", "from models.events import Read", "import numpy as np", "x = 'os'"]
)
def test_the_checker_lets_the_rest_pass(source: str) -> None:
    assert faults_of_core(source) == []


@pytest.mark.parametrize("path", python_files("models"), ids=lambda path: path.name)
def test_the_core_has_no_clock_no_chance_no_environment_and_no_input_or_output(path: Path) -> None:
    assert faults_of_core(path.read_text()) == []


@pytest.mark.parametrize("path", python_files("streams", "models"), ids=lambda path: path.name)
def test_nothing_learned_or_stored_is_ever_unpickled(path: Path) -> None:
    tops = {name.split(".")[0] for name in imported(ast.parse(path.read_text()))}
    assert not tops & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@pytest.mark.parametrize("path", python_files("tests/models"), ids=lambda path: path.name)
def test_tests_of_the_core_need_neither_loops_nor_mocks(path: Path) -> None:
    tree = ast.parse(path.read_text())
    tops = {name.split(".")[0] for name in imported(tree)} | set(imported(tree))
    assert not tops & {"asyncio", "unittest.mock", "mock", "streams"}
    assert not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree))


def test_no_file_is_longer_than_400_lines() -> None:
    files = python_files("models", "streams", "bench", "chaos", "tests")
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert len(lines) > 20
    assert {path: count for path, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_the_ruler_measures_functions_without_their_docstrings() -> None:
    source = 'def f(\n    a,\n):\n    """Doc.\n\n    More.\n    """\n    b = a\n    return b\n'
    assert function_lengths(source) == {"f:1": 5}
    assert function_lengths("def g(): return 1\n") == {"g:1": 2}


def test_functions_are_short() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{name}": length
        for path in python_files("models", "streams", "bench", "chaos")
        for name, length in function_lengths(path.read_text()).items()
    }
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION_LINES} == {}
    assert median(lengths.values()) <= MEDIAN_FUNCTION_LINES


def test_tests_are_files_not_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
