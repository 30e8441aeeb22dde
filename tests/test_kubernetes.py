"""The Kubernetes example: it parses, and says of SGLang and its router what the profiles say.

No cluster runs where the tests run; docs/sglang.md says so.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.profile_files import profile_of
from workers.settings import PREFIX, Settings
from workers.worker_build import STOPPING_SECONDS

ROOT = Path(__file__).parent.parent
FILE = ROOT / "examples" / "kubernetes" / "sglang-router.yaml"
Part = dict[str, Any]


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return [part for part in yaml.safe_load_all(FILE.read_text(encoding="utf-8")) if part]


def one(parts: list[Part], kind: str, name: str) -> Part:
    found = [part for part in parts if part["kind"] == kind and part["metadata"]["name"] == name]
    assert len(found) == 1, (kind, name)
    return found[0]


def pod(parts: list[Part], kind: str, name: str) -> Part:
    spec: Part = one(parts, kind, name)["spec"]["template"]["spec"]
    return spec


def flags(words: list[str]) -> dict[str, str]:
    """`--a=b` and `--a b` alike; the words before the first flag are the program's."""
    found: dict[str, str] = {}
    last = ""
    for word in words:
        if word.startswith("--"):
            last, _, found[last] = word.partition("=")[0], "", word.partition("=")[2]
        elif last and not found[last]:
            found[last] = word
    return found


def test_every_part_says_what_it_is(parts: list[Part]) -> None:
    assert all({"apiVersion", "kind", "metadata"} <= set(part) for part in parts)
    names = [(part["kind"], part["metadata"]["name"]) for part in parts]
    assert len(names) == len(set(names))
    assert {kind for kind, _ in names} >= {"StatefulSet", "Deployment", "Service", "NetworkPolicy", "Role"}


def test_the_servers_are_started_as_the_profile_says(parts: list[Part]) -> None:
    wanted = flags(list(profile_of("r1-0528-sglang").launch.command))
    given = flags(pod(parts, "StatefulSet", "sglang")["containers"][0]["args"])
    own = {"--api-key": "$(SGLANG_KEY)", "--chat-template": "/templates/tool_chat_template_deepseekr1.jinja"}
    assert given == {**wanted, **own}


def test_the_router_is_cache_aware_and_ready_only_with_a_server_behind_it(parts: list[Part]) -> None:
    router = pod(parts, "Deployment", "sglang-router")["containers"][0]
    given = flags(router["args"])
    assert given["--policy"] == "cache_aware"
    assert router["readinessProbe"]["httpGet"]["path"] == "/readiness"
    labels = one(parts, "StatefulSet", "sglang")["spec"]["template"]["metadata"]["labels"]
    key, _, value = given["--selector"].partition("=")
    assert labels[key] == value
    assert (
        given["--service-discovery-port"]
        == flags(pod(parts, "StatefulSet", "sglang")["containers"][0]["args"])["--port"]
    )


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "sglang"), ("Deployment", "sglang-router")])
def test_nobody_is_root_and_no_image_floats(parts: list[Part], kind: str, name: str) -> None:
    spec = pod(parts, kind, name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert ":" in container["image"]
        assert not container["image"].endswith(":latest")
        assert container["resources"]["limits"]["memory"]


def test_keys_come_from_a_secret_only(parts: list[Part]) -> None:
    for kind, name in (("StatefulSet", "sglang"), ("Deployment", "sglang-router")):
        entries = {entry["name"]: entry for entry in pod(parts, kind, name)["containers"][0]["env"]}
        assert entries["SGLANG_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "sglang", "key": "key"}
    assert not [part for part in parts if part["kind"] == "Secret"]


def test_the_servers_are_reached_by_the_router_alone_and_have_no_way_out(parts: list[Part]) -> None:
    policy = one(parts, "NetworkPolicy", "sglang")["spec"]
    assert policy["egress"] == []
    assert policy["ingress"][0]["from"] == [{"podSelector": {"matchLabels": {"app": "sglang-router"}}}]


# --- workers -----------------------------------------------------------------


@pytest.fixture(scope="module")
def workers() -> list[Part]:
    text = (ROOT / "examples" / "kubernetes" / "worker.yaml").read_text(encoding="utf-8")
    return [part for part in yaml.safe_load_all(text) if part]


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "kaozheng-worker"), ("StatefulSet", "kaozheng-queue")])
def test_workers_and_their_queue_are_nobodys_root_and_no_image_floats(
    workers: list[Part], kind: str, name: str
) -> None:
    test_nobody_is_root_and_no_image_floats(workers, kind, name)


def test_a_worker_is_set_as_the_settings_know_it_and_may_end_its_rows(workers: list[Part]) -> None:
    spec = pod(workers, "Deployment", "kaozheng-worker")
    (container,) = spec["containers"]
    given = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    names = {name.removeprefix(PREFIX).lower() for name in given if name.startswith(PREFIX)}
    assert names <= set(Settings.model_fields)
    assert container["args"] == ["worker"]
    assert spec["terminationGracePeriodSeconds"] > float(given["KAOZHENG_DRAIN_SECONDS"]) + STOPPING_SECONDS
    queue = one(workers, "Service", "kaozheng-queue")
    assert f"@{queue['metadata']['name']}:{queue['spec']['ports'][0]['port']}/" in given["KAOZHENG_QUEUE_URL"]


def test_the_queue_loses_nothing_and_is_reached_by_its_clients_alone(workers: list[Part]) -> None:
    args = " ".join(pod(workers, "StatefulSet", "kaozheng-queue")["containers"][0]["args"])
    assert "--appendonly yes" in args
    assert "--maxmemory-policy noeviction" in args
    assert one(workers, "StatefulSet", "kaozheng-queue")["spec"]["volumeClaimTemplates"]
    policy = one(workers, "NetworkPolicy", "kaozheng-queue")["spec"]
    (source,) = policy["ingress"][0]["from"]
    labels = one(workers, "Deployment", "kaozheng-worker")["spec"]["template"]["metadata"]["labels"]
    assert source["podSelector"]["matchLabels"].items() <= labels.items()
    assert not [part for part in workers if part["kind"] == "Secret"]
