"""Headless Chromium, driven over a pipe by the DevTools protocol."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_TIMEOUT = 60  # seconds for an answer
# The browser reads descriptor 3 and writes descriptor 4.
_TRAMPOLINE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)
_KEYS = {"ArrowRight": 39, "Enter": 13}


def find():
    """The path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A running browser; `events` are the messages that answer no call."""

    def __init__(self, profile):
        down, up = ([_out_of_the_way(end) for end in os.pipe()] for _ in range(2))
        flags = ["--headless=new", "--remote-debugging-pipe", "--disable-gpu"]
        flags += ["--no-first-run", f"--user-data-dir={profile}"]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        start = [sys.executable, "-c", _TRAMPOLINE, str(down[0]), str(up[1])]
        self._process = subprocess.Popen(
            [*start, find(), *flags],
            pass_fds=(down[0], up[1]),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(down[0])
        os.close(up[1])
        self._to, self._from = down[1], up[0]
        self._sent, self._rest, self.events = 0, b"", []

    def send(self, method, session=None, **parameters):
        """Calls a method of the protocol and returns its result."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._sent:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def events_of(self, *methods):
        """The parameters of the events of some methods."""
        return [e["params"] for e in self.events if e.get("method") in methods]

    def close(self):
        """Ends the browser."""
        with contextlib.suppress(OSError, TimeoutError):
            self.send("Browser.close")
        os.close(self._to)
        os.close(self._from)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self):
        end = time.monotonic() + _TIMEOUT
        while b"\0" not in self._rest:
            remaining = max(0, end - time.monotonic())
            ready, _, _ = select.select([self._from], [], [], remaining)
            part = os.read(self._from, 1 << 16) if ready else b""
            if not part:
                raise TimeoutError("the browser does not answer")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


class Tab:
    """A loaded page in its own tab."""

    def __init__(self, browser, url, *, width=1280, scheme="light"):
        send = browser.send
        target = send("Target.createTarget", url="about:blank")["targetId"]
        attached = send("Target.attachToTarget", targetId=target, flatten=True)
        self._send, self._session = send, attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            send(f"{domain}.enable", self._session)
        size = {"width": width, "height": 800, "deviceScaleFactor": 1}
        send(
            "Emulation.setDeviceMetricsOverride",
            self._session,
            mobile=width < 500,
            **size,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        send("Emulation.setEmulatedMedia", self._session, features=[feature])
        browser.events.clear()
        send("Page.navigate", self._session, url=url)
        while not browser.events_of("Page.loadEventFired"):
            self.run("new Promise((resolve) => setTimeout(resolve, 50))")

    def run(self, program):
        """The value of a JavaScript expression; a promise is awaited."""
        options = {"awaitPromise": True, "returnByValue": True}
        result = self._send(
            "Runtime.evaluate", self._session, expression=program, **options
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key):
        """Presses a key of `_KEYS` on the element in focus."""
        for kind in ("keyDown", "keyUp"):
            options = {"type": kind, "key": key, "code": key}
            if (key, kind) == ("Enter", "keyDown"):
                options["text"] = "\r"
            self._send(
                "Input.dispatchKeyEvent",
                self._session,
                windowsVirtualKeyCode=_KEYS[key],
                **options,
            )


def _out_of_the_way(descriptor):
    """The same file as another descriptor, which the trampoline does not overwrite."""
    duplicate = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return duplicate
