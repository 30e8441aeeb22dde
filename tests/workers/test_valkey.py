"""The embedded store starts when needed, is shared, keeps what was written, and stops with its last owner."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from workers.store_errors import StoreDown
from workers.valkey import EmbeddedValkey, server_binary, store_address

OWNER = """
import sys, time
from pathlib import Path
from workers.valkey import EmbeddedValkey
print(EmbeddedValkey(Path(sys.argv[1])).start(), flush=True)
sys.stdin.read()
"""


def answers(address: str) -> bool:
    try:
        with Redis.from_url(address, socket_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False


def server_pid(address: str) -> int:
    with Redis.from_url(address) as client:
        return int(client.info("server")["process_id"])


def other_owner(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Another owner that uses the server until its standard input is closed or it is killed."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert owner.stdout is not None
    return owner, owner.stdout.readline().strip()


def kill(owner: subprocess.Popen[str]) -> None:
    owner.kill()
    owner.communicate(timeout=10)


def clear_away(folder: Path) -> None:
    """A server whose owners were all killed is stopped by the next one that leaves."""
    server = EmbeddedValkey(folder)
    server.start()
    server.stop()


def test_what_was_written_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    with Redis.from_url(server.start()) as client:
        client.set("a", "考证")
    server.stop()
    with Redis.from_url(server.start()) as client:
        assert client.get("a") == "考证".encode()
    server.stop()


def test_what_was_written_survives_the_death_of_the_server(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    address = server.start()
    with Redis.from_url(address) as client:
        client.set("a", "1")
        client.waitaof(1, 0, 2_000)
    os.kill(server_pid(address), signal.SIGKILL)
    second = EmbeddedValkey(tmp_path)
    with Redis.from_url(second.start()) as client:
        assert client.get("a") == b"1"
    second.stop()
    server.stop()
    assert not answers(address)


def test_the_server_stops_with_its_last_owner_and_not_before(tmp_path: Path) -> None:
    first, second = EmbeddedValkey(tmp_path), EmbeddedValkey(tmp_path)
    address = first.start()
    assert second.start() == address
    first.stop()
    assert answers(address)
    second.stop()
    assert not answers(address)


def test_two_processes_share_one_server(tmp_path: Path) -> None:
    owner, address = other_owner(tmp_path)
    ours = EmbeddedValkey(tmp_path)
    assert ours.start() == address
    pid = server_pid(address)
    ours.stop()
    assert server_pid(address) == pid
    kill(owner)
    clear_away(tmp_path)


def test_a_server_whose_owner_was_killed_is_adopted_and_then_stopped(tmp_path: Path) -> None:
    owner, address = other_owner(tmp_path)
    pid = server_pid(address)
    kill(owner)
    ours = EmbeddedValkey(tmp_path)
    assert server_pid(ours.start()) == pid
    ours.stop()
    assert not answers(address)


def test_many_that_start_at_once_get_the_same_server(tmp_path: Path) -> None:
    owners = [other_owner(tmp_path) for _ in range(4)]
    try:
        assert len({address for _, address in owners}) == 1
        assert len({server_pid(address) for _, address in owners}) == 1
    finally:
        for owner, _ in owners:
            kill(owner)
        clear_away(tmp_path)


def test_a_long_path_gets_a_socket_elsewhere_that_only_its_user_may_enter(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25) / "store"
    server = EmbeddedValkey(folder)
    address = server.start()
    socket = Path(address.removeprefix("unix://"))
    assert len(os.fsencode(socket)) <= 100
    assert socket.parent.stat().st_mode & 0o077 == 0
    server.stop()
    assert not socket.parent.exists()
    socket.parent.mkdir(mode=0o755)
    with pytest.raises(StoreDown, match="somebody else"):
        server.start()
    socket.parent.rmdir()


def test_a_server_on_another_socket_is_found_when_the_folder_for_temporary_files_changed(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ("long" * 25) / "store"
    server = EmbeddedValkey(folder)
    address = server.start()
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    run = subprocess.run(
        [sys.executable, "-c", OWNER, str(folder)],
        env={**os.environ, "TMPDIR": str(elsewhere), "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        input="",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.stdout.strip() == address
    server.stop()


def test_the_files_and_the_socket_are_the_users_alone(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "installation" / "store")
    address = server.start()
    assert (tmp_path / "installation").stat().st_mode & 0o077 == 0
    assert (tmp_path / "installation" / "store").stat().st_mode & 0o077 == 0
    assert Path(address.removeprefix("unix://")).stat().st_mode & 0o077 == 0
    server.stop()


def test_nothing_is_evicted_and_every_write_goes_to_the_file(valkey_address: str) -> None:
    with Redis.from_url(valkey_address) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"
        assert client.config_get("port")["port"] == "0"


def test_a_server_that_ends_at_once_is_store_down_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(StoreDown, match="ended at once"):
        EmbeddedValkey(tmp_path).start()


def test_a_folder_that_cannot_be_made_is_store_down_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreDown, match="KAOZHENG_DATA_DIR"):
        EmbeddedValkey(tmp_path / "file" / "store").start()


def test_a_binary_that_is_none_is_store_down_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match="KAOZHENG_REDIS_URL"):
        EmbeddedValkey(tmp_path, binary=tmp_path / "none").start()


async def test_a_configured_address_starts_nothing(tmp_path: Path) -> None:
    async with store_address("redis://example.org", tmp_path) as address:
        assert address == "redis://example.org"
    assert not (tmp_path / "store").is_dir()


async def test_without_one_the_embedded_server_runs_inside_the_block(tmp_path: Path) -> None:
    async with store_address("", tmp_path) as address:
        assert answers(address)
    assert not answers(address)


def test_a_server_is_found_on_this_machine() -> None:
    run = subprocess.run([server_binary(), "--version"], capture_output=True, text=True, timeout=10, check=True)
    assert "server v=" in run.stdout


async def test_who_is_cancelled_while_it_starts_leaves_no_server(tmp_path: Path) -> None:
    async def use() -> None:
        async with store_address("", tmp_path):
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    await asyncio.sleep(0.001)  # the thread that starts the server has begun
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    with pytest.raises(RedisError), Redis(unix_socket_path=str(tmp_path / "store" / "valkey.sock")) as client:
        client.ping()
