"""A backup brings everything back as it was; a damaged, foreign or newer one changes nothing."""

import asyncio
import hashlib
import io
import json
import tarfile
import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from agent.answer import Answer, Citation
from tools.library_index import Index
from tools.page import Webpage
from workers.backup import BackupRefused, back_up, settings_text
from workers.records import KeptPage
from workers.restore import open_backup, restore
from workers.settings import Settings, load_settings
from workers.store import Retention, Store
from workers.store_errors import StoreDown
from workers.store_keys import Owner, key_of

PAGE = Webpage("https://example.org", "t", "正文")
OWNER = Owner("acme/爱丽丝", "thread-1")


def answer(id_: str = "answer-1", text: str = "text[citation:1]") -> Answer:
    marker = Citation(1, 4, len(text))
    return Answer(id_, "question", "en", "quick", "answered", text, citations=(marker,))


def library_with(file: Path, folder: Path) -> Path:
    Index(file).folder_for(folder)
    return file


def folders_in(file: Path) -> list[str]:
    return [folder.name for folder in Index(file).folders()]


async def everything(client: Redis) -> dict[bytes, tuple[bytes | None, int]]:
    """Each key with its value and when it ends."""
    keys = [key async for key in client.scan_iter(count=1_000)]
    return {key: (await client.dump(key), await client.pexpiretime(key.decode())) for key in keys}


@pytest.fixture
async def store(valkey: Redis) -> Store:
    store = Store(valkey, Retention.of(30, 30, 24))
    await store.migrate()
    await store.put_answer(answer(), (PAGE,), OWNER)
    return store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    index = library_with(tmp_path / "now" / "library.sqlite3", tmp_path / "papers")
    return Settings(library_index=index, data_dir=tmp_path / "now")


@pytest.fixture
async def backup(store: Store, settings: Settings, tmp_path: Path) -> Path:
    await back_up(store, settings, tmp_path / "backup.tar.gz")
    return tmp_path / "backup.tar.gz"


@pytest.fixture
async def user_who_may_not_rename(valkey: Redis, valkey_address: str) -> AsyncIterator[Redis]:
    """A client whose transactions fail at their last step."""
    await valkey.acl_setuser("limited", True, True, categories=["+@all"], commands=["-rename"], keys=["*"])
    async with Redis.from_url(valkey_address, username="limited", password="", socket_timeout=5) as client:
        yield client
    await valkey.acl_deluser("limited")


def unpacked(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def packed(file: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file


def signed(members: dict[str, bytes], **changes: object) -> dict[str, bytes]:
    """The members with a manifest that fits them, as a forger would make it."""
    manifest = json.loads(members["manifest.json"]) | changes
    manifest["members"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
        if name != "manifest.json"
    }
    return members | {"manifest.json": json.dumps(manifest).encode()}


async def test_what_was_backed_up_comes_back_with_its_time_of_expiry(
    store: Store, backup: Path, settings: Settings, tmp_path: Path
) -> None:
    before = await everything(store.client)
    await store.client.flushall()
    await store.put_answer(answer("answer-2"), (), Owner("somebody/else"))
    library_with(settings.library_index, tmp_path / "other papers")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    await restore(open_backup(backup, folder), store, settings.library_index)
    assert {key: value for key, value in (await everything(store.client)).items() if key != b"kz:version"} == {
        key: value for key, value in before.items() if key != b"kz:version"
    }
    assert folders_in(settings.library_index) == ["papers"]


async def test_it_comes_back_on_an_empty_machine(store: Store, backup: Path, tmp_path: Path) -> None:
    await store.client.flushall()
    folder = tmp_path / "unpacked"
    folder.mkdir()
    await restore(open_backup(backup, folder), store, tmp_path / "new" / "library.sqlite3")
    kept = await store.get_answer("answer-1", OWNER.user)
    assert kept is not None
    assert kept.answer == answer()
    assert [turn.question for turn in await store.thread(OWNER.user, "thread-1")] == ["question"]
    assert folders_in(tmp_path / "new" / "library.sqlite3") == ["papers"]


async def test_what_has_expired_since_does_not_come_back(store: Store, settings: Settings, tmp_path: Path) -> None:
    await store.client.pexpire(key_of(OWNER.user, "answer", "answer-1"), 300)
    await back_up(store, settings, tmp_path / "b.tar.gz")
    await asyncio.sleep(0.4)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    await restore(open_backup(tmp_path / "b.tar.gz", folder), store, settings.library_index)
    assert await store.get_answer("answer-1", OWNER.user) is None
    assert len(await store.thread(OWNER.user, "thread-1")) == 1


async def test_fetched_pages_are_neither_backed_up_nor_removed(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    await store.put_page("https://example.org/cached", KeptPage(1.0, PAGE), 60)
    await back_up(store, settings, tmp_path / "b.tar.gz")
    assert b"kz:page:" not in unpacked(tmp_path / "b.tar.gz")["store.jsonl"]
    folder = tmp_path / "unpacked"
    folder.mkdir()
    await restore(open_backup(tmp_path / "b.tar.gz", folder), store, settings.library_index)
    assert await store.get_page("https://example.org/cached") == KeptPage(1.0, PAGE)


async def test_without_a_library_the_one_that_is_there_stays(store: Store, settings: Settings, tmp_path: Path) -> None:
    manifest = await back_up(store, Settings(data_dir=tmp_path / "none"), tmp_path / "b.tar.gz")
    assert (manifest.library_version, sorted(manifest.members)) == (0, ["settings.toml", "store.jsonl"])
    folder = tmp_path / "unpacked"
    folder.mkdir()
    await restore(open_backup(tmp_path / "b.tar.gz", folder), store, settings.library_index)
    assert folders_in(settings.library_index) == ["papers"]


def test_the_settings_in_it_hold_no_secret_and_are_a_settings_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KAOZHENG_CONFIG", "")
    file = tmp_path / "kaozheng.toml"
    file.write_text(
        'port = 8001\nmodel_key = "hunter2"\nredis_url = "redis://u:hunter2@h"\ndeny_domains = ["a.org"]\n'
        "degrade = false\ncontact = 'say \"hi\" \\ there'\nmax_file_bytes = '1MiB'\n",
        encoding="utf-8",
    )
    settings = load_settings(file)
    text = settings_text(settings)
    assert "hunter2" not in text
    assert "# secret: redis_url" in text
    again = tmp_path / "again.toml"
    again.write_text(text, encoding="utf-8")
    restored = load_settings(again)
    for name in ("port", "deny_domains", "degrade", "contact", "max_file_bytes"):
        assert getattr(restored, name) == getattr(settings, name)
    assert "page_seconds" not in tomllib.loads(text)


def test_a_backup_is_its_users_alone_and_nothing_half_written_is_left(backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0
    assert not list(backup.parent.glob("*.part"))


async def test_a_file_that_is_there_is_not_overwritten(store: Store, backup: Path, settings: Settings) -> None:
    with pytest.raises(BackupRefused, match="there already"):
        await back_up(store, settings, backup)
    folder = settings.data_dir / "unpacked"
    folder.mkdir()
    assert open_backup(backup, folder).manifest.keys == 4


def test_it_names_neither_user_nor_host(backup: Path) -> None:
    with tarfile.open(backup) as archive:
        assert {(member.uname, member.gname, member.uid) for member in archive} == {("", "", 0)}


Forge = Callable[[dict[str, bytes]], dict[str, bytes]]
FORGED: dict[str, Forge] = {
    "traversal": lambda m: m | {"../evil": b"x"},
    "signed traversal": lambda m: signed(m | {"../evil": b"x"}),
    "absolute": lambda m: m | {"/evil": b"x"},
    "folder": lambda m: m | {"sub/store.jsonl": b"x"},
    "stranger": lambda m: m | {"extra.txt": b"x"},
    "no manifest": lambda m: {name: content for name, content in m.items() if name != "manifest.json"},
    "no store": lambda m: {name: content for name, content in m.items() if name != "store.jsonl"},
    "not json": lambda m: m | {"manifest.json": b"{"},
    "changed byte": lambda m: m | {"store.jsonl": m["store.jsonl"].replace(b"a", b"b", 1)},
    "longer": lambda m: m | {"settings.toml": m["settings.toml"] + b"port = 1\n"},
    "newer format": lambda m: signed(m, format=2),
    "newer store": lambda m: signed(m, store_version=99),
    "newer library": lambda m: signed(m, library_version=99),
    "older library than said": lambda m: signed(m, library_version=0),
    "wrong count": lambda m: signed(m, keys=7),
    "no line": lambda m: signed(m | {"store.jsonl": b"nonsense\n"}, keys=1),
    "foreign key": lambda m: signed(
        m | {"store.jsonl": m["store.jsonl"].replace(b'"key":"kz:u:', b'"key":"other:', 1)}
    ),
    "version key": lambda m: signed(
        m | {"store.jsonl": b'{"key":"kz:version","expires_ms":0,"dump":"AAAA"}\n'}, keys=1
    ),
    "no base64": lambda m: signed(
        m | {"store.jsonl": '{"key":"kz:u:a:b:c","expires_ms":0,"dump":"é"}\n'.encode()}, keys=1
    ),
    "no index": lambda m: signed(m | {"library.sqlite3": b"no database at all" * 100}),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_or_newer_backup_is_refused_before_anything_is_written(how: str, backup: Path, tmp_path: Path) -> None:
    forged = packed(tmp_path / "forged.tar.gz", FORGED[how](unpacked(backup)))
    folder = tmp_path / "a" / "unpacked"
    folder.mkdir(parents=True)
    with pytest.raises(BackupRefused):
        open_backup(forged, folder)
    assert not list(tmp_path.rglob("evil"))
    assert not Path("/evil").exists()


def test_a_link_in_place_of_a_member_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "forged.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("store.jsonl")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(BackupRefused, match="no plain file"):
        open_backup(tmp_path / "forged.tar.gz", tmp_path)


@pytest.mark.parametrize("part", [0, 10, 200, 500])
def test_a_file_that_is_cut_is_refused(part: int, backup: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(backup.read_bytes()[:part])
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(BackupRefused):
        open_backup(cut, folder)


async def test_a_value_that_the_server_refuses_leaves_everything_as_it_was(
    store: Store, backup: Path, settings: Settings, tmp_path: Path
) -> None:
    members = unpacked(backup)
    lines = members["store.jsonl"].splitlines(keepends=True)
    bad = json.loads(lines[-1]) | {"dump": "AAECAwQFBgcICQ=="}
    members["store.jsonl"] = b"".join(lines[:-1]) + json.dumps(bad).encode() + b"\n"
    forged = packed(tmp_path / "forged.tar.gz", signed(members))
    await store.put_answer(answer("answer-2"), (), OWNER)
    library_with(settings.library_index, tmp_path / "other papers")
    before, library = await everything(store.client), folders_in(settings.library_index)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(BackupRefused, match="refuses"):
        await restore(open_backup(forged, folder), store, settings.library_index)
    assert await everything(store.client) == before
    assert folders_in(settings.library_index) == library


async def test_an_index_that_cannot_be_written_leaves_everything_as_it_was(
    store: Store, backup: Path, tmp_path: Path
) -> None:
    await store.put_answer(answer("answer-2"), (), OWNER)
    before = await everything(store.client)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    occupied = tmp_path / "library.sqlite3"
    occupied.mkdir()
    with pytest.raises(BackupRefused, match="cannot be written"):
        await restore(open_backup(backup, folder), store, occupied)
    assert await everything(store.client) == before


async def test_a_store_that_breaks_off_in_the_middle_gets_the_old_library_back(
    store: Store, backup: Path, settings: Settings, user_who_may_not_rename: Redis, tmp_path: Path
) -> None:
    library_with(settings.library_index, tmp_path / "other papers")
    before, library = await everything(store.client), folders_in(settings.library_index)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    limited = Store(user_who_may_not_rename, Retention.of(30, 30, 24))
    with pytest.raises(StoreDown):
        await restore(open_backup(backup, folder), limited, settings.library_index)
    assert await everything(store.client) == before
    assert folders_in(settings.library_index) == library
