"""The checks of packaging/: each rule finds what it is for, and the files of this repository pass."""
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_packaging  # noqa: E402
from lib import composefile, dockerfile  # noqa: E402

GOOD_INSTALL = "RUN apt-get update \\\n && apt-get install -y --no-install-recommends \\\n  a \\\n  b \\\n && rm -rf /var/lib/apt/lists/*\n"


class Dockerfile(unittest.TestCase):
    def problems(self, text, patterns=()):
        return [what for _, what in dockerfile.check(text, ROOT, list(patterns))]

    def assert_finds(self, text, part, patterns=()):
        found = self.problems(text, patterns)
        self.assertTrue(any(part in what for what in found), f"{part!r} is not in {found}")

    def test_a_good_one(self):
        text = f"# comment\nFROM debian:12-slim AS build\n{GOOD_INSTALL}COPY . .\nFROM build\nCOPY --from=build /a /b\nCMD [\"a\"]\n"
        self.assertEqual(self.problems(text), [])
        self.assertEqual(dockerfile.apt_packages(dockerfile.stages(text)[0][2][0].text), ["a", "b"])

    def test_rules(self):
        for text, part in (("FROM debian\n", "not the latest"), ("FROM debian:latest\n", "not the latest"), ("ADD a b\n", "use COPY"),
                           ("RUN apt install x\n", "apt has no place"), ("RUN sudo true\n", "sudo has no place"),
                           ("RUN apt-get update && apt-get upgrade\n", "an upgrade"), ("WORKDIR app\n", "full path"),
                           ("CMD engine serve\n", "form of a list"), ("HEALTHCHECK CMD engine health\n", "form of a list"),
                           ("COPY no-such-file /\n", "no such file"), ("COPY --from=other /a /b\n", "no such stage")):
            self.assert_finds(text, part)
        self.assert_finds("COPY README.md /\n", "leaves it out", ["README.md"])
        for left_out, part in ((" --no-install-recommends", "no-install-recommends"), (" -y", "without -y"), ("apt-get update \\\n && ", "old lists"),
                               (" \\\n && rm -rf /var/lib/apt/lists/*", "stay in the image")):
            self.assertIn(left_out, GOOD_INSTALL)
            self.assert_finds(GOOD_INSTALL.replace(left_out, ""), part)
        self.assert_finds(GOOD_INSTALL.replace("  b ", "  a "), "twice")

    def test_dockerignore(self):
        patterns = ["build", "**/*.gguf", "docs", "!docs/API.md"]
        for path, wanted in (("build", True), ("build/dev/x", True), ("building", False), ("a/b/c.gguf", True), ("docs/x", True), ("docs/API.md", False)):
            self.assertEqual(dockerfile.ignored(path, patterns), wanted, path)


class Compose(unittest.TestCase):
    def test_rules(self):
        good = {"services": {"a": {"image": "a:1", "ports": ["1:2"], "volumes": ["m:/m", "./x:/x:ro"], "healthcheck": {"test": ["CMD", "a"], "interval": "10s"}}},
                "volumes": {"m": {}}}
        folder = ROOT / "packaging"
        self.assertEqual(list(composefile.check(good, folder)), [])
        for key, value, part in (("ports", ["x"], "port x"), ("volumes", ["n:/m"], "n is not declared"), ("volumes", ["/m"], "volume /m"), ("restart", "yes", "restart"),
                                 ("healthcheck", {"test": "a"}, "healthcheck.test"), ("healthcheck", {"interval": "10"}, "no duration"), ("imge", "a", "unknown key imge"),
                                 ("build", {"context": "nowhere"}, "not there"), ("stop_grace_period", "", "no duration")):
            bad = {"services": {"a": {**good["services"]["a"], key: value}}, "volumes": good["volumes"]}
            found = list(composefile.check(bad, folder))
            self.assertTrue(any(part in what for what in found), f"{part!r} is not in {found}")
        self.assertIn("no services", list(composefile.check({}, folder)))
        if composefile.parse("a: 1") is None:
            self.skipTest("PyYAML is not installed")
        with self.assertRaises(ValueError):
            composefile.parse("a: [")


class Repository(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        shutil.copytree(ROOT / "packaging", self.root / "packaging")
        for name in (".dockerignore", "CMakeLists.txt", "scripts/lib/packages"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.own, check_packaging.ROOT = check_packaging.ROOT, self.root

    def tearDown(self):
        check_packaging.ROOT = self.own
        self.folder.cleanup()

    def test_its_files_pass(self):
        self.assertEqual(check_packaging.check_all(), [])

    def test_changes_are_found(self):
        for name, old, new, part in (
                ("packaging/Dockerfile", 'ENTRYPOINT ["/usr/bin/engine"]', 'ENTRYPOINT ["/bin/engine"]', "ENTRYPOINT"),
                ("packaging/Dockerfile", "EXPOSE 11434", "EXPOSE 8080", "EXPOSE"),
                ("packaging/Dockerfile", "OLLAMA_HOST=0.0.0.0:11434", "OLLAMA_HOST=127.0.0.1", "ENV"),
                ("packaging/Dockerfile", "$(awk", "g++ $(awk", "scripts/lib/packages alone"),
                (".dockerignore", "bench\n", "bench\nserver\n", "server is needed"),
                ("packaging/compose.yml", "engine:0.1.0", "engine:0.0.9", "not that of version"),
                ("packaging/compose.yml", '"CMD", "engine"', '"CMD", "curl"', "healthcheck"),
                ("packaging/compose.runner.yml", '"tail"', '"sleep"', "entrypoint"),
                ("packaging/engine.service", "User=ollama", "User=root", "User"),
                ("packaging/engine.service", "PrivateTmp=yes", "PrivateDevices=yes", "GPUs"),
                ("packaging/debian/postinst", "set -e", "if", "postinst")):
            path = self.root / name
            text = path.read_text()
            self.assertIn(old, text)
            path.write_text(text.replace(old, new))
            found = check_packaging.check_all()
            self.assertTrue(any(part in line for line in found), f"{name}: {part!r} is not in {found}")
            path.write_text(text)


if __name__ == "__main__":
    unittest.main()
