"""The image, the compose file and the manifest: what can be checked without an engine."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="needs the extra `ray`, which brings PyYAML")

from edarl.cli.app import COMMANDS, load  # noqa: E402  # after the skip
from tests.conftest import ROOT  # noqa: E402

DOCKER = ROOT / "docker"
sys.path.insert(0, str(DOCKER))

from run_local import read_services  # noqa: E402  # a script beside the file it reads

COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MANIFEST = list(yaml.safe_load_all((DOCKER / "kuberay.yaml").read_text()))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SECRETS = {"EDARL_DATABASE_PASSWORD": "pass", "RAY_AUTH_TOKEN": "token"}


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod of the manifest with a name for it."""
    for document in MANIFEST:
        spec = document.get("spec", {})
        if document["kind"] == "Deployment":
            yield document["metadata"]["name"], spec["template"]["spec"]
        if document["kind"] == "RayCluster":
            yield "head", spec["headGroupSpec"]["template"]["spec"]
            for group in spec["workerGroupSpecs"]:
                yield group["groupName"], group["template"]["spec"]


PODS = dict(pods())


# ----------------------------------------------------------------- compose


def test_the_compose_file_has_api_worker_ray_and_database() -> None:
    assert set(SERVICES) == {"database", "api", "ray-head", "ray-worker", "worker"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined_watched_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    limits = service["deploy"]["resources"]["limits"]
    assert limits["memory"]
    assert limits["cpus"]
    assert service["pids_limit"] > 0
    assert any(place.startswith("/tmp:size=") for place in service["tmpfs"])
    assert not {"privileged", "network_mode", "pid", "cap_add"} & set(service)


def test_only_the_api_is_reached_from_outside_and_from_this_machine_alone() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["api"]["ports"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    outside = [name for name, service in SERVICES.items() if "outside" in service["networks"]]
    assert outside == ["api"]


def test_volumes_are_named_and_hold_all_that_is_kept() -> None:
    used = {
        place.partition(":")[0] for service in SERVICES.values() for place in service["volumes"]
    }
    assert used == set(COMPOSE["volumes"]) == {"database", "home"}


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("value", [None, ""])
def test_nothing_starts_without_its_secrets(missing: str, value: str | None) -> None:
    given = {name: secret for name, secret in SECRETS.items() if name != missing}
    if value is not None:
        given[missing] = value
    with pytest.raises(ValueError, match=f"{missing} is not set: fill in docker/secrets.env"):
        read_services(given)


def test_the_example_of_the_secrets_names_them_all_and_holds_none() -> None:
    lines = (DOCKER / "secrets.example.env").read_text().splitlines()
    assert sorted(line for line in lines if line and not line.startswith("#")) == [
        f"{name}=" for name in sorted(SECRETS)
    ]
    whole = (DOCKER / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?", whole)) == set(SECRETS)
    assert not re.findall(rf"\$\{{({'|'.join(SECRETS)})(?!:\?)", whole)


def test_ray_asks_for_its_token_everywhere() -> None:
    for name, service in read_services(SECRETS).items():
        if any("ray" in word for word in service.command):
            assert service.environment["RAY_AUTH_MODE"] == "token", name
            assert service.environment["RAY_AUTH_TOKEN"] == "token", name


def test_services_wait_for_what_they_need() -> None:
    services = read_services(SECRETS)
    assert services["worker"].needs == ("database", "ray-head")
    assert services["api"].needs == ("database",)
    for entry in SERVICES.values():
        for needed in entry.get("depends_on", {}).values():
            assert needed == {"condition": "service_healthy"}


def edarl_words(words: list[str] | tuple[str, ...]) -> list[str]:
    """What follows ``edarl`` in a command, also inside a shell's."""
    flat = " ".join(words).split()
    return flat[flat.index("edarl") + 1 :] if "edarl" in flat else []


def commands() -> Iterator[list[str]]:
    for service in read_services(SECRETS).values():
        yield edarl_words(service.command)
    for pod in PODS.values():
        for container in pod["containers"]:
            yield edarl_words(container.get("args", []))


def test_the_commands_exist_with_their_options() -> None:
    given = [words for words in commands() if words]
    assert {words[0] for words in given} == {"serve", "worker"}
    for words in given:
        known = {
            option for parameter in load(COMMANDS[words[0]]).params for option in parameter.opts
        }
        assert {word for word in words if word.startswith("-")} <= known


def test_compose_itself_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("needs Docker's compose plugin, which is not installed")
    secrets = tmp_path / "secrets.env"
    secrets.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    ran = subprocess.run(
        [
            *(docker, "compose", "--env-file", str(secrets)),
            *("--file", str(DOCKER / "compose.yaml"), "config", "--quiet"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


# ------------------------------------------------------------------- image


def test_the_image_is_built_in_stages_and_runs_without_rights() -> None:
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    final = lines[lines.index(stages[1]) :]
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", final[-4])
    assert final[-2].startswith("ENTRYPOINT")
    assert not [line for line in final if "pip install" in line or "gcc" in line]
    assert ":latest" not in "\n".join(lines)
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|TOKEN|SECRET|KEY)", "\n".join(lines), re.MULTILINE)


def test_what_the_image_is_made_of_is_there_and_is_let_through() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+)$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    sources = [word for line in copied for word in line.split()[:-1] if not word.startswith("--")]
    allowed = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in allowed


def test_a_linter_finds_nothing_in_the_image() -> None:
    linter = shutil.which("hadolint")
    if linter is None:
        pytest.skip("needs hadolint, which is not installed")
    ran = subprocess.run(
        [linter, str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_the_entrypoint_becomes_the_command_with_its_words_as_they_are(tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", str(DOCKER / "entrypoint.sh"), "printf", "%s|", "a b", "$HOME"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "NUMBA_CACHE_DIR": str(tmp_path / "compiled")},
    )
    assert ran.stdout == "a b|$HOME|"


def test_the_images_have_the_version_of_the_package() -> None:
    texts = [(DOCKER / name).read_text() for name in ("compose.yaml", "kuberay.yaml")]
    named = {tag for text in texts for tag in re.findall(r"image: edarl:(\S+)", text)}
    assert named == {VERSION, f"${{EDARL_TAG:-{VERSION}}}"}


# ---------------------------------------------------------------- manifest


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_confined_and_limited(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] is True
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"] == {"drop": ["ALL"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounts) <= volumes
        assert mounts["home"] == "/var/lib/edarl"
        assert mounts["tmp"] == "/tmp"
    for container in pod["containers"]:
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])


def test_the_manifest_takes_its_secrets_from_one_secret_that_it_does_not_hold() -> None:
    assert "Secret" not in {document["kind"] for document in MANIFEST}
    named = {
        (source["name"], source["key"])
        for pod in PODS.values()
        for container in pod["containers"]
        for variable in container.get("env", [])
        if (source := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert named == {("edarl", "auth_token"), ("edarl", "database")}


def test_the_ray_cluster_is_one_that_the_operator_reads() -> None:
    (cluster,) = (document for document in MANIFEST if document["kind"] == "RayCluster")
    assert cluster["apiVersion"] == "ray.io/v1"
    pinned = re.search(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert cluster["spec"]["rayVersion"] == pinned[1]
    head, (group,) = cluster["spec"]["headGroupSpec"], cluster["spec"]["workerGroupSpecs"]
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for part in (head, group):
        assert all(isinstance(value, str) for value in part["rayStartParams"].values())
        assert part["template"]["metadata"]["labels"] == {"edarl": "ray"}
        for container in part["template"]["spec"]["containers"]:
            names = {variable["name"] for variable in container["env"]}
            assert {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "EDARL_DATABASE"} <= names
            assert container["livenessProbe"]["exec"]
    address = f"{cluster['metadata']['name']}-head-svc:6379"
    assert address in " ".join(PODS["edarl-worker"]["containers"][0]["args"])
