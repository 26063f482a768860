"""`sereno fmt`: the same words, the same comments, better placed; and text that was read in the wrong way."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.shop import PEOPLE, SHOP
from tests.spec.test_spec_limits import TEXTS

from sereno.app.cli.fmt import fmt
from sereno.app.promql_checker import Checker
from sereno.kernel.errors import UsageError
from sereno.spec.formatting import UnformattableError, formatted
from sereno.spec.loader import load_text
from sereno.spec.mojibake import garbled, repaired

ROOT = Path(__file__).parents[2]
MESSY = """\
# top


service:    pay   # the payments
team:  shop
slos:
- name:   a
  objective: 99.9%
  window:  30d
  sli: { events: {total: t_total,bad: b_total , except: [ 'a="1"' ]} }
  # about the objective
# before the alerts
alerts:
    -   alert: Down
        severity: SEV1
        expr: |
            max(up) == 0
              or absent(up)
        labels: { a: b,
                  c: d }
        description: >-
            one

            two
    # at the end of the alerts
links: {}



---
{team: shop,escalation: shop}   # one line
"""
NEAT = """\
# top

service: pay   # the payments
team: shop
slos:
  - name: a
    objective: 99.9%
    window: 30d
    sli: {events: {total: t_total, bad: b_total, except: ['a="1"']}}
    # about the objective
# before the alerts
alerts:
  - alert: Down
    severity: SEV1
    expr: |
        max(up) == 0
          or absent(up)
    labels: {a: b,
              c: d}
    description: >-
        one

        two
  # at the end of the alerts
links: {}

---
{team: shop, escalation: shop}   # one line
"""


def test_a_messy_file_becomes_neat() -> None:
    assert formatted(MESSY) == NEAT
    assert formatted(NEAT) == NEAT


def test_windows_line_ends_and_a_mark_at_the_start_go() -> None:
    assert formatted("\ufeffa: 1\r\nb:\r\n- 2") == "a: 1\nb:\n  - 2\n"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_neat(path: Path) -> None:
    assert formatted(path.read_text(encoding="utf-8")) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "a:\n\t- b", "- *nowhere\n"])
def test_what_is_not_yaml_is_refused(text: str) -> None:
    with pytest.raises(UnformattableError):
        formatted(text)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_no_text_changes_its_meaning_or_is_formatted_twice(text: str) -> None:
    """`formatted` compares what the text says, and its comments, before and after; here: it settles at once."""
    try:
        made = formatted(text)
    except UnformattableError:
        return
    assert formatted(made) == made


def test_the_spec_is_the_same_before_and_after() -> None:
    wide = PEOPLE.replace(": ", ":   ").replace(", ", "  ,  ").replace("{", "{  ").replace("https:   //", "https://")
    before = load_text({"p.yaml": PEOPLE, "s.yaml": SHOP}, promql=Checker())
    after = load_text({"p.yaml": formatted(wide), "s.yaml": formatted(SHOP)}, promql=Checker())
    assert before.spec is not None
    assert after.spec is not None
    assert [p.title for p in after.spec.people.values()] == [p.title for p in before.spec.people.values()]
    assert after.spec.services["pay"].slos[0].sli == before.spec.services["pay"].slos[0].sli


def test_files_are_written_whole_and_keep_their_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(MESSY, encoding="utf-8")
    file.chmod(0o640)
    (tmp_path / "broken.yml").write_text("a: [")
    (tmp_path / ".hidden.yaml").write_text("a:   1")
    assert fmt(tmp_path, check=True) == 1
    assert file.read_text(encoding="utf-8") == MESSY, "--check changes nothing"
    assert fmt(tmp_path) == 1, "one of them is broken"
    said = capsys.readouterr()
    assert "a.yaml: would change" in said.out
    assert "a.yaml: formatted" in said.out
    assert "broken.yml: not formatted" in said.err
    assert file.read_text(encoding="utf-8") == NEAT
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert (tmp_path / "broken.yml").read_text() == "a: ["
    assert (tmp_path / ".hidden.yaml").read_text() == "a:   1"
    (tmp_path / "broken.yml").unlink()
    assert fmt(tmp_path, check=True) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden.yaml", "a.yaml"], "no draft is left behind"
    with pytest.raises(UsageError):
        fmt(tmp_path / "nowhere")


# Garbled text

GOOD = (
    "Canción, ¿qué tal? ¡Olé! «CAFÉ» «SÃO» ÑANDÚ — “comillas” ‘x’ 5 °C · año × 2 → ±3; naïve, façade à la Ü; "
    "Árbol, pingüino, «MANHÃ» 100 € … √2 ≥ 1; ¬p; Nº 3.ª"
)


def read_as(text: str, encoding: str) -> str:
    """What somebody sees who reads the bytes of UTF-8 in another encoding."""
    return "".join(bytes((byte,)).decode(encoding, "ignore") or chr(byte) for byte in text.encode())


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "mac_roman"])
def test_garbled_text_is_put_right_once_or_twice(encoding: str) -> None:
    text = GOOD.replace("¬p", "p")
    once = read_as(text, encoding)
    assert repaired(once) == text
    words = "Canción año ¿qué ÑANDÚ Árbol"
    assert repaired(read_as(read_as(words, encoding), encoding)) == words


SPANISH = sorted((ROOT / "examples" / "tienda").rglob("*.md")) + sorted((ROOT / "docs" / "guides" / "es").rglob("*.md"))


@pytest.mark.parametrize("path", SPANISH, ids=lambda path: path.name)
def test_good_spanish_is_never_taken_for_garbled(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert list(garbled(text)) == []
    assert repaired(read_as(text, "cp1252")) == text


def test_good_text_is_left_alone() -> None:
    assert list(garbled(GOOD)) == []
    assert repaired(GOOD) == GOOD


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aeioñáéíóúüÑÁÉÍÓÚ¿¡ .,«»—", max_size=40))
def test_what_people_write_in_spanish_is_left_alone(text: str) -> None:
    assert list(garbled(text)) == []


def test_a_garbled_file_is_repaired_where_that_is_asked_for(tmp_path: Path) -> None:
    file, page = tmp_path / "a.yaml", tmp_path / "b.md"
    file.write_text("title: CanciÃ³n\n", encoding="utf-8")
    page.write_text("# ConexiÃ³n\n", encoding="utf-8")
    assert fmt(tmp_path) == 0
    assert file.read_text(encoding="utf-8") == "title: CanciÃ³n\n"
    assert fmt(tmp_path, repair=True) == 0
    assert file.read_text(encoding="utf-8") == "title: Canción\n"
    assert page.read_text(encoding="utf-8") == "# Conexión\n"


def test_machines_are_told_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text("a:    1\n")
    (tmp_path / "b.yaml").write_text("b: 1\n")
    (tmp_path / "c.yaml").write_bytes(b"c: \xff\n")
    assert fmt(tmp_path, check=True, json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert [Path(name).name for name in told["files"]] == ["a.yaml", "b.yaml", "c.yaml"]
    assert [Path(name).name for name in told["changed"]] == ["a.yaml"]
    assert list(told["failed"].values()) == ["byte 4 is not UTF-8; save the file as UTF-8"]
