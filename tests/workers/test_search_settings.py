"""Which engines are asked, with which keys, and what the settings say of them."""

import time
from pathlib import Path

import pytest

from tools.errors import ToolError
from tools.page import Webpage
from tools.search import SearchQuery
from workers.backup import settings_text
from workers.build import open_house
from workers.records import KeptPage
from workers.settings import Settings, load_settings, shown
from workers.settings_error import SettingsError

KEYED = ("bocha", "brave", "exa", "serper", "tavily")
SECRET = "k3y-that-nobody-may-see"
PROXIES = ("DDGS_PROXY", "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


async def opened(settings: Settings) -> None:
    async with open_house(settings, lambda _line: None):
        pass


@pytest.mark.parametrize("name", KEYED)
async def test_an_engine_without_its_key_stops_the_start(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"KAOZHENG_{name.upper()}_KEY") as error:
        await opened(Settings(data_dir=tmp_path, library=(), search_engines=(name,)))
    assert error.value.setting == f"{name}_key"


@pytest.mark.parametrize("name", KEYED)
async def test_a_key_alone_puts_its_engine_before_the_library(name: str, tmp_path: Path) -> None:
    settings = Settings(**{"data_dir": tmp_path, "library": (tmp_path,), f"{name}_key": SECRET})
    assert settings.search_engines == (name, "library")
    assert Settings(**{"library": (), f"{name}_key": SECRET}).search_engines == (name,)
    await opened(Settings(**{**settings.model_dump(), "library": ()}))


@pytest.mark.parametrize("name", KEYED)
def test_no_view_of_the_settings_shows_a_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"KAOZHENG_{name.upper()}_KEY", SECRET)
    settings = load_settings()
    assert shown(settings)[f"{name}_key"] == "(1 set)"
    backup = settings_text(settings)
    assert f"# secret: {name}_key" in backup
    assert SECRET not in f"{settings!r}{shown(settings)}{backup}"


@pytest.mark.parametrize("odd", [" ", "\n", "é"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(odd: str) -> None:
    with pytest.raises(SettingsError, match="brave_key") as error:
        load_settings(brave_key=SECRET + odd)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("proxy", [*PROXIES, *map(str.lower, PROXIES)])
async def test_ddgs_is_not_opened_where_the_environment_would_lead_it_through_a_proxy(
    proxy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The library obeys these variables whatever it is told (seen with ddgs 9.16 and primp 2.0)."""
    monkeypatch.setenv(proxy, "http://user:pass@127.0.0.1:9")
    settings = Settings(data_dir=tmp_path, library=(), search_engines=("ddgs",))
    with pytest.raises(SettingsError, match=proxy) as error:
        await opened(settings)
    assert "pass" not in str(error.value)
    await opened(Settings(**{**settings.model_dump(), "search_proxy": "http://127.0.0.1:9"}))


async def test_the_other_engines_do_not_see_the_environments_proxies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for proxy in PROXIES:
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "tides.md").write_text("# Tides\n\nTides are caused by the moon.\n", encoding="utf-8")
    settings = Settings(data_dir=tmp_path / "data", library=(pages,), search_engines=("library",))
    async with open_house(settings, lambda _line: None) as house:
        assert await house.deps.search(SearchQuery("tides"))


class Shelf:
    """Holds one page, checked two hours ago."""

    async def get_page(self, url: str) -> KeptPage | None:
        return KeptPage(time.time() - 2 * 3_600, Webpage(url, "t", "kept text"))

    async def put_page(self, _url: str, _kept: KeptPage, _seconds: float) -> bool:
        return False


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"page_hours": 3.0}, ""), ({"page_hours": 1.0}, "dns"), ({"deny_domains": ("kept.invalid",)}, "not_allowed")],
)
async def test_kept_pages_are_read_as_the_settings_say(changed: dict[str, object], reason: str, tmp_path: Path) -> None:
    settings = Settings(**{"data_dir": tmp_path, "library": (), "page_seconds": 5.0, **changed})
    async with open_house(settings, lambda _line: None, Shelf()) as house:
        if not reason:
            assert (await house.deps.read("http://kept.invalid/a")).text == "kept text"
            return
        with pytest.raises(ToolError) as error:
            await house.deps.read("http://kept.invalid/a")
    assert error.value.reason == reason
