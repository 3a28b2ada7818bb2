#!/usr/bin/env python3
"""Checks packaging/ without Docker and without a build: the Dockerfile, the compose files, the systemd unit, the maintainer scripts,
and that all of them agree with each other and with the project.

Tools that are installed check more: docker with its compose plugin, systemd-analyze, shellcheck.
"""
import configparser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lib import composefile, dockerfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What users of the images of Ollama rely on.
IMAGE = {
    "ENTRYPOINT": ["/usr/bin/engine"], "CMD": ["serve"], "EXPOSE": "11434", "WORKDIR": "/app",
    "ENV": {"OLLAMA_HOST": "0.0.0.0:11434", "LD_LIBRARY_PATH": "/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
            "NVIDIA_DRIVER_CAPABILITIES": "compute,utility", "NVIDIA_VISIBLE_DEVICES": "all"},
}
UNIT = {"ExecStart": "/usr/bin/engine serve", "User": "ollama", "Group": "ollama", "Restart": "always", "RestartSec": "3",
        "Environment": '"OLLAMA_HOST=127.0.0.1:11434"', "NoNewPrivileges": "yes", "ProtectSystem": "full", "ProtectHome": "read-only",
        "LimitMEMLOCK": "infinity", "ReadWritePaths": "-/usr/share/ollama"}
MOST_EXPOSURE = 45  # of `systemd-analyze security`, in tenths
problems = []  # of this run


def problem(where, text):
    problems.append(f"{where}: {text}")


def expect(where, what, got, wanted):
    if got != wanted:
        problem(where, f"{what} is {got!r}, not {wanted!r}")


def run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd or ROOT, capture_output=True, text=True, check=False)


def project_version():
    return re.search(r"project\(engine VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


def check_dockerfile():
    path = ROOT / "packaging" / "Dockerfile"
    text = path.read_text()
    patterns = [line for line in (ROOT / ".dockerignore").read_text().split("\n") if line and not line.startswith("#")]
    for line, what in dockerfile.check(text, ROOT, patterns):
        problem(f"packaging/Dockerfile:{line}", what)
    build, image = dockerfile.stages(text)[0][2], dockerfile.stages(text)[-1][2]
    installs = [i.text for i in build if i.name == "RUN" and "apt-get install" in i.text]
    if not any("""$(awk '$1 == "all" { print $2 }' scripts/lib/packages)""" in text for text in installs) or any(map(dockerfile.apt_packages, installs)):
        problem("packaging/Dockerfile", "what is needed to build must come from scripts/lib/packages alone")
    last = {i.name: i.text for i in image}
    for name in ("ENTRYPOINT", "CMD"):
        expect("packaging/Dockerfile", name, json.loads(last.get(name, "null")), IMAGE[name])
    for name in ("EXPOSE", "WORKDIR"):
        expect("packaging/Dockerfile", name, last.get(name), IMAGE[name])
    expect("packaging/Dockerfile", "ENV", dockerfile.environment(image), IMAGE["ENV"])
    if "engine" not in last.get("HEALTHCHECK", "") or "VOLUME" in last:
        problem("packaging/Dockerfile", "needs a HEALTHCHECK by `engine health`, and no VOLUME")
    # Folders that the build without tests and benchmarks reads must be in what is sent to the builder.
    always = re.sub(r"if\(ENGINE_(BENCH|TESTS)\).*?endif\(\)", "", (ROOT / "CMakeLists.txt").read_text(), flags=re.S)
    needed = re.findall(r"add_subdirectory\((\S+)\)", always) + ["cmake", "include", "docs", "examples", "packaging", "README.md", "LICENSE"]
    for name in needed:
        if dockerfile.ignored(name, patterns):
            problem(".dockerignore", f"{name} is needed to build")


def check_compose():
    has_plugin = shutil.which("docker") and run("docker", "compose", "version").returncode == 0
    for name in ("compose.yml", "compose.runner.yml"):
        where, text = f"packaging/{name}", (ROOT / "packaging" / name).read_text()
        if f"engine:{project_version()}}}" not in text:
            problem(where, f"the image is not that of version {project_version()}")
        if has_plugin:
            done = run("docker", "compose", "-f", name, "config", "--quiet", cwd=ROOT / "packaging")
            if done.returncode != 0:
                problem(where, done.stderr.strip())
        try:
            value = composefile.parse(text)
        except ValueError as error:
            problem(where, str(error))
            continue
        if value is None:
            print(f"WARNING: {where} is not checked completely: PyYAML is not installed", file=sys.stderr)
            continue
        for what in composefile.check(value, ROOT / "packaging"):
            problem(where, what)
        services = value.get("services", {})
        if name == "compose.runner.yml":
            expect(where, "entrypoint", services.get("llama", {}).get("entrypoint"), ["tail", "-f", "/dev/null"])
            expect(where, "volumes", services.get("llama", {}).get("volumes"), ["./models/:/models/"])
        else:
            expect(where, "healthcheck", services.get("engine", {}).get("healthcheck", {}).get("test"), ["CMD", "engine", "health"])
            expect(where, "ports", services.get("engine", {}).get("ports"), ["11434:11434"])


def check_unit():
    where, path = "packaging/engine.service", ROOT / "packaging" / "engine.service"
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str
    unit.read(path)
    for key, wanted in UNIT.items():
        expect(where, key, unit["Service"].get(key), wanted)
    expect(where, "WantedBy", unit["Install"].get("WantedBy"), "default.target")
    # Either restricts the service to listed devices, and it needs those of the GPUs.
    for key in ("PrivateDevices", "ProtectClock", "DevicePolicy", "MemoryDenyWriteExecute"):
        if key in unit["Service"]:
            problem(where, f"{key} keeps GPUs from working")
    if not shutil.which("systemd-analyze"):
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "engine.service"  # with a program that is there
        copy.write_text(path.read_text().replace("/usr/bin/engine", "/bin/true"))
        done = run("systemd-analyze", "verify", "--man=no", str(copy))
        if done.returncode != 0 or "engine.service" in done.stderr:
            problem(where, done.stderr.strip())
        rated = run("systemd-analyze", "security", "--no-pager", "--offline=yes", f"--threshold={MOST_EXPOSURE}", str(copy))
        if "Unknown option" not in rated.stderr and rated.returncode != 0:
            problem(where, "weaker than before: " + (rated.stdout.strip().split("\n")[-1] or rated.stderr.strip()))


def check_scripts():
    for path in sorted((ROOT / "packaging" / "debian").glob("p*")):
        where = path.relative_to(ROOT)
        if not path.read_text().startswith("#!/bin/sh\n") or not path.stat().st_mode & 0o100:
            problem(where, "must be an executable script for /bin/sh")
        for tool in (["sh", "-n"], ["shellcheck"]):
            if shutil.which(tool[0]):
                done = run(*tool, str(path))
                if done.returncode != 0:
                    problem(where, (done.stdout + done.stderr).strip())


def check_all():
    """The problems, as lines."""
    problems.clear()
    for check in (check_dockerfile, check_compose, check_unit, check_scripts):
        check()
    return problems


def main():
    check_all()
    for text in problems:
        print(f"error: {text}", file=sys.stderr)
    if problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
