"""The compose file: valid by the specification, split into networks, hardened, exact about SGLang's flags.

No container engine runs where the tests run: what can be read is checked; docs/deploy.md says what is not.
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agent.profile_files import profile_of
from workers.settings import NAMES

ROOT = Path(__file__).parent.parent
MODEL_SERVERS = ("sglang-r1-0528", "sglang-r1-8b")
OURS = ("api", "worker", "slack")
SERVICES = (*OURS, "valkey", "queue", "searxng", *MODEL_SERVERS, "sglang-router")

# What SGLang's cookbook gives for R1-0528 on eight H200 (seen in the help of 0.5.23).
R1_FLAGS = {
    "--model-path": "deepseek-ai/DeepSeek-R1-0528",
    "--served-model-name": "deepseek-r1-0528",
    "--tp": "8",
    "--trust-remote-code": "",
    "--reasoning-parser": "deepseek-r1",
    "--tool-call-parser": "deepseekv3",
    "--chat-template": "/tpl/tool_chat_template_deepseekr1.jinja",
    "--speculative-algorithm": "EAGLE",
    "--speculative-num-steps": "3",
    "--speculative-eagle-topk": "1",
    "--speculative-num-draft-tokens": "4",
    "--constrained-json-disable-any-whitespace": "",
    "--enable-cache-report": "",
    "--enable-metrics": "",
    "--stream-interval": "1",
    "--max-queued-requests": "64",
    "--host": "0.0.0.0",
    "--port": "30000",
}
R1_8B_FLAGS = {
    "--model-path": "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B",
    "--tp": "1",
    "--reasoning-parser": "deepseek-r1",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def flags(service: dict[str, Any]) -> dict[str, str]:
    pairs = [argument.partition("=") for argument in service["command"]]
    return {name: value for name, _, value in pairs}


def test_the_file_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "tests/samples/compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.validate(compose, schema)


def test_the_specification_at_hand_does_refuse_a_misspelt_key(compose: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "tests/samples/compose-spec.json").read_text(encoding="utf-8"))
    broken = {**compose, "services": {"api": {**compose["services"]["api"], "read_onyl": True}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_all_parts_are_there_and_no_others(compose: dict[str, Any]) -> None:
    assert sorted(compose["services"]) == sorted(SERVICES)


def test_model_servers_start_only_with_their_profile(compose: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles", []) for name, service in compose["services"].items()}
    assert profiles == {
        "api": [],
        "valkey": [],
        "searxng": [],
        "queue": [],
        "worker": [],
        "slack": ["slack"],
        "sglang-r1-0528": ["r1-0528"],
        "sglang-r1-8b": ["r1-8b"],
        "sglang-router": ["router"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])
    assert not {"network_mode", "ipc", "pid", "userns_mode"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_is_root(compose: dict[str, Any], name: str) -> None:
    user, group = compose["services"][name]["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ("worker", "slack")])
def test_every_running_service_has_a_health_check(compose: dict[str, Any], name: str) -> None:
    check = compose["services"][name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert all(check[name] for name in ("interval", "timeout", "retries"))


def test_store_and_model_server_have_no_way_out(compose: dict[str, Any]) -> None:
    internal = {name for name, network in compose["networks"].items() if network.get("internal")}
    assert internal == {"store", "model"}
    for name in ("valkey", "queue", *MODEL_SERVERS):
        assert set(compose["services"][name]["networks"]) <= internal, name


def test_only_those_who_need_it_reach_the_store_the_model_and_the_web(compose: dict[str, Any]) -> None:
    def members(network: str) -> set[str]:
        return {name for name, service in compose["services"].items() if network in service["networks"]}

    assert members("store") == {*OURS, "valkey", "queue"}
    assert members("model") == {*OURS, *MODEL_SERVERS, "sglang-router"}
    assert members("egress") == {*OURS, "searxng", "sglang-router"}


def test_the_queue_lies_apart_from_pages_and_answers(compose: dict[str, Any]) -> None:
    for name in OURS:
        given = compose["services"][name]["environment"]
        assert given["KAOZHENG_QUEUE_URL"] != given["KAOZHENG_REDIS_URL"]
    stores = [compose["services"][name]["volumes"] for name in ("valkey", "queue")]
    assert stores[0][0] != stores[1][0]
    assert stores[0][1] == stores[1][1]  # the file that forbids to forget (below)


def test_the_api_alone_is_published_and_on_loopback_alone(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(compose: dict[str, Any], name: str) -> None:
    tag = compose["services"][name]["image"].rpartition(":")[2]
    assert re.search(r"\d+\.\d+", tag), f"{name} follows a moving tag"
    assert "latest" not in tag


def test_r1_runs_with_the_flags_it_was_tested_with(compose: dict[str, Any]) -> None:
    assert flags(compose["services"]["sglang-r1-0528"]) == R1_FLAGS


def test_the_8b_runs_on_one_gpu_with_its_own_flags(compose: dict[str, Any]) -> None:
    given = flags(compose["services"]["sglang-r1-8b"])
    assert given | R1_8B_FLAGS == given
    # Its tokenizer has none of R1's tool tokens; with deepseekv3 a split marker leaks into the text.
    assert "--tool-call-parser" not in given


@pytest.mark.parametrize("name", MODEL_SERVERS)
def test_the_tool_parser_is_never_guessed_and_no_pickled_code_is_taken(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    words = " ".join([*service["entrypoint"], *service["command"]])
    # `auto` picks deepseekv31 for R1's template: no call is ever found.
    assert "auto" not in words
    assert "--enable-custom-logit-processor" not in words


@pytest.mark.parametrize("name", MODEL_SERVERS)
def test_a_model_server_asks_for_both_keys(compose: dict[str, Any], name: str) -> None:
    script = compose["services"][name]["entrypoint"][2]
    for key, flag in (("KAOZHENG_MODEL_KEY", "--api-key"), ("SGLANG_ADMIN_KEY", "--admin-api-key")):
        assert f"$${{{key}:?" in script, "without the key the server must not start"
        assert f'{flag} "$${key}"' in script


@pytest.mark.parametrize(("name", "count"), [("sglang-r1-0528", 8), ("sglang-r1-8b", 1)])
def test_tensor_parallelism_and_reserved_gpus_agree(compose: dict[str, Any], name: str, count: int) -> None:
    service = compose["services"][name]
    (devices,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert devices == {"driver": "nvidia", "count": count, "capabilities": ["gpu"]}
    assert flags(service)["--tp"] == str(count)


@pytest.mark.parametrize("name", SERVICES)
def test_files_of_the_project_are_mounted_read_only(compose: dict[str, Any], name: str) -> None:
    for volume in compose["services"][name].get("volumes", []):
        source, _, target = volume.partition(":/")
        if source.startswith((".", "$")):
            assert target.endswith(":ro"), volume
        else:
            assert source in compose["volumes"], volume


def test_no_key_stands_in_the_file(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if variable.endswith(("_KEY", "_SECRET", "_TOKEN")):
                assert value is None, f"{name} gives {variable} a value"


@pytest.mark.parametrize("name", OURS)
def test_only_settings_that_exist_are_given(compose: dict[str, Any], name: str) -> None:
    given = {variable.removeprefix("KAOZHENG_").lower() for variable in compose["services"][name]["environment"]}
    assert given <= set(NAMES)


def test_searxng_answers_in_json_and_limits_nobody() -> None:
    settings = yaml.safe_load((ROOT / "docker/searxng/settings.yml").read_text(encoding="utf-8"))
    assert "json" in settings["search"]["formats"]
    assert settings["server"]["limiter"] is False
    assert "secret_key" not in settings["server"]


def test_valkey_forgets_nothing_it_has_accepted() -> None:
    lines = (ROOT / "docker/valkey.conf").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] in ("everysec", "always")
    assert settings["maxmemory-policy"] == "noeviction"


def dockerfile() -> list[str]:
    """One string per instruction, continuation lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_the_image_is_made_of_locked_packages_only() -> None:
    (install,) = [line for line in dockerfile() if "pip install" in line]
    assert "--require-hashes" in install
    assert "requirements.lock" in install
    assert not re.search(r"https?://|index-url|find-links", install)


def test_the_image_is_pinned_not_root_and_checks_its_own_health() -> None:
    lines = dockerfile()
    assert {line.split()[1] for line in lines if line.startswith("FROM")} == {"python:3.11.14-slim-bookworm"}
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_the_image_names_no_host_of_a_registry() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    hosts = re.findall(r"\b(?:[a-z0-9-]+\.)+(?:org|com|io|net|cn|dev)\b", text)
    assert hosts == []


def test_all_that_is_copied_into_the_image_passes_the_ignore_file() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"}
    copied = {
        source
        for line in dockerfile()
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == kept


def test_the_router_is_cache_aware_asks_for_the_key_and_is_healthy_only_with_a_server(compose: dict[str, Any]) -> None:
    router = compose["services"]["sglang-router"]
    assert flags(router)["--policy"] == "cache_aware"
    assert "/readiness" in router["healthcheck"]["test"][-1]
    assert "KAOZHENG_MODEL_KEY:?" in router["entrypoint"][2]


@pytest.mark.parametrize(
    ("service", "profile"), [("sglang-r1-0528", "r1-0528-sglang"), ("sglang-r1-8b", "r1-0528-qwen3-8b-sglang")]
)
def test_each_model_server_is_started_as_its_profile_says(compose: dict[str, Any], service: str, profile: str) -> None:
    words = " ".join(profile_of(profile).launch.command[3:]).replace("{templates}", "/tpl").split(" --")
    wanted = {"--" + word.lstrip("-").partition(" ")[0]: word.partition(" ")[2] for word in words}
    wanted.pop("--api-key")  # the entry point adds it, so that it stands in no file
    given = flags(compose["services"][service])
    assert {name: given.get(name) for name in wanted} == wanted
