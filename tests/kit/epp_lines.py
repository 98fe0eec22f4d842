"""The lines of the EPP that the chart supports and whose source is a Go module, each by one release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from inferencepool_lab.builds.versions import versions
from kit.charts import CHARTS

FILES = CHARTS / "inferencepool/files"
PRESETS: dict[str, Any] = {path.stem: yaml.safe_load(path.read_text()) for path in FILES.glob("plugins/*.yaml")}
"""The plugin presets by their name, as their files have them."""
CURRENT = "1.5"


@dataclass(frozen=True)
class Line:
    """A minor version of the EPP, such as 1.2."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def image(self) -> str:
        """Key of its image in versions.toml."""
        return "epp" if self.name == CURRENT else f"epp-{self.name}"

    @property
    def module(self) -> str:
        """Key of its module in versions.toml."""
        return "inference-extension" if self.name == CURRENT else f"inference-extension-{self.name}"

    @property
    def version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.tag.removeprefix("v").split("."))

    @property
    def tag(self) -> str:
        return versions().images[self.image].name.split(":")[1]

    @property
    def family(self) -> str:
        """Its family in the chart, a file of files/epp."""
        return "0.5" if self.name == "0.5" else "1.x"

    @property
    def values(self) -> dict[str, str]:
        """What chooses it in the chart, key to value."""
        return {"api.version": {"0.5": "x-k8s", "1.x": "v1"}[self.family], "epp.image.tag": self.tag}

    @property
    def presets(self) -> list[str]:
        """The plugin presets that the chart allows for it."""
        return [name for name, since in presets_of(self.family).items() if self.reads(since)]

    @property
    def rewrites(self) -> bool:
        """Whether it reads InferenceModelRewrites, as the chart has it."""
        return self.reads(data_of(self.family)["rewrites"])

    def reads(self, since: str) -> bool:
        """Whether it is `since`, the first image that can do something (empty for none), or newer."""
        return bool(since) and self.version >= tuple(int(part) for part in since.split("."))


def data_of(family: str) -> dict[str, Any]:
    """What files/epp/<family>.yaml holds from `metrics` on: before, it reads values."""
    text = (FILES / f"epp/{family}.yaml").read_text()
    data: dict[str, Any] = yaml.safe_load(text[text.index("\nmetrics:") :])
    return data


def presets_of(family: str) -> dict[str, str]:
    """The plugin presets that a family of the EPP has, each with the first version that decodes it."""
    return {name: data["families"][family]["since"] for name, data in PRESETS.items() if family in data["families"]}


def config_of(preset: str, family: str) -> dict[str, Any]:
    """The configuration of a plugin preset for a family of the EPP, without apiVersion and kind."""
    data = PRESETS[preset]
    config: dict[str, Any] = data["families"][family].get("config", data["config"])
    return config


def custom(preset: str, family: str) -> str:
    """A plugin preset's configuration as text for epp.plugins.custom."""
    head = {"apiVersion": data_of(family)["configVersion"], "kind": "EndpointPickerConfig"}
    return yaml.safe_dump({**head, **config_of(preset, family)})


LINES = tuple(Line(name) for name in ("0.5", "1.0", "1.1", "1.2", "1.3", "1.4", CURRENT))
