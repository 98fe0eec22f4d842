import multiprocessing
import time
from pathlib import Path

import pytest

from inferencepool_lab.builds import cache
from inferencepool_rollout.failure import Failure


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCEPOOL_ROLLOUT_CACHE", str(tmp_path))


def test_the_cache_follows_xdg_where_no_other_place_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFERENCEPOOL_ROLLOUT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.root() == Path("/somewhere/inferencepool-rollout")


def test_a_thing_is_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        with cache.made(tmp_path / "thing") as scratch:
            if scratch:
                assert not (tmp_path / "thing").exists()
                scratch.write_text("made")
    assert (tmp_path / "thing").read_text() == "made"


def test_what_failed_half_way_is_not_taken_for_whole(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), cache.made(tmp_path / "thing") as scratch:
        assert scratch is not None
        scratch.write_text("half")
        raise RuntimeError
    assert not (tmp_path / "thing").exists()
    with cache.made(tmp_path / "thing") as scratch:
        assert scratch is not None and not scratch.exists()
        scratch.write_text("whole")


def _make(path: Path) -> None:
    with cache.made(path) as scratch:
        if scratch:
            time.sleep(0.2)
            scratch.write_text("x")
            with (path.parent / "made-by").open("a") as log:
                log.write("one\n")


def test_two_processes_make_a_thing_once(tmp_path: Path) -> None:
    processes = [multiprocessing.get_context("fork").Process(target=_make, args=(tmp_path / "thing",)) for _ in "12"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "made-by").read_text() == "one\n"


def test_a_fingerprint_tells_contents_names_and_borders_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("same")
    two.write_text("same")
    prints = [
        cache.fingerprint("ab", "c"),
        cache.fingerprint("a", "bc"),
        cache.fingerprint(one),
        cache.fingerprint(two),
        cache.fingerprint(tmp_path),
    ]
    assert len(set(prints)) == len(prints)
    one.write_text("other")
    assert cache.fingerprint(tmp_path) != prints[-1]


def test_a_full_disk_is_told_before_a_cold_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "COLD_BUILD_BYTES", 10**18)
    with pytest.raises(Failure, match="GB are free at .* free some, or set INFERENCEPOOL_ROLLOUT_CACHE"):
        cache.require_room()
