"""What the tests of the shipped program share: paths of the build, a folder per test, a server as a process."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["ENGINE_BUILD"])
PROGRAM, TINY_MODEL = os.environ["ENGINE_PROGRAM"], os.environ["ENGINE_TINY_MODEL"]
CMAKE, CPACK, CC, CXX = (os.environ["ENGINE_" + name] for name in ("CMAKE", "CPACK", "CC", "CXX"))
VERSION = re.search(r"project\(engine VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


def run(*command, timeout=120, env=None, **more):
    """A finished process, its output as text. env: besides that of the test."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})}, check=False, **more)


def lines_of(inc, pattern):
    """What a list (.inc) names."""
    return re.findall(pattern, (ROOT / inc).read_text(), flags=re.M)


def verbs():
    return [name.replace("_", "-") for name in lines_of("server/cli/verbs.inc", r"^VERB\( *(\w+)")]


def links():
    """Names of the links that an installation has: of programs of llama.cpp those whose verbs are there."""
    names = lines_of("server/cli/llama/names.inc", r'^LLAMA_NAME\( *"(.+)", *"(.+)"')
    return ["ollama", *(name for name, verb in names if verb in verbs())]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="engine-packaging-"))
        cls.folder.chmod(0o755)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def succeed(self, *command, **more):
        """Its standard output."""
        done = run(*command, **more)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def server(self, **settings):
        server = Server(self.folder, settings)
        self.addCleanup(server.kill)
        return server


class Server:
    """`engine serve` on a free port. settings: program, environment, prepare (runs in the child before it becomes the server)."""

    def __init__(self, folder, settings):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OLLAMA_", "ENGINE_"))}
        env |= {"HOME": str(folder), "OLLAMA_HOST": "127.0.0.1:0", **settings.get("environment", {})}
        self.process = subprocess.Popen([settings.get("program", PROGRAM), "serve"], env=env, stderr=subprocess.PIPE, text=True, preexec_fn=settings.get("prepare"))
        self.log, self.port = "", 0
        self._known = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._known.wait(30) or not self.port:
            self.kill()
            raise AssertionError("the server did not start: " + self.log)
        self.client_env = {"OLLAMA_HOST": f"127.0.0.1:{self.port}"}

    def _read(self):
        for line in self.process.stderr:
            self.log += line
            if match := re.search(r"listens on \S*:(\d+)", line):
                self.port = int(match.group(1))
                self._known.set()
        self._known.set()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        """(exit code, seconds it took)"""
        begin = time.monotonic()
        code = self.process.wait(seconds)
        took = time.monotonic() - begin
        self._reader.join(5)
        return code, took

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        self.process.stderr.close()
