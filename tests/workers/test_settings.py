"""Settings come from command line, environment, one file or a default; what is wrong is said in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.limits import DEPTH_LIMITS
from agent.question import DEPTHS
from workers.settings import PREFIX, Settings, SettingsError, load_settings, shown, sources


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine that runs the tests reaches them."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def wrote(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_depths_of_the_house_hold_without_any_setting() -> None:
    settings = load_settings()
    for depth in DEPTHS:
        assert settings.depth_limits(depth) == DEPTH_LIMITS[depth]


def test_a_question_is_quick_without_a_model_and_normal_with_one_unless_the_operator_says() -> None:
    assert Settings().depth == "quick"
    assert Settings(model_url="http://127.0.0.1:30000/v1").depth == "normal"
    assert Settings(default_depth="research").depth == "research"


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = wrote(tmp_path / "kaozheng.toml", "port = 1\nnormal_pages = 2\nquick_pages = 3\n")
    monkeypatch.setenv("KAOZHENG_PORT", "4")
    monkeypatch.setenv("KAOZHENG_NORMAL_PAGES", "5")
    settings = load_settings(port=6)
    assert (settings.port, settings.normal_pages, settings.quick_pages, settings.research_pages) == (
        6,
        5,
        3,
        40,
    )
    origins = sources(settings)
    assert origins["port"] == "command line"
    assert origins["normal_pages"] == "environment KAOZHENG_NORMAL_PAGES"
    assert origins["quick_pages"] == f"file {file}"
    assert origins["research_pages"] == "default"


def test_the_named_file_beats_that_of_the_environment_beats_the_folder_beats_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrote(tmp_path / "config" / "kaozheng" / "kaozheng.toml", "port = 1\n")
    assert load_settings().port == 1
    wrote(tmp_path / "kaozheng.toml", "port = 2\n")
    assert load_settings().port == 2
    monkeypatch.setenv("KAOZHENG_CONFIG", str(wrote(tmp_path / "third.toml", "port = 3\n")))
    assert load_settings().port == 3
    assert load_settings(wrote(tmp_path / "fourth.toml", "port = 4\n")).port == 4


def test_lists_are_written_with_commas_or_as_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAOZHENG_DENY_DOMAINS", " Example.org, example.net ,")
    monkeypatch.setenv("KAOZHENG_LIBRARY", "~/one,two")
    monkeypatch.setenv("KAOZHENG_DEFAULT_DEPTH", "research")
    settings = load_settings(wrote(tmp_path / "a.toml", 'allow_domains = ["debian.org"]\n'))
    assert settings.deny_domains == ("example.org", "example.net")
    assert settings.allow_domains == ("debian.org",)
    assert settings.depth == "research"
    assert settings.library == (tmp_path / "one", tmp_path / "two")


def test_sizes_may_carry_a_unit_and_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAOZHENG_MAX_FILE_BYTES", "21MiB")
    monkeypatch.setenv("KAOZHENG_MODEL_URL", "")
    settings = load_settings()
    assert settings.max_file_bytes == 21 * 1024 * 1024
    assert sources(settings)["model_url"] == "default"


def test_the_engines_follow_what_is_configured(tmp_path: Path) -> None:
    searxng = "http://127.0.0.1:8080"
    assert Settings().search_engines == ("library",)
    assert Settings(searxng_url=searxng, library=()).search_engines == ("searxng",)
    assert Settings(searxng_url=searxng, library=(tmp_path,)).search_engines == ("searxng", "library")
    assert Settings(search_engines="ddgs,library").search_engines == ("ddgs", "library")


def test_the_index_lies_in_the_folder_of_the_store(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path / "d").library_index == tmp_path / "d" / "library.sqlite3"


@pytest.mark.parametrize(
    ("variable", "setting", "hint"),
    [("KAOZHENG_PROT", "prot", "KAOZHENG_PORT"), ("KAOZHENG_MODEL_URI", "model_uri", "KAOZHENG_MODEL_URL")],
)
def test_an_unknown_variable_is_named_with_its_nearest_setting(
    variable: str, setting: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsError, match=f"{variable}.*did you mean {hint}") as caught:
        load_settings()
    assert caught.value.setting == setting


def test_an_unknown_name_in_the_file_is_named_with_its_nearest_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"kaozheng\.toml sets pages_seconds.*did you mean page_seconds"):
        load_settings(wrote(tmp_path / "kaozheng.toml", "pages_seconds = 3\n"))


WRONG = [
    ("PORT", "http"),
    ("PORT", "65536"),
    ("PAGE_SECONDS", "0"),
    ("PAGE_SECONDS", "nan"),
    ("TIME_ZONE", "Mars/Olympus"),
    ("TIME_ZONE", "../etc/passwd"),
    ("SEARCH_ENGINES", "altavista"),
    ("SEARCH_ENGINES", ","),
    ("MODEL_URL", "ftp://example.org"),
    ("MODEL_URL", "http://[::1"),
    ("REDIS_URL", "http://example.org"),
    ("REDIS_URL", "redis://example.org:port"),
    ("DEFAULT_DEPTH", "deep"),
    ("ALLOW_DOMAINS", "https://example.org"),
    ("MAX_FILE_BYTES", "many"),
    ("CONTACT", "a\nb"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_one_line_that_names_the_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.setting == name.lower()
    assert f"{name.lower()} (environment {PREFIX}{name})" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", "\ufffe"])
def test_a_file_that_is_no_toml_is_a_settings_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(wrote(tmp_path / "a.toml", text))


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not there"):
        load_settings(tmp_path / "none.toml")


SECRETS = {
    "KAOZHENG_MODEL_KEY": "hunter2-model",
    "KAOZHENG_API_KEYS": "hunter2-first, hunter2-second",
    "KAOZHENG_REDIS_URL": "redis://user:hunter2-redis@127.0.0.1:6379/0?password=hunter2-query",
    "KAOZHENG_MODEL_URL": "https://user:hunter2-url@example.org/v1",
    "KAOZHENG_SEARCH_PROXY": "http://user:hunter2-proxy@example.org:3128",
}


def test_no_secret_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.model_key.get_secret_value() == "hunter2-model"
    for text in (repr(settings), str(shown(settings)), str(sources(settings))):
        assert "hunter2" not in text
    assert shown(settings)["redis_url"] == "redis://***@127.0.0.1:6379/0"
    assert shown(settings)["api_keys"] == "(2 set)"


@pytest.mark.parametrize("name", ["MODEL_URL", "REDIS_URL", "SEARCH_PROXY", "PAGE_PROXY", "SEARXNG_URL"])
@pytest.mark.parametrize("value", ["gopher://u:hunter2@h", "http://u:hunter2@[h", "http://u:hunter2@h\u2100"])
def test_a_wrong_address_is_reported_without_its_password(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_not_even_settings_that_were_made_by_hand_repeat_a_wrong_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(model_url="ftp://user:hunter2@example.org")
    assert "hunter2" not in str(caught.value)


def test_a_plain_key_is_hashed_as_it_is_loaded_and_a_hash_stays() -> None:
    hashed = "sha256:" + "0" * 64
    settings = Settings(api_keys=("abc", hashed))
    assert settings.api_keys == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        hashed,
    )


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_settings_are_imported_without_the_agent_and_its_heavy_parts() -> None:
    heavy = ["langgraph", "openai", "httpx", "redis", "fastapi"]
    code = f"import sys, workers.settings; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.strip() == "[]"


def test_a_broken_profile_stops_the_start_with_its_file_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\n[quirks]\ntools = "perhaps"\n', encoding="utf-8")
    monkeypatch.setenv("KAOZHENG_MODEL_PROFILE", str(path))
    with pytest.raises(SettingsError, match=r"MODEL_PROFILE.*mine\.toml: quirks\.tools"):
        load_settings()


def test_a_profile_may_be_a_name_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\n', encoding="utf-8")
    assert load_settings(model_profile="ollama").model_profile == "ollama"
    assert load_settings(model_profile=str(path)).model_profile == str(path)
