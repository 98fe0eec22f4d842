"""Puts libraries that do nothing in the place of those of CUDA that the libraries of a folder miss.

What torch calls there when it is imported gets the address of zeros, and a made object a table of functions that do
nothing. Nothing of it is called later, for there is no GPU. `LD_DEBUG=bindings python3 -c 'import torch'` shows who
asks for what.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

# Itanium C++ ABI: C1 and C2 are constructors, _ZT begins virtual tables and type information.
SOURCE = """
.text
{constructors}
    lea table+16(%rip), %rax
    mov %rax, (%rdi)
    ret
{functions}
nothing:
    lea zeros(%rip), %rax
    ret
.data
.balign 16
table:
    .quad 0, type
    .rept 64
    .quad nothing
    .endr
type:
    .quad _ZTVN10__cxxabiv117__class_type_infoE+16, name
name:
    .string "absent"
zeros:
    .zero 4096
{types}
"""
TYPE = """
.balign 16
.globl {symbol}
{symbol}:
    .quad _ZTVN10__cxxabiv117__class_type_infoE+16, 1f
1:  .string "{name}"
"""


def main(folder: Path) -> None:
    """Write one library for each that is missing; exit with the cause if a tool fails."""
    libraries = sorted(folder.glob("*.so*"))
    rows = [line.split() for line in run("ldd", *libraries).splitlines() if "=>" in line]
    missing = {row[0] for row in rows if row[2] == "not"}
    there = {row[2] for row in rows if row[2] != "not"}
    wanted = symbols("--undefined-only", *libraries)
    defined = {symbol.split("@")[0] for symbol in symbols("--defined-only", *libraries, *there)}
    loose = {symbol for symbol in wanted - defined if "@" not in symbol and not symbol.startswith(("Py", "_Py"))}
    for library in missing:
        versioned = {symbol.split("@")[0] for symbol in wanted if symbol.endswith(f"@{library}")}
        write(folder / library, versioned | (loose if library == "libtorch_cuda.so" else set()))


def symbols(which: str, *libraries: str | Path) -> set[str]:
    """Return the names, with `@version` where they have one, that libraries need or have; none that may be missing."""
    listed = run("nm", "--dynamic", "--format=posix", which, *libraries)
    rows = [line.split() for line in listed.splitlines() if not line.endswith(":")]
    return {row[0] for row in rows if row[1] != "w"}


def write(path: Path, symbols: Iterable[str]) -> None:
    """Write a library that has these symbols, in a version that is called like the library."""
    types = {symbol for symbol in symbols if symbol.startswith("_ZT")}
    constructors = {symbol for symbol in symbols if "C1E" in symbol or "C2E" in symbol} - types
    source = SOURCE.format(
        constructors=labels(sorted(constructors)),
        functions=labels(sorted(set(symbols) - types - constructors)),
        types="".join(TYPE.format(symbol=symbol, name=symbol[4:]) for symbol in sorted(types)),
    )
    with tempfile.TemporaryDirectory() as scratch:
        compiled, versions = Path(scratch, "stub.o"), Path(scratch, "versions")
        versions.write_text(f"{path.name} {{ *; }};")
        run("as", "-o", compiled, stdin=source)
        run("ld", "-shared", "-soname", path.name, "--version-script", versions, "-o", path, compiled)


def labels(symbols: Sequence[str]) -> str:
    """Return one place in the assembler's source that has all these names."""
    return "\n".join(f".globl {symbol}\n{symbol}:" for symbol in symbols)


def run(*command: str | Path, stdin: str = "") -> str:
    """Run a command and return what it prints; its errors are shown."""
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
