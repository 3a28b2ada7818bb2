"""The .deb packages that CPack makes of this build: names, contents, dependencies, and the program out of the unpacked package."""
import os
import pathlib
import re
import shutil
import unittest

import support
from support import BUILD, CPACK, ROOT, VERSION, run

BASE = {"libc6", "libgcc-s1", "libstdc++6"}  # of every program in C++


def names(depends):
    """Of packages. libspdlog1.10-fmt9 is another name of libspdlog1.10, for programs that use it with this fmt."""
    return {re.split(r"[ :]|-fmt", part.strip())[0] for part in depends.split(",") if part.strip()}


@unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("dpkg-shlibdeps"), "not a Debian with dpkg-dev")
class Packages(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = run(CPACK, "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", cls.folder, "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip", timeout=280)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.debs = {path.name.split("_")[0]: path for path in cls.folder.glob("*.deb")}
        cls.root = cls.folder / "root"
        for deb in cls.debs.values():
            run("dpkg-deb", "-x", deb, cls.root)
        cls.major = VERSION.split(".")[0]
        cls.library = f"libengine{cls.major}"

    def field(self, package, name):
        return self.succeed("dpkg-deb", "--field", self.debs[package], name).strip()

    def contents(self, package):
        """Files and links, without their folders."""
        lines = self.succeed("dpkg-deb", "--contents", self.debs[package]).splitlines()
        self.assertTrue(all(line.split()[1] == "root/root" for line in lines))
        return {line.split()[5][1:] for line in lines if not line.startswith("d")}

    def test_names(self):
        self.assertEqual(set(self.debs), {"engine", "engine-links", self.library, "libengine-dev"})
        for package in self.debs:
            self.assertEqual(self.field(package, "Version"), f"{VERSION}-1")
            self.assertGreater(len(self.field(package, "Description").split("\n")), 1, package)

    def test_contents(self):
        engine = self.contents("engine")
        self.assertLessEqual({"/usr/bin/engine", "/usr/share/man/man1/engine.1", "/usr/lib/systemd/system/engine.service", "/usr/lib/sysusers.d/engine.conf",
                              "/usr/lib/tmpfiles.d/engine.conf", "/usr/share/doc/engine/copyright"}, engine)
        self.assertEqual(self.contents("engine-links"), {f"/usr/bin/{name}" for name in support.links()})
        library = {pathlib.Path(path).name for path in self.contents(self.library)}
        self.assertEqual(library, {f"libengine.so.{self.major}", f"libengine.so.{VERSION}"})
        development = self.contents("libengine-dev")
        self.assertIn("/usr/include/engine.h", development)
        self.assertEqual([path for path in engine if "/include/" in path or ".so" in path], [])
        everything = [path for package in self.debs for path in self.contents(package)]
        self.assertEqual(len(everything), len(set(everything)), "no file is in two packages")

    def test_dependencies(self):
        engine = names(self.field("engine", "Depends"))
        self.assertIn("libcurl4" if "libcurl4" in engine else "libcurl4t64", engine)
        self.assertEqual(self.field("engine-links", "Depends"), f"engine (= {VERSION}-1)")
        self.assertIn("ollama", self.field("engine-links", "Conflicts"))
        self.assertEqual(self.field("libengine-dev", "Depends"), f"{self.library} (= {VERSION}-1)")
        self.assertLessEqual(names(self.field(self.library, "Depends")), engine | BASE, "the library needs no more than the program")
        release = pathlib.Path("/etc/os-release").read_text()
        if 'VERSION_ID="12"' not in release:
            return self.skipTest("the image has the packages of Debian 12")
        dockerfile = (ROOT / "packaging/Dockerfile").read_text().split("FROM ")[-1]
        image = set(re.findall(r"^ +([a-z][a-z0-9.+-]+) \\$", dockerfile, flags=re.M))
        self.assertEqual(image | BASE, engine | BASE | {"ca-certificates"}, "the image has what the program links, and nothing else")
        return None

    def test_scripts_and_settings(self):
        control = self.folder / "control"
        self.succeed("dpkg-deb", "-e", self.debs["engine"], control)
        for name in ("postinst", "prerm", "postrm"):
            self.succeed("sh", "-n", control / name)
            self.assertEqual((control / name).stat().st_mode & 0o777, 0o755)
        self.succeed("dpkg-deb", "-e", self.debs[self.library], self.folder / "library")
        self.assertIn("ldconfig", (self.folder / "library/triggers").read_text())
        self.assertIn("ExecStart=/usr/bin/engine serve\n", (self.root / "usr/lib/systemd/system/engine.service").read_text())

    @unittest.skipUnless(shutil.which("systemd-sysusers") and os.getuid() == 0, "needs systemd-sysusers, as root")
    def test_user(self):
        (self.root / "etc").mkdir(exist_ok=True)
        self.succeed("systemd-sysusers", f"--root={self.root}", "engine.conf")
        self.assertRegex((self.root / "etc/passwd").read_text(), r"(?m)^ollama:x:\d+:\d+:[^:]*:/usr/share/ollama:/bin/false$")
        home = self.root / "usr/share/ollama"
        run("systemd-tmpfiles", f"--root={self.root}", "--create", "engine.conf")
        self.assertEqual(home.stat().st_mode & 0o777, 0o755)
        home.chmod(0o700)
        run("systemd-tmpfiles", f"--root={self.root}", "--create", "engine.conf")
        self.assertEqual(home.stat().st_mode & 0o777, 0o700, "a home that is there stays as it is")

    def test_unpacked_program(self):
        bin_folder = self.root / "usr/bin"
        self.assertIn(f"engine version is {VERSION}", self.succeed(bin_folder / "ollama", "-v"))
        self.assertEqual(self.succeed("objdump", "-h", bin_folder / "engine").count(".debug_info"), 0)
        server = self.server(program=bin_folder / "ollama")
        self.succeed(bin_folder / "engine", "health", env=server.client_env)
        server.signal(15)
        self.assertEqual(server.wait()[0], 0)


if __name__ == "__main__":
    unittest.main()
