"""What all tests share: one thread each, the same examples every time, and where the public data lie."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

# Every worker has one core. Set before numpy, torch or numba are imported, which read these once.
for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

# A shell starts background jobs with Ctrl-C ignored, and children inherit that: the tests of interrupts need it heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# While pytest catches log records of all levels, torch.export writes a page of its own for each symbol: seconds a trace.
logging.getLogger("torch.__trace").disabled = True

MOST_WORKERS = 4
"""Each worker imports torch and every back end, about one gigabyte."""

# The same examples on every run: a test says something about the code, not about luck or load.
# `make soak` explores; what it finds becomes an example of its own.
settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("EDGEOPT_HYPOTHESIS", "fixed"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker for each core that this process may use, and not more than memory allows."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the public data or for a browser; no test needs to say it twice."""
    for item in items:
        for fixture, marker in (("data_dir", "data"), ("browser", "browser")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the public data sets: ``EDGEOPT_DATA``, else ``../shared/data`` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EDGEOPT_DATA", beside))
    if not (folder / "README.md").is_file():
        reason = f"no data in {folder}; set EDGEOPT_DATA to the folder that holds milano/, mps/ and the others"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def excerpts() -> Path:
    """Folder of small genuine pieces of the public data sets, laid out like these; see its README."""
    return Path(__file__).parent / "excerpts"


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that is laid out like the public data sets: the excerpts, and invented numbers in their formats."""
    from made_data import make_data

    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session", params=["excerpt", pytest.param("public", marks=pytest.mark.data)])
def genuine(request: pytest.FixtureRequest) -> Path:
    """The excerpts, and the public data sets where they are at hand: nothing invented."""
    folder: Path = request.getfixturevalue("excerpts" if request.param == "excerpt" else "data_dir")
    return folder


@pytest.fixture(scope="session", params=["small", pytest.param("public", marks=pytest.mark.data)])
def any_data(request: pytest.FixtureRequest) -> Path:
    """The small folder, and the public data sets where they are at hand: what is asserted holds on both."""
    folder: Path = request.getfixturevalue("small_data" if request.param == "small" else "data_dir")
    return folder
