"""Running other programs so that a failure is one line and the whole output is kept."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from inferencepool_rollout.failure import Failure


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    remedy: str = "",
    new_session: bool = False,
    whole_cause: bool = False,
) -> str:
    """Run `command` to its end and return its standard output.

    `env` is laid over this process's environment. Raises Failure with the last line that the command wrote,
    the name of the log file that holds all of it, and `remedy`; also after `timeout` seconds. In a `new_session`
    the terminal's Ctrl-C does not reach the command. `whole_cause` passes on every line from the one that names the
    cause, as a chart's refusal has several.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            start_new_session=new_session,
        )
    except FileNotFoundError:
        raise Failure(f"{words[0]} is not there; {remedy or 'install it'}") from None
    except OSError as error:  # a folder, or a file that is no program
        raise Failure(f"{words[0]} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Failure(
            f"{' '.join(words[:4])} had not ended after {timeout:.0f} s" + (f"; {remedy}" if remedy else "")
        ) from None
    if done.returncode == 0:
        return done.stdout
    log = _kept(Path(words[0]).name, f"$ {' '.join(words)}\n{done.stdout}\n{done.stderr}\n")
    lines = [line for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
    cause = _cause(lines, whole_cause)
    raise Failure(
        f"{Path(words[0]).name} {' '.join(words[1:3])} failed: {cause}"
        + (f"; {remedy}" if remedy else "")
        + f" (all of it: {log})"
    )


def succeeds(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = 60) -> bool:
    """Tell whether `command` exits 0 within `timeout` seconds; its output is dropped."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _kept(program: str, text: str) -> str:
    """Write the whole output of a failed program into a new temporary file; return the file's name."""
    with tempfile.NamedTemporaryFile("w", prefix=f"{program}-", suffix=".log", delete=False) as file:
        file.write(text)
    return file.name


def _cause(lines: Sequence[str], whole: bool) -> str:
    """The first line that names an error, with `whole` all lines from there on; else the last line."""
    for number, line in enumerate(lines):
        if line.lower().lstrip().startswith(("error", "fatal", "e:")):
            return "\n".join(lines[number:]).strip() if whole else line.strip()
    return lines[-1].strip() if lines else "it wrote nothing"
