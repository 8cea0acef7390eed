import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.core.errors import InputError
from harness.measure import measuring

pytestmark = pytest.mark.xdist_group("processes")  # they stop, count and kill processes

HOLD = """
import sys
from harness.measure import measuring
with measuring(map(int, sys.argv[1:])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def hold(tmp_path):
    """Start processes that hold cores until they are told to let go."""
    started = []

    def hold(*cores, wait=True):
        command = [sys.executable, "-c", HOLD, *map(str, cores)]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        started.append(process)
        if wait:
            assert holds(process)
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def holds(process):
    """Wait until `process` says that it holds its cores; give up after a while."""
    return bool(select.select([process.stdout], [], [], 20)[0]) and process.stdout.readline() == "held\n"


def asleep(process):
    """Wait until `process` sleeps in the kernel's wait for a lock; give up after a while."""
    for _ in range(600):
        if "lock" in Path(f"/proc/{process.pid}/wchan").read_text():
            return True
        time.sleep(0.05)
    return False


def test_who_wants_a_core_that_is_held_waits_for_it(hold):
    first = hold(0, 1)
    second = hold(1, 2, wait=False)
    assert asleep(second)
    first.communicate("go\n")
    assert second.stdout.readline() == "held\n"


def test_other_cores_are_free(hold):
    hold(0)
    hold(1)
    assert holds(hold(2, 3, wait=False))


def test_cores_of_a_process_that_dies_are_free(hold):
    hold(0).kill()
    assert holds(hold(0, wait=False))


def test_locks_that_cannot_be_made_are_an_error_that_says_where(tmp_path):
    with (
        pytest.raises(InputError, match=r"nowhere/harness-\d+/core-0.lock: No such file.*TMPDIR"),
        measuring((0,), tmp_path / "nowhere"),
    ):
        pass
