"""What a person may do from the page: the commands `rollout hold`, `promote` and `rollback`, run as they are."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from inferencepool_rollout.exit_codes import ExitCode

LINES = 6


@dataclass(frozen=True)
class Done:
    """An action: `ended` is a Unix time, None while it runs; `said` is the end of what the command wrote."""

    verb: str
    began: float
    ended: float | None = None
    good: bool = False
    said: str = ""


@dataclass
class Actions:
    """The verbs of one plan, one at a time; a rollback does not wait for another verb's end."""

    file: Path
    context: str = ""
    log: Path | None = None
    last: Done | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    VERBS = ("hold", "promote", "rollback")

    def begin(self, verb: str, reason: str = "") -> Done | None:
        """Run a verb in the background; returns None, and does nothing, while another one runs."""
        with self._lock:
            under_way = self.last if self.last and self.last.ended is None else None
            if under_way and (verb != "rollback" or under_way.verb == "rollback"):
                return None
            self.last = begun = Done(verb, time.time())
        threading.Thread(target=self._run, args=(begun, self.command(verb, reason)), name=verb).start()
        return begun

    def command(self, verb: str, reason: str = "") -> list[str]:
        """Return a verb's command."""
        command = [sys.executable, "-m", "inferencepool_rollout", verb, f"--file={self.file}"]
        command += [f"--context={self.context}"] if self.context else []
        command += [f"--log={self.log}"] if self.log and verb != "hold" else []
        return command + ([f"--reason={reason}"] if reason and verb == "hold" else [])

    def _run(self, begun: Done, command: list[str]) -> None:
        """Run it in a session of its own: a Ctrl-C that ends the page does not end a rollback."""
        try:
            ran = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", check=False, start_new_session=True,
            )  # fmt: skip
            code, said = ran.returncode, ran.stdout
        except OSError as error:
            code, said = ExitCode.FAILED, str(error)
        lines = [line for line in said.splitlines() if line.strip()][-LINES:]
        ended = replace(begun, ended=time.time(), good=code == ExitCode.DONE, said="\n".join(lines))
        with self._lock:
            if self.last is begun:
                self.last = ended
