"""The mounted file: its changes come as swaps of a link, and a bad one changes nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lora_syncer.config_file import ConfigFile
from unit.syncer.volume import Volume, configuration

BAD = [
    "vLLMLoRAConfig: {",
    "vLLMLoRAConfig: {prot: 8000}",
    b"\xff\xfe",
    "",
]


def text(*ids: str) -> str:
    return configuration(8000, [{"id": id_, "source": f"/adapters/{id_}"} for id_ in ids])


def ids(file: ConfigFile) -> list[str]:
    assert file.config is not None
    return [adapter.id for adapter in file.config.ensure_exist]


def test_a_swap_of_the_link_is_seen(volume: Volume) -> None:
    file = ConfigFile(volume.path)
    volume.write(text("one"))
    assert file.refresh()
    assert ids(file) == ["one"]
    volume.write(text("one", "two"))
    assert file.refresh()
    assert ids(file) == ["one", "two"]


def test_a_swap_to_the_same_content_changes_nothing(volume: Volume) -> None:
    file = ConfigFile(volume.path)
    volume.write(text("one"))
    file.refresh()
    volume.write(text("one"))
    assert not file.refresh()


def test_another_text_of_the_same_meaning_changes_nothing(volume: Volume) -> None:
    file = ConfigFile(volume.path)
    volume.write(text("one"))
    file.refresh()
    volume.write("# a comment\n" + text("one"))
    assert not file.refresh()
    assert file.error is None


@pytest.mark.parametrize("bad", BAD)
def test_the_last_good_configuration_stays_when_a_new_one_is_bad(volume: Volume, bad: str | bytes) -> None:
    file = ConfigFile(volume.path)
    volume.write(text("one"))
    file.refresh()
    volume.write(bad)
    assert not file.refresh()
    assert ids(file) == ["one"]
    assert file.error is not None
    assert file.error.startswith(f"{volume.path}: ")


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_configuration_at_the_start_leaves_none_in_force(volume: Volume, bad: str | bytes) -> None:
    file = ConfigFile(volume.path)
    volume.write(bad)
    assert not file.refresh()
    assert file.config is None
    assert file.error is not None


def test_a_refusal_is_logged_once_and_says_what_is_in_force(volume: Volume, caplog: pytest.LogCaptureFixture) -> None:
    file = ConfigFile(volume.path)
    volume.write(text("one"))
    file.refresh()
    volume.write(text("one", "one"))
    with caplog.at_level(logging.ERROR):
        file.refresh()
        file.refresh()
    (record,) = caplog.records
    assert record.getMessage() == (
        f"configuration refused, the last good one stays in force: {volume.path}: "
        "one is in ensureExist 2 times; leave it in once"
    )


def test_the_error_ends_when_the_last_good_configuration_comes_back(volume: Volume) -> None:
    file = ConfigFile(volume.path)
    volume.write(text("one"))
    file.refresh()
    volume.write("bad: true")
    file.refresh()
    volume.write(text("one"))
    assert not file.refresh()
    assert file.error is None


def test_a_file_that_is_not_there_yet_is_waited_for(volume: Volume) -> None:
    file = ConfigFile(volume.path)
    assert not file.refresh()
    assert file.error == f"{volume.path}: can't be read: No such file or directory"
    volume.write(text("one"))
    assert file.refresh()


def test_the_last_good_configuration_stays_when_the_file_goes(volume: Volume) -> None:
    file = ConfigFile(volume.path)
    volume.write(text("one"))
    file.refresh()
    volume.path.unlink()
    assert not file.refresh()
    assert ids(file) == ["one"]
    assert file.error is not None


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path)
    file.refresh()
    assert file.error == f"{tmp_path}: can't be read: Is a directory"
