"""A headless Chromium, driven through chromedriver in the W3C WebDriver protocol: plain JSON over HTTP.

The standard library suffices for what these tests ask of it; Debian's packages ``chromium`` and ``chromium-driver`` are
the browser and its driver.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's own name for a reference to an element
_OPENER = build_opener(ProxyHandler({}))

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015"}


class Chromium:
    """One browser with one window.

    Args:
        folder: Where it keeps its profile.
        dark: Whether the person prefers dark colours.
        size: Width and height of the window.
    """

    def __init__(self, folder: Path, *, dark: bool = False, size: tuple[int, int] = (1400, 1000)) -> None:
        driver = shutil.which("chromedriver")
        assert driver, "chromedriver is not installed; on Debian: apt-get install chromium chromium-driver"
        port = _free_port()
        # A home of its own: whatever the browser keeps goes away with the folder.
        environment = {**os.environ, "HOME": str(folder), "no_proxy": "127.0.0.1"}
        self._process = subprocess.Popen(
            [driver, f"--port={port}"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._base = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        arguments += [f"--window-size={size[0]},{size[1]}", f"--user-data-dir={folder / 'profile'}"]
        # The driver cannot say it; Chromium takes the theme of headless pages from here.
        arguments += ["--blink-settings=preferredColorScheme=0"] if dark else []
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        self._wait_for_driver()
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._base += f"/session/{session['sessionId']}"

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._send("DELETE", "")
        finally:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    # -- what a person does ------------------------------------------------------------------------------------------

    def open(self, url: str) -> None:
        self._send("POST", "/url", {"url": url})

    def press(self, *keys: str) -> None:
        """Press keys one after the other: the names of `KEYS`, or single characters."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._send("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector: str) -> None:
        found = self._send("POST", "/element", {"using": "css selector", "value": selector})
        self._send("POST", f"/element/{found[_ELEMENT]}/click", {})

    def add_cookie(self, name: str, value: str) -> None:
        self._send("POST", "/cookie", {"cookie": {"name": name, "value": value, "path": "/"}})

    def forget_cookies(self) -> None:
        self._send("DELETE", "/cookie")

    # -- what a person sees ------------------------------------------------------------------------------------------

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns."""
        return self._send("POST", "/execute/sync", {"script": script, "args": [*arguments]})

    def text(self, selector: str) -> str:
        """Return the visible text of an element, empty if there is none."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText ?? one.textContent)"
        return list(self.run(script, selector))

    def count(self, selector: str) -> int:
        return int(self.run("return document.querySelectorAll(arguments[0]).length", selector))

    def wait(self, script: str, *arguments: Any, seconds: float = 30) -> Any:
        """Return what a script returns as soon as that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.run(script, *arguments)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds:g} s: {script}\nthe page says: {self.text('body')}\n{self.log()}")

    def wait_for_text(self, selector: str, text: str, seconds: float = 30) -> None:
        script = "return (document.querySelector(arguments[0])?.innerText ?? '').includes(arguments[1])"
        self.wait(script, selector, text, seconds=seconds)

    def windows(self) -> int:
        return len(self._send("GET", "/window/handles"))

    def wait_for_windows(self, count: int, seconds: float = 30) -> None:
        """Wait until there are as many windows, and close the others than the first."""
        deadline = time.monotonic() + seconds
        while self.windows() != count:
            assert time.monotonic() < deadline, f"{self.windows()} windows, not {count}"
            time.sleep(0.1)
        first, *others = self._send("GET", "/window/handles")
        for handle in others:
            self._send("POST", "/window", {"handle": handle})
            self._send("DELETE", "/window")
        self._send("POST", "/window", {"handle": first})

    def log(self) -> list[str]:
        """Return what the console has said since it was last asked: also violations of the security policy."""
        return [entry["message"] for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    # -- the protocol ------------------------------------------------------------------------------------------------

    def _wait_for_driver(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if self._send("GET", "/status")["ready"]:
                    return
            except (URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError("chromedriver does not answer")

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with _OPENER.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {json.load(error)['value']['message']}") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
