"""What is installed holds what is not Python, too."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_holds_pages_scripts_and_type_marks_and_nothing_of_tests(tmp_path: Path) -> None:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with ZipFile(built) as wheel:
        names = set(wheel.namelist())
        entry_points = wheel.read("streaming_segmenter-0.1.0.dist-info/entry_points.txt").decode()
    for folder, least in (("streams/api/static", 45), ("streams/scripts", 6), ("models", 30)):
        here = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert len(here) >= least
        assert here - names == set()
    assert "[pytest11]\nsegmenter = streams.pytest_plugin" in entry_points
    tops = {name.split("/")[0] for name in names}
    assert tops == {"models", "streams", "streaming_segmenter-0.1.0.dist-info"}
