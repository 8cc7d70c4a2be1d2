"""What several tests share: where the real data lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# At home hypothesis looks for new examples on every run; a release is judged by the same ones each time.
# How long the first draw takes (it imports what it draws) says nothing about a test.
settings.register_profile("home", suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("home"), derandomize=True)
settings.load_profile("home")
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


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
