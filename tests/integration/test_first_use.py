"""Two threads may meet a kind of object for the first time at the same moment.

msgspec (seen with 0.22.0) prepares a type at its first use and crashes the process when two threads
do so at once; the loop and the writers' threads of a node all read objects. A process of its own is
raced each time, since a type is new only once.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.parties import make_agreement

ROOT = Path(__file__).resolve().parents[2]
RACE = """
import sys, threading
sys.setswitchinterval(1e-6)
from node.data.vocabulary import attribute_vocabulary, category_tree
from protocol.objects.agreement import read_bundle
raw = bytes.fromhex(sys.argv[1])
together, done = threading.Barrier(8), []
def read():
    together.wait()
    done.append(read_bundle(raw).id)
    category_tree(), attribute_vocabulary()
threads = [threading.Thread(target=read) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(done) == 8
"""


def test_threads_that_read_their_first_objects_together_do_not_crash():
    # Unprepared types crashed about every third of these.
    for _ in range(8):
        done = subprocess.run(
            [sys.executable, "-c", RACE, make_agreement().bundle().hex()],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
