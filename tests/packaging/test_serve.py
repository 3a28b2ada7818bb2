"""The server as the main process of a container or a service: signals, children, its store, its health."""
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest

import support
from support import PROGRAM, run

PR_SET_CHILD_SUBREAPER = 36
NOBODY = 65534


def half_a_request(port):
    """A connection whose request never ends, which the server waits for."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    return connection


class Signals(support.Case):
    def test_both_signals_end_an_idle_server(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.server()
            server.signal(number)
            code, took = server.wait()
            self.assertEqual(code, 0, server.log)
            self.assertLess(took, 5)
            self.assertIn(f"signal {int(number)}: shutting down", server.log)

    def test_grace(self):
        """The time that a running request has: the default, none, and as set."""
        for environment, least, most in (({}, 2.5, 8), ({"ENGINE_SHUTDOWN_GRACE": "0"}, 0, 2.5), ({"ENGINE_SHUTDOWN_GRACE": "500ms"}, 0.4, 2.9)):
            server = self.server(environment=environment)
            with half_a_request(server.port):
                time.sleep(0.2)
                server.signal(signal.SIGTERM)
                code, took = server.wait()
            self.assertEqual(code, 0, server.log)
            self.assertGreaterEqual(took, least, environment)
            self.assertLess(took, most, environment)

    def test_grace_that_is_no_duration(self):
        server = self.server(environment={"ENGINE_SHUTDOWN_GRACE": "soon"})
        self.assertIn('ENGINE_SHUTDOWN_GRACE="soon" is no duration; using 3s', server.log)

    def test_second_signal_ends_at_once(self):
        server = self.server(environment={"ENGINE_SHUTDOWN_GRACE": "1m"})
        with half_a_request(server.port):
            time.sleep(0.2)
            server.signal(signal.SIGTERM)
            time.sleep(0.5)
            self.assertIsNone(server.process.poll(), "the first signal waits for the request")
            server.signal(signal.SIGTERM)
            code, took = server.wait()
        self.assertEqual(code, 1)
        self.assertLess(took, 2)


class RunningAnswers(support.Case):
    def begin(self, tokens, grace):
        """A server that answers; the first piece of the answer was read. (server, connection)"""
        store = {"OLLAMA_MODELS": str(self.folder / "models")}
        if not (self.folder / "models").exists():
            self.succeed(support.TINY_MODEL, self.folder / "tiny.gguf")
            self.succeed(PROGRAM, "import", self.folder / "tiny.gguf", "tiny", env=store)
        server = self.server(environment={**store, "ENGINE_SHUTDOWN_GRACE": grace})
        body = json.dumps({"model": "tiny", "prompt": "x", "options": {"num_predict": tokens, "temperature": 2, "top_k": 0, "top_p": 1, "seed": 1}})
        connection = socket.create_connection(("127.0.0.1", server.port), 30)
        self.addCleanup(connection.close)
        connection.sendall(f"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200"))
        return server, connection

    def test_one_that_ends_in_time_is_complete(self):
        server, connection = self.begin(300, "1m")
        server.signal(signal.SIGTERM)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        self.assertIn(b'"done":true,"done_reason":"length"', answer)
        code, took = server.wait(30)
        self.assertEqual(code, 0)
        self.assertLess(took, 20, "nothing runs any more, so nothing is waited for")

    def test_a_longer_one_is_cut(self):
        server, connection = self.begin(-1, "1500ms")
        server.signal(signal.SIGTERM)
        begin = time.monotonic()
        time.sleep(0.3)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", server.port), 10)
        self.assertTrue(connection.recv(100), "the answer goes on")
        self.assertEqual(server.wait()[0], 0)
        self.assertGreater(time.monotonic() - begin, 1.2)
        self.assertLess(time.monotonic() - begin, 6)


class Children(support.Case):
    """Processes whose parents are gone become children of process 1; here of the server, by another way to the same end."""

    def adopt(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if os.fork() == 0:  # ends before the server looks for the first time
            os._exit(0)
        if os.fork() == 0:  # ends too, and leaves a child that ends later
            if os.fork() == 0:
                os.closerange(3, 1000)
                while not self.may_end.exists():
                    time.sleep(0.02)
            os._exit(0)

    def children(self, server):
        return [word for path in pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/children") for word in path.read_text().split()]

    def wait_for(self, server, wanted):
        until = time.monotonic() + 20
        while len(children := self.children(server)) != wanted:
            self.assertLess(time.monotonic(), until, f"{children} are there, {wanted} should be")
            time.sleep(0.02)

    @unittest.skipUnless(pathlib.Path("/proc/self/task").exists() and list(pathlib.Path("/proc/self/task").glob("*/children")), "this system does not list children")
    def test_they_are_buried(self):
        self.may_end = self.folder / "may-end"
        server = self.server(prepare=self.adopt)
        self.wait_for(server, 1)
        self.may_end.touch()
        self.wait_for(server, 0)
        self.assertEqual(run(PROGRAM, "health", env=server.client_env).returncode, 0)

    def test_first_process_of_a_namespace(self):
        """To process 1, signals without a handler do nothing."""
        command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if run(*command, "true").returncode != 0:
            self.skipTest("no new namespaces here")
        env = {**os.environ, "HOME": str(self.folder), "OLLAMA_HOST": "127.0.0.1:0", "OLLAMA_MODELS": str(self.folder / "models")}
        first = subprocess.Popen([*command, PROGRAM, "serve"], env=env, stderr=subprocess.PIPE, text=True)
        try:
            while "listens on" not in (line := first.stderr.readline()):
                self.assertTrue(line, "the server did not start")
            child = pathlib.Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()[0]
            begin = time.monotonic()
            os.kill(int(child), signal.SIGTERM)
            self.assertEqual(first.wait(10), 0)
            self.assertLess(time.monotonic() - begin, 5)
        finally:
            first.kill()
            first.wait()
            first.stderr.close()


class Store(support.Case):
    def serve(self, **more):
        return run(PROGRAM, "serve", timeout=30, **more)

    def test_none_that_can_be_written(self):
        text = "Error: no writable model store: set OLLAMA_MODELS or mount a volume\n"
        for environment in ({"OLLAMA_MODELS": "/proc/none"}, {"OLLAMA_MODELS": "", "HOME": "/proc"}, {"OLLAMA_MODELS": "", "HOME": ""}):
            done = self.serve(env={"OLLAMA_HOST": "127.0.0.1:0", **environment})
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr.endswith(text), f"{environment}: {done.stderr}")
        self.assertIn("/proc/none", self.serve(env={"OLLAMA_MODELS": "/proc/none"}).stderr, "the log tells which")

    @unittest.skipUnless(os.getuid() == 0, "needs two users")
    def test_read_only_with_models(self):
        store = self.folder / "models"
        model = self.folder / "tiny.gguf"
        self.succeed(support.TINY_MODEL, model)
        self.succeed(PROGRAM, "import", model, "tiny", env={"OLLAMA_MODELS": str(store)})
        become_nobody = lambda: os.setuid(NOBODY)  # noqa: E731
        server = self.server(environment={"OLLAMA_MODELS": str(store)}, prepare=become_nobody)
        self.assertIn(f"the model store cannot be written: {store}", server.log)
        self.assertIn("tiny:latest", self.succeed(PROGRAM, "list", env=server.client_env))
        empty = self.folder / "empty"
        empty.mkdir()
        done = self.serve(env={"OLLAMA_MODELS": str(empty), "OLLAMA_HOST": "127.0.0.1:0"}, preexec_fn=become_nobody)
        self.assertIn("no writable model store", done.stderr)

    @unittest.skipUnless(os.getuid() == 0, "needs two users")
    def test_any_user_with_a_volume_of_its_own(self):
        volume = self.folder / "volume"
        volume.mkdir()
        os.chown(volume, 1000, 1000)

        def become_user():
            os.setgid(1000)
            os.setuid(1000)
        server = self.server(environment={"OLLAMA_MODELS": str(volume / "models"), "HOME": "/"}, prepare=become_user)
        self.assertEqual((volume / "models").stat().st_uid, 1000)
        self.assertNotIn("cannot be written", server.log)


class Health(support.Case):
    def health(self, port, *flags):
        begin = time.monotonic()
        done = run(PROGRAM, "health", *flags, env={"OLLAMA_HOST": f"127.0.0.1:{port}"})
        return done.returncode, done.stderr, time.monotonic() - begin

    def test_a_server_that_answers(self):
        server = self.server()
        for flags in ((), ("--timeout", "2s"), ("--timeout=500ms",), ("--timeout", "1")):
            self.assertEqual(self.health(server.port, *flags)[:2], (0, ""))
        everywhere = run(PROGRAM, "health", env={"OLLAMA_HOST": f"0.0.0.0:{server.port}"})
        self.assertEqual(everywhere.returncode, 0, "as in an image: the address of the server is one to listen on")

    def test_one_that_does_not(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and says nothing
            port = silent.getsockname()[1]
            for flags, least, most in (((), 1.5, 10), (("--timeout", "300ms"), 0.2, 1.9)):
                code, err, took = self.health(port, *flags)
                self.assertEqual((code, err), (1, f"Error: the server at http://127.0.0.1:{port} does not answer\n"))
                self.assertGreaterEqual(took, least)
                self.assertLess(took, most)
        code, err, _ = self.health(port)
        self.assertEqual((code, err), (1, "Error: could not connect to the engine server, run 'engine serve' to start it\n"))

    def test_bad_times(self):
        for text in ("soon", "0"):
            code, err, _ = self.health(1, f"--timeout={text}")
            self.assertEqual(code, 1)
            self.assertEqual(err, f'Error: invalid argument "{text}" for "--timeout" flag: a time such as 2s or 500ms is needed\n')

    def test_two_servers_on_one_port(self):
        server = self.server()
        done = run(PROGRAM, "serve", timeout=30, env={**server.client_env, "HOME": str(self.folder)})
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.split("\n")[-2], f"Error: listen tcp 127.0.0.1:{server.port}: bind: address already in use")


if __name__ == "__main__":
    unittest.main()
