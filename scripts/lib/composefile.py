"""Checks of compose files: what `docker compose config` would find and what our images expect."""
import re

KEYS = {"image", "build", "ports", "volumes", "environment", "restart", "stop_grace_period", "healthcheck", "entrypoint", "command", "init", "user", "deploy",
        "devices", "group_add", "working_dir"}
HEALTH_KEYS = {"test", "interval", "timeout", "start_period", "retries", "disable"}
RESTART = {"no", "always", "on-failure", "unless-stopped"}
DURATION = re.compile(r"^(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$")


def parse(text):
    """The file as Python values; None: no YAML library is installed. Raises ValueError."""
    try:
        import yaml
    except ImportError:
        return None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from None


def _check_service(name, service, volumes, folder):
    for key in set(service) - KEYS:
        yield f"{name}: unknown key {key}"
    if "image" not in service:
        yield f"{name}: no image"
    build = service.get("build", {})
    if build:
        context = folder / build.get("context", ".")
        if not (context / build.get("dockerfile", "Dockerfile")).is_file():
            yield f"{name}: the Dockerfile of build is not there"
    for port in service.get("ports", []):
        if not re.fullmatch(r"([\d.]+:)?\d+:\d+", str(port)):
            yield f"{name}: port {port}"
    for volume in service.get("volumes", []):
        match = re.fullmatch(r"([^:]+):(/[^:]*)(:ro|:rw)?", volume)
        if not match:
            yield f"{name}: volume {volume}"
        elif not match.group(1).startswith((".", "/")) and match.group(1) not in volumes:
            yield f"{name}: the volume {match.group(1)} is not declared"
    if service.get("restart", "no") not in RESTART:
        yield f"{name}: restart {service['restart']}"
    health = service.get("healthcheck", {})
    for key in set(health) - HEALTH_KEYS:
        yield f"{name}: unknown key healthcheck.{key}"
    times = [(f"healthcheck.{key}", health[key]) for key in ("interval", "timeout", "start_period") if key in health]
    times += [("stop_grace_period", service["stop_grace_period"])] if "stop_grace_period" in service else []
    for key, value in times:
        if not value or not DURATION.match(str(value)):
            yield f"{name}: {key} {value} is no duration"
    if "test" in health and (not isinstance(health["test"], list) or health["test"][:1] != ["CMD"]):
        yield f"{name}: healthcheck.test must be a list that begins with CMD"


def check(value, folder):
    """Yields problems of a parsed file that lies in a folder."""
    if not isinstance(value, dict) or not isinstance(value.get("services"), dict):
        yield "no services"
        return
    for key in set(value) - {"services", "volumes"}:
        yield f"unknown key {key}"
    volumes = value.get("volumes") or {}
    for name, service in value["services"].items():
        yield from _check_service(name, service, volumes, folder)
    used = {v.split(":")[0] for s in value["services"].values() for v in s.get("volumes", [])}
    for volume in set(volumes) - used:
        yield f"the volume {volume} is used by no service"
