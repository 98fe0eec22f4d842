"""The weight is written into the values file of the checkout, and nothing else of it changes."""

from __future__ import annotations

import difflib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inferencepool_rollout.drive.movers.gitops import ask, asked
from inferencepool_rollout.failure import Failure

BACKENDS = """\
# The route of production; ask before you change it.
backends:
    - name: old          # on the nodes of 2024
      pool: "pool-old"
    - {name: new, pool: 'pool-new'}
annotations:
  owner: a-very-long-name-of-a-team-and-then-more-words-so-that-the-line-is-longer-than-a-writer-of-yaml-would-let-it-be
"""
FILES = {
    "block": BACKENDS + "weights:\n  old: 90\n  new: 10   # since Monday\n",
    "flow": BACKENDS + "weights: {old: 90, new: 10}\n",
    "first": "weights:\n  new: 10\n" + BACKENDS,
    "block without it": BACKENDS + "weights:\n    # by whom\n    old: 90\n",
    "flow without it": BACKENDS + "weights: {old: 90}\n",
    "empty": BACKENDS + "weights: {}\n",
    "null": "weights:\n" + BACKENDS,
    "none": BACKENDS,
    "windows": (BACKENDS + "weights:\n  new: 10\n").replace("\n", "\r\n"),
    "windows, none": BACKENDS.replace("\n", "\r\n"),
}


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "values.yaml"
    file.write_bytes(FILES[request.param].encode())
    return file


@pytest.mark.parametrize("percent", [0, 5, 50, 100])
def test_what_is_asked_is_read_back(file: Path, percent: int) -> None:
    ask(file, "new", percent)
    assert asked(file, "new") == percent


def test_all_other_values_stay(file: Path) -> None:
    before = yaml.safe_load(file.read_text())
    ask(file, "new", 50)
    weights = {**(before.get("weights") or {}), "new": 50}
    assert yaml.safe_load(file.read_text()) == {**before, "weights": weights}


def test_one_line_is_all_that_changes(file: Path) -> None:
    before = file.read_bytes().decode().splitlines(keepends=True)
    ask(file, "new", 50)
    after = file.read_bytes().decode().splitlines(keepends=True)
    changes = [line for line in difflib.ndiff(before, after) if line.startswith("+ ")]
    assert len(changes) == 1, changes
    assert "50" in changes[0]


def test_a_comment_on_the_weights_line_stays(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(FILES["block"])
    ask(file, "new", 25)
    assert "  new: 25   # since Monday\n" in file.read_text()


def test_a_file_whose_last_line_has_no_end_gets_one(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("backends: []")
    ask(file, "new", 25)
    assert file.read_text() == "backends: []\nweights: {new: 25}\n"


def test_a_file_that_asks_for_nothing_asks_for_0(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(FILES["none"])
    assert asked(file, "new") == 0


def test_yaml_that_cannot_be_changed_in_a_line_is_refused_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    text = "shared: &weights {new: 10}\nother: *weights\nweights: *weights\n"
    file.write_text(text)
    with pytest.raises(Failure, match=r"set weights\.new to 50 in it"):
        ask(file, "new", 50)
    assert file.read_text() == text


@pytest.mark.parametrize("text", ["- a\n", "", "a: [", "a: b: c\n"])
def test_what_are_no_values_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    with pytest.raises(Failure, match=r"values\.yaml"):
        ask(file, "new", 50)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        asked(tmp_path / "none.yaml", "new")


HELM_RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: route, namespace: llm}  # by the platform team
spec:
  interval: 5m
  values:
    # ask before you change it
    backends:
      - {name: old, pool: pool-old}
      - {name: new, pool: pool-new}
    weights:
      new: 10   # since Monday
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: route}
spec:
  source:
    helm:
      valuesObject:
        weights: {old: 90, new: 10}
      values: |
        # the values as a text

        weights:
          new: 10   # since Monday
        backends: []
      parameters:
        - {name: weights.new, value: "10"}
"""
UMBRELLA = "pool-old: {}\nrollout-route:\n  backends: []\n  weights:\n    new: 10\n"
DOCUMENTS = f"# first the umbrella\nkind: ConfigMap\n---\n{HELM_RELEASE}---\n{APPLICATION}"
AT = {
    "a HelmRelease": (HELM_RELEASE, "spec.values.weights.new"),
    "an Application's object": (APPLICATION, "spec.source.helm.valuesObject.weights.new"),
    "an Application's text": (APPLICATION, "spec.source.helm.values.weights.new"),
    "an Application's parameter": (APPLICATION, "spec.source.helm.parameters.0.value"),
    "an umbrella chart": (UMBRELLA, "rollout-route.weights.new"),
    "one of several documents": (DOCUMENTS, "spec.values.weights.new"),
    "a text in one of several documents": (DOCUMENTS, "spec.source.helm.values.weights.new"),
    "a key with a dot": ("a.b: {weights: {new: 10}}\n", "a\\.b.weights.new"),
    "Windows' line ends": (APPLICATION.replace("\n", "\r\n"), "spec.source.helm.values.weights.new"),
    "a folded key before it": ("a: >\n  b\n  c\n" + UMBRELLA, "rollout-route.weights.new"),
}


@pytest.mark.parametrize(("text", "at"), AT.values(), ids=AT)
def test_a_weight_at_a_path_is_all_that_changes(tmp_path: Path, text: str, at: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(text.encode())
    assert asked(file, "new", at) == 10
    ask(file, "new", 55, at)
    assert asked(file, "new", at) == 55
    after = file.read_bytes().decode()
    lines = zip(text.splitlines(keepends=True), after.splitlines(keepends=True), strict=True)
    ((before, changed),) = [pair for pair in lines if pair[0] != pair[1]]
    assert changed == before.replace("10", "55")


ABSENT = {
    "block": ("spec:\n  values:\n    # why\n    backends: []\n", "spec.values.weights.new"),
    "flow": ("spec: {values: {backends: []}}\n", "spec.values.weights.new"),
    "empty flow": ("spec: {values: {}}\n", "spec.values.weights.new"),
    "null": ("spec:\n  values:\n    weights:  # none yet\n", "spec.values.weights.new"),
    "text": ("spec:\n  values: |\n    backends: []\n    # the end\n", "spec.values.weights.new"),
}


@pytest.mark.parametrize(("text", "at"), ABSENT.values(), ids=ABSENT)
def test_a_weight_that_is_not_there_yet_is_added_where_it_belongs(tmp_path: Path, text: str, at: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    assert asked(file, "new", at) == 0
    ask(file, "new", 5, at)
    assert asked(file, "new", at) == 5
    assert [line for line in text.splitlines() if line.strip().startswith("#") and line not in file.read_text()] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HELM_RELEASE, r"is the object HelmRelease .* --at spec\.values\.weights\.new"),
        (APPLICATION, r"is the object Application .* --at spec\.source\.helm\.valuesObject\.weights\.new"),
        ("apiVersion: v1\nkind: ConfigMap\ndata: {}\n", "is the object ConfigMap and no values file"),
        (UMBRELLA, r"has neither weights nor backends.*--at rollout-route\.weights\.new"),
        ("replicaCount: 1\n", r"has neither weights nor backends"),
        (DOCUMENTS, "has 3 documents, and a values file has one"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_the_path_and_stays(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(Failure, match=told):
        ask(file, "new", 50)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        (HELM_RELEASE, "spec.value.weights.new", r"has no spec\.value\.weights"),
        (HELM_RELEASE, "spec..new", "is not a path of keys"),
        (HELM_RELEASE, "spec.values.backends", "a whole percent was expected"),
        (f"{UMBRELLA}---\n{UMBRELLA}", "rollout-route.weights.new", "has 2 documents with rollout-route"),
        ("a: {weights: {new: ten}}\n", "a.weights.new", "is 'ten'; a whole percent was expected"),
        ("a: {weights: {new: true}}\n", "a.weights.new", "is True; a whole percent was expected"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, text: str, at: str, told: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(Failure, match=told):
        asked(file, "new", at)
        ask(file, "new", 50, at)
    assert file.read_text() == text


STRANGE = {
    "merge key": "base: &base\n  weights: {old: 90, new: 10}\nvalues:\n  <<: *base\n",
    "alias": "base: &base {new: 10}\nvalues: {weights: *base}\n",
    "aliases in each other": "a: &a [x]\nb: &b [*a, *a]\nvalues: {c: *b, weights: {new: 10}}\n",
    "tabs": "values:\n\tweights:\n\t\tnew: 10\n",
    "tag": "values: !secret {weights: {new: 10}}\n",
    "python": "values: !!python/object/apply:os.system [ls]\n",
    "deep": "values: " + "[" * 5000 + "]" * 5000 + "\n",
    "deep block": "".join(f"{' ' * i}a:\n" for i in range(2000)),
    "twice": "values: {weights: {new: 10, new: 20}}\n",
    "complex key": "? {a: b}\n: c\nvalues: {weights: {new: 10}}\n",
    "number keys": "1: a\nvalues: {weights: {new: 10}}\n",
    "date": "a: 2024-13-45\nvalues: {weights: {new: 10}}\n",
    "folded text": "values: >\n  weights:\n    new: 10\n",
    "quoted text": 'values: "weights:\\n  new: 10\\n"\n',
    "list of text": "values: [weights, new]\n",
    "unclosed": "values: {weights: {new: 10\n",
    "null byte": "values: {weights: {new: 10}}\0\n",
    "byte order mark": "\ufeffvalues: {weights: {new: 10}}\n",
    "template": "values: {weights: {new: {{ .Values.weight }}}}\n",
    "aliases that grow": "a: &a [x]\n"
    + "".join(f"{b}: &{b} [{', '.join(9 * [f'*{a}'])}]\n" for a, b in pairwise("abcdefghijklmno"))
    + "values: {weights: {new: 10}}\n",
    "an alias of itself": "a: &a [*a]\nvalues: {weights: {new: 10}}\n",
    "empty": "",
    "comment alone": "# nothing\n",
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_whatever_yaml_it_is_the_weight_is_written_alone_or_nothing_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    try:
        ask(file, "new", 50, "values.weights.new")
    except Failure:
        assert file.read_text() == text
    else:
        assert asked(file, "new", "values.weights.new") == 50
        assert file.read_text() == text.replace("10", "50")


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.text("ab:-[]{}&*!|>'\"#%@,?<~\n\t 10", max_size=40), st.integers(0, 200))
def test_no_text_in_the_file_ends_in_another_error(tmp_path: Path, text: str, place: int) -> None:
    file = tmp_path / "file.yaml"
    before = HELM_RELEASE[:place] + text + HELM_RELEASE[place:]
    file.write_bytes(before.encode())
    try:
        ask(file, "new", 55, "spec.values.weights.new")
    except Failure:
        assert file.read_bytes().decode() == before
    else:
        assert asked(file, "new", "spec.values.weights.new") == 55
