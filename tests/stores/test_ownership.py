import os
import subprocess
import sys

import pytest

from troth.errors import StoreOwnedError
from troth.stores.ownership import Ownership

HOLD = """
import sys
from pathlib import Path
from troth.stores.ownership import Ownership
ownership = Ownership.take(Path(sys.argv[1]))
print("owned", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "troth.db"


@pytest.fixture
def owner(path):
    """Another process that owns the store."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"owned\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_owns_it(path, owner):
    with pytest.raises(StoreOwnedError, match=rf"process {owner.pid}.*stop it.*troth get") as refusal:
        Ownership.take(path)
    assert refusal.value.owner_pid == owner.pid


def test_a_killed_owner_leaves_nothing_locked(path, owner):
    owner.kill()
    owner.wait()
    Ownership.take(path).release()


def test_the_same_process_is_refused_too(path):
    ownership = Ownership.take(path)
    with pytest.raises(StoreOwnedError, match="in this process") as refusal:
        Ownership.take(path)
    assert refusal.value.owner_pid == os.getpid()
    ownership.release()
    ownership.release()
    Ownership.take(path).release()


def test_an_owner_that_has_not_said_its_pid_is_unknown(path):
    ownership = Ownership.take(path)
    lock = path.with_name("troth.db.lock")
    lock.write_text("")
    with pytest.raises(StoreOwnedError, match="another process") as refusal:
        Ownership.take(path)
    assert refusal.value.owner_pid is None
    ownership.release()


def test_the_lock_is_for_this_user_only(path):
    ownership = Ownership.take(path)
    lock = path.with_name("troth.db.lock")
    assert lock.stat().st_mode & 0o777 == 0o600
    assert lock.read_text() == f"{os.getpid()}\n"
    ownership.release()
    assert lock.read_text() == ""
