"""What deploy/Dockerfile and docker-compose.yml say, without starting anything: tests/deploy does that."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from broker_process import BINARY, ROOT, SLOWNESS

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
PROMETHEUS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
UNITS = {"M": 1 << 20, "G": 1 << 30, "MiB": 1 << 20, "GiB": 1 << 30, "s": 1, "ms": 0.001}


def tool(*command, **options):
    """(exit code, what it said)."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 * SLOWNESS, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def amount(text):
    number, unit = re.fullmatch(r"(\d+)(\D+)", text).groups()
    return int(number) * UNITS[unit]


def in_force(*files):
    """The settings of a broker that these containers start."""
    code, printed = tool(BINARY, "config", "--config", *files)
    assert code == 0, printed
    return tomllib.loads(printed)


def mounts(service):
    """{target: (source, read only?)}"""
    found = {}
    for words in SERVICES[service]["volumes"]:
        source, target, *mode = words.split(":")
        found[target] = (source, mode == ["ro"])
    return found


def test_docker_compose_takes_the_file():
    code, said = tool("docker-compose", "--file", str(COMPOSE_FILE), "config", "--quiet")
    assert (code, said) == (0, "")


def test_images_are_pinned_and_ours_is_never_pulled():
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"]), name
        ours = "build" in service
        assert ours == (service["image"].startswith("crier:")) == (service.get("pull_policy") == "build"), name
        if ours:
            assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    version = re.search(r"^project\(crier VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"), re.M)
    assert SERVICES["crier"]["image"] == f"crier:{version[1]}"
    assert f'org.opencontainers.image.version="{version[1]}"' in DOCKERFILE


def test_every_service_is_confined_and_bounded():
    for name, service in SERVICES.items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        assert not {"privileged", "pid", "ipc", "devices", "cap_add"} & set(service), name
        if name == "setup":
            assert service["restart"] == "no" and service["network_mode"] == "none"
            continue
        assert service["restart"] == "unless-stopped", name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"} and service["pids_limit"], name
        assert name == "crier" or service["healthcheck"]["test"][0] == "CMD", name


def test_nothing_is_published_but_on_this_machine():
    published = {}
    for name, service in SERVICES.items():
        for words in service.get("ports", []):
            address, host, container = words.split(":")
            assert address == "127.0.0.1" and host == container, name
            published[name] = int(container)
    assert published == {"crier": 8008, "prometheus": 9090, "grafana": 3000}


def test_every_folder_and_volume_that_is_mounted_is_there():
    named = set()
    for name, service in SERVICES.items():
        for source, read_only in mounts(name).values():
            if source.startswith("./"):
                assert (ROOT / source).exists() and read_only, (name, source)
            else:
                named.add(source)
    assert named == set(COMPOSE["volumes"])
    assert [name for name in SERVICES if "scrape-key" in [source for source, _ in mounts(name).values()]] == [
        "setup", "prometheus"], "nobody else has the key"


def test_the_broker_has_as_much_as_its_configuration_may_take():
    service = SERVICES["crier"]
    limits = service["deploy"]["resources"]["limits"]
    settings = in_force(str(ROOT / "deploy" / "container" / "demo.toml"))
    needed = sum(amount(settings["limits"][key]) for key in ("outbox_total_bytes_max", "history_bytes_max"))
    assert amount(limits["memory"]) > needed
    assert service["environment"]["CRIER_SERVER__THREADS"] == limits["cpus"]
    drain = amount(settings["server"]["drain_timeout"])
    assert amount(service["stop_grace_period"]) >= drain + 5 + 10, "5 s for stragglers, some for the state"
    assert service["pids_limit"] > 10 * int(limits["cpus"])


def test_the_ports_and_places_of_dockerfile_configurations_and_compose_agree():
    settings = in_force(str(ROOT / "deploy" / "container" / "demo.toml"))
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.M)
    (volume,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.M)
    assert settings["server"]["listen"] == [f"0.0.0.0:{port}"]
    assert SERVICES["crier"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert settings["server"]["state_dir"] == volume and volume in mounts("crier")
    assert "crier" in settings["server"]["hosts"] and settings["server"]["demo_page"] is True
    address = SERVICES["crier"]["environment"]["CRIER_SERVER__ADMIN"]
    assert settings["server"]["admin"].rpartition(":")[2] == address.rpartition(":")[2], "the health check's default"
    for source in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.M):
        for path in source.split():
            assert (ROOT / path).exists(), path


def test_the_images_configuration_starts_only_when_something_tells_who_connects():
    file = str(ROOT / "deploy" / "container" / "crier.toml")
    code, said = tool(BINARY, "check", file)
    assert code == 2 and "[auth.jwt]" in said and "[[auth.service_key]]" in said
    secret = {"PATH": "/usr/bin", "CRIER_AUTH__JWT__SECRET": "0123456789abcdef0123456789abcdef"}
    code, said = tool(BINARY, "check", file, env=secret)
    assert code == 0 and "without a token or key: nothing" in said


def test_prometheus_finds_its_files_where_they_are_mounted(tmp_path):
    places = mounts("prometheus")
    (config,) = [flag.partition("=")[2] for flag in SERVICES["prometheus"]["command"]
                 if flag.startswith("--config.file=")]
    assert (ROOT / places[config][0]).samefile(ROOT / "deploy" / "prometheus" / "prometheus.yml")
    (storage,) = [flag.partition("=")[2] for flag in SERVICES["prometheus"]["command"]
                  if flag.startswith("--storage.tsdb.path=")]
    assert places[storage] == ("metrics", False)
    (rules,) = PROMETHEUS["rule_files"]
    assert (ROOT / places[rules][0]).samefile(ROOT / "deploy" / "alerts.yml")
    scrape = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}["crier"]
    key = scrape["authorization"]["credentials_file"]
    assert places[key.rpartition("/")[0]] == ("scrape-key", True)
    assert "/scrape-key" in SERVICES["setup"]["command"] and "/scrape-key" in mounts("setup")
    port = SERVICES["crier"]["environment"]["CRIER_SERVER__ADMIN"].rpartition(":")[2]
    assert scrape["static_configs"] == [{"targets": [f"crier:{port}"]}]
    assert SERVICES["crier"]["environment"]["CRIER_SERVER__ADMIN_HOSTS"] == "crier"

    # promtool looks at the files that the configuration names.
    (tmp_path / "key").write_text("a key\n", encoding="ascii")
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    text = text.replace(rules, str(ROOT / "deploy" / "alerts.yml")).replace(key, str(tmp_path / "key"))
    (tmp_path / "prometheus.yml").write_text(text, encoding="utf-8")
    code, said = tool("promtool", "check", "config", str(tmp_path / "prometheus.yml"))
    assert code == 0 and "1 rule files found" in said, said


def test_prometheus_knows_every_flag_that_it_is_given():
    _, known = tool("prometheus", "--help")
    for flag in SERVICES["prometheus"]["command"]:
        assert re.search(rf"^ +{re.escape(flag.partition('=')[0])}\b", known, re.M), flag


def test_grafana_finds_its_source_and_its_dashboard():
    folder = ROOT / "deploy" / "grafana"
    places = mounts("grafana")
    assert places["/etc/grafana/provisioning/datasources"][0] == "./deploy/grafana/datasources"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    port = SERVICES["prometheus"]["ports"][0].rpartition(":")[2]
    assert source["url"] == f"http://prometheus:{port}"
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "provider.yml").read_text(encoding="utf-8"))["providers"]
    at = provider["options"]["path"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / places[at][0] / home.removeprefix(at + "/")).is_file()


def test_the_runtimes_packages_are_those_that_the_broker_needs():
    if shutil.which("dpkg") is None:
        pytest.skip("dpkg is not installed")
    listed = set(re.findall(r"^(\S+)", (ROOT / "deploy/apt-packages.txt").read_text(encoding="utf-8")
                            .split("[runtime]")[1].split("[test]")[0], re.M))
    _, needed = tool("readelf", "--dynamic", BINARY)
    for library in re.findall(r"Shared library: \[(lib(?:prometheus|spdlog|ssl|stdc|z)\S+)\]", needed):
        code, owner = tool("dpkg", "--search", f"*/{library}")
        assert code == 0 and {line.partition(":")[0] for line in owner.splitlines()} & listed, (library, owner)
