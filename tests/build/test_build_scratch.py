"""A job's folder goes with the job; what killed ones left is swept by the next."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.build.scratch import scratch, sweep


def test_the_folder_lasts_as_long_as_the_block() -> None:
    with scratch() as folder:
        assert folder.is_dir()
        assert folder.name.startswith(f"harness-{os.getpid()}-")
    assert not folder.exists()


def test_the_folder_of_a_killed_process_is_swept_and_no_other(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom harness.build.scratch import scratch\n"
        "with scratch() as folder:\n    print(folder, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    dead = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    left = Path(dead.stdout.strip())
    assert left.is_dir()
    others = [tmp_path / name for name in ("harness-0", "harness-models", f"harness-{os.getpid()}-abc")]
    for other in others:
        other.mkdir()
    sweep(tmp_path)
    assert not left.exists()
    assert all(other.is_dir() for other in others)


def test_a_folder_that_is_locked_stays_whatever_its_name_says() -> None:
    with scratch() as folder:
        dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                              capture_output=True, text=True, check=True)  # fmt: skip
        renamed = folder.rename(folder.with_name(f"harness-{int(dead.stdout)}-held"))
        sweep(Path(tempfile.gettempdir()))
        assert renamed.is_dir()
        renamed.rename(folder)
