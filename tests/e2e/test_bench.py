"""The measurement as a whole, in its small size: it runs, and what it tells can be true."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.timeout(180)
def test_the_measurement_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.baseline", "--quick", "--json"],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout)
    measured = told["measured"]
    assert told["schema"] == "intentcast.baseline/1"
    # Every cast was committed and went to all seven: otherwise the run would not have ended.
    assert measured["ingest"]["casts"] == 600
    assert measured["ingest"]["cpu_s"] > 0
    # A copy is looked up, not verified again.
    a_copy = measured["ingest"]["copies_cpu_s"] / measured["ingest"]["copies"]
    a_cast = measured["ingest"]["cpu_s"] / measured["ingest"]["casts"]
    assert a_copy < a_cast / 2
    assert all(each["rss_bytes"] > 0 for each in measured["memory"])
    assert len(measured["first_offers_s"]) == 4
