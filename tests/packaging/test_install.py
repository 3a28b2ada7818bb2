"""`cmake --install` of this build into a folder: the files, the links, the manual, programs against the library, and the steps of the
Dockerfile that follow its build."""
import os
import re
import shutil
import subprocess
import sys
import unittest

import support
from support import BUILD, CC, CMAKE, CXX, ROOT, VERSION, run

sys.path.insert(0, str(ROOT / "scripts"))
from lib import dockerfile  # noqa: E402

CONSUMER = """cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES CXX)
find_package(engine {version} REQUIRED)
add_executable(chat {source})
target_link_libraries(chat PRIVATE engine::engine)
"""


class Installed(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = cls.folder / "prefix"
        done = run(CMAKE, "--install", BUILD, "--prefix", cls.prefix)
        if done.returncode != 0:
            raise AssertionError(done.stderr + "\nis everything built?")
        cls.bin = cls.prefix / "bin"
        cls.lib = next(cls.prefix.glob("lib/**/libengine.so")).parent
        cls.model = cls.folder / "tiny.gguf"
        subprocess.run([support.TINY_MODEL, cls.model], check=True)
        cls.pkg_config = {"PKG_CONFIG_PATH": str(cls.lib / "pkgconfig")}

    def test_files(self):
        major = VERSION.split(".")[0]
        for name in ("bin/engine", "include/engine.h", "share/man/man1/engine.1", "share/doc/engine/copyright", "share/doc/engine/API.md",
                     "share/doc/engine/examples/compose.yml", "lib/systemd/system/engine.service", "lib/sysusers.d/engine.conf", "lib/tmpfiles.d/engine.conf"):
            self.assertTrue((self.prefix / name).is_file(), name)
        self.assertEqual(os.readlink(self.lib / "libengine.so"), f"libengine.so.{major}")
        self.assertEqual(os.readlink(self.lib / f"libengine.so.{major}"), f"libengine.so.{VERSION}")
        self.assertIn(f"soname: {major}", re.sub(r"SONAME\s+libengine\.so\.", "soname: ", self.succeed("objdump", "-p", self.lib / "libengine.so")))
        unit = (self.prefix / "lib/systemd/system/engine.service").read_text()
        self.assertIn(f"ExecStart={self.prefix}/bin/engine serve\n", unit)

    def test_links(self):
        self.assertIn("ollama", support.links())
        for name in support.links():
            self.assertEqual(os.readlink(self.bin / name), "engine")
            self.assertIn("Usage:", self.succeed(self.bin / name, "--help"), name)
        self.assertIn("version is ", self.succeed(self.bin / "ollama", "-v"))
        self.assertIn("--n-prompt", self.succeed(self.bin / "llama-bench", "--help"))
        self.assertEqual({path.name for path in self.bin.iterdir()}, {"engine", *support.links()})

    def test_server_by_its_link(self):
        server = self.server(program=self.bin / "ollama")
        self.succeed(self.bin / "engine", "health", env=server.client_env)
        server.signal(15)
        code, took = server.wait()
        self.assertEqual(code, 0, server.log)
        self.assertLess(took, 5)

    def test_manual(self):
        page = (self.prefix / "share/man/man1/engine.1").read_text().replace("\\-", "-").replace("\\&", "")
        for verb in support.verbs():
            self.assertRegex(page, rf'(?m)^\.SS "engine {re.escape(verb)}[ "]')
        for name in support.lines_of("engine/core/env.inc", r"^ENV\( *(\w+)"):
            self.assertIn(f"\\fB{name}\\fR\n", page)
        for name in support.links():
            self.assertIn(f"\\fB{name}\\fR\n", page)
        self.assertIn("\\fB-p\\fR, \\fB--n-prompt\\fR", page)
        self.assertNotIn("--man\\fR", page)
        path = self.prefix / "share/man/man1/engine.1"
        if shutil.which("man") and shutil.which("groff"):
            done = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path, env={"LC_ALL": "C.UTF-8", "MANWIDTH": "100"})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        if shutil.which("mandoc"):
            self.assertEqual(run("mandoc", "-Tlint", "-Wwarning", path).stdout, "")

    @unittest.skipUnless("completion" in support.verbs(), "there is no verb for completions")
    def test_completions(self):
        for shell, name in (("bash", "bash-completion/completions/engine"), ("zsh", "zsh/site-functions/_engine"), ("fish", "fish/vendor_completions.d/engine.fish")):
            path = self.prefix / "share" / name
            self.assertIn("engine", path.read_text())
            if shutil.which(shell):
                self.succeed(shell, "-n", path)

    def compile(self, compiler, source, out):
        flags = self.succeed("pkg-config", "--cflags", "--libs", "libengine", env=self.pkg_config).split()
        self.succeed(compiler, source, *flags, "-o", out)
        return out

    def answers(self, program, *arguments, **more):
        env = {"LD_LIBRARY_PATH": str(self.lib)}
        bad = run(program, "/nonexistent.gguf", *arguments, env=env, **more)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("error: ", bad.stderr)
        return self.succeed(program, self.model, *arguments, env=env, **more)

    def test_programs_with_pkg_config(self):
        self.assertEqual(self.succeed("pkg-config", "--modversion", "libengine", env=self.pkg_config).strip(), VERSION)
        c = self.answers(self.compile(CC, ROOT / "examples/generate.c", self.folder / "generate"), "is the sky blue", "8")
        self.assertGreater(len(c.strip()), 0)
        cpp = self.answers(self.compile(CXX, ROOT / "examples/chat.cpp", self.folder / "chat"), "8", input="is the sky blue\nand now\n")
        self.assertTrue(cpp.startswith(c), f"{c!r} {cpp!r}")
        python = self.succeed(sys.executable, ROOT / "examples/generate.py", self.model, "is the sky blue", "8",
                              env={"ENGINE_LIBRARY": str(self.lib / "libengine.so.0")})
        self.assertEqual(python, c)

    def test_programs_with_cmake(self):
        source = self.folder / "consumer"
        source.mkdir()
        text = CONSUMER.format(version=VERSION, source=ROOT / "examples/chat.cpp")
        (source / "CMakeLists.txt").write_text(text)
        configure = [CMAKE, "-S", source, "-B", source / "build", f"-DCMAKE_CXX_COMPILER={CXX}", f"-DCMAKE_PREFIX_PATH={self.prefix}"]
        self.succeed(*configure)
        self.succeed(CMAKE, "--build", source / "build")
        self.answers(source / "build/chat", "8", input="is the sky blue\n")
        (source / "CMakeLists.txt").write_text(text.replace(f"engine {VERSION}", "engine 99.0"))
        self.assertIn("compatible", run(*configure).stderr)

    def test_steps_of_the_dockerfile(self):
        """What follows its build, with this build and another root."""
        out = self.folder / "out"
        build = dockerfile.stages((ROOT / "packaging/Dockerfile").read_text())[0][2]
        steps = [i.text for i in build if i.name == "RUN"]
        after = steps[next(n for n, text in enumerate(steps) if "cmake --build" in text) + 1:]
        self.assertEqual(len(after), 2)
        for text in after:
            text = text.replace("build/release", str(BUILD)).replace("/out", str(out)).replace(" --strip", " --prefix /usr")
            self.succeed("sh", "-ec", text.replace(" cmake ", f" {CMAKE} "))
        self.assertEqual({path.name for path in (out / "app").iterdir()}, {"engine", *support.links()})
        self.assertEqual({os.readlink(path) for path in (out / "app").iterdir()}, {"/usr/bin/engine"})


if __name__ == "__main__":
    unittest.main()
