"""One line for each test; and nothing but this machine is reached: a connection elsewhere is an error of the test."""
import socket

import pytest


@pytest.fixture(autouse=True, scope="session")
def only_this_machine():
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a client connects to {address[0]}")

    socket.socket.connect = lambda self, address: (check(address), connect(self, address))[1]
    socket.socket.connect_ex = lambda self, address: (check(address), connect_ex(self, address))[1]
    yield
    socket.socket.connect, socket.socket.connect_ex = connect, connect_ex


def pytest_report_teststatus(report):
    """No dots: each test has a line of its own, see below."""
    if report.when != "call" and report.passed:
        return "", "", ""
    return "error" if report.failed and report.when != "call" else report.outcome, "", ""


class Lines:
    def __init__(self, terminal):
        self.terminal = terminal

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        file = report.nodeid.split("::")[0].removeprefix("test_").removesuffix(".py")
        # location: schemathesis puts the endpoint there, and not into the id
        line = f"{report.outcome:8}{file}: {report.location[2]} ({report.duration:.1f} s)"
        reason = f": {report.longrepr[2].removeprefix('Skipped: ')}" if report.skipped else ""
        self.terminal.write_line(line + reason, red=report.failed, yellow=report.skipped)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.pluginmanager.register(Lines(config.pluginmanager.get_plugin("terminalreporter")))
