"""Folders and repositories laid out to lead elsewhere, or in circles."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sereno.app.backtest_versions import version_at
from sereno.app.rule_files import found_files
from sereno.kernel.errors import UsageError

RULES = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n"


def test_patterns_do_not_walk_in_circles(tmp_path: Path) -> None:
    """Two links to the folder itself: the first version walked 2⁴⁰ paths, and no rule was ever evaluated."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("one", "two", "three"):
        (tmp_path / "a" / name).symlink_to("..")
    (tmp_path / "a" / "b" / "r.yaml").write_text(RULES)
    (tmp_path / "a" / "linked.yaml").symlink_to("b/r.yaml")
    (tmp_path / "a" / ".hidden").mkdir()
    (tmp_path / "a" / ".hidden" / "r.yaml").write_text(RULES)
    found = [str(path.relative_to(tmp_path)) for path in found_files(["**/*.yaml"], tmp_path)]
    assert found == ["a/b/r.yaml", "a/linked.yaml"]
    assert found_files(["**/**/r.yaml", "a/**/b/*.yaml", "a/**"], tmp_path) == (
        tmp_path / "a" / "b" / "r.yaml", tmp_path / "a" / "linked.yaml",
    )  # fmt: skip
    assert found_files([f"{tmp_path}/a/**/*.yaml"], Path("/nowhere")) == found_files(["**/*.yaml"], tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "r.yaml").write_text(RULES)
    (rules / "elsewhere").symlink_to("/etc/passwd")
    (rules / "above").symlink_to("../../../../../etc/passwd")
    identity = ["-c", "user.name=ana", "-c", "user.email=ana@shop.example"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return rules


def test_links_that_lead_out_of_a_repository_are_left_behind(repository: Path) -> None:
    with version_at("HEAD", repository, repository / "none") as version:
        assert version.groups is not None
        assert len(version.groups) == 1


@pytest.mark.parametrize(
    "ref", ["", " ", "-x", "--output=pwned", "--upload-pack=id", "a" * 5000, "a" * 1000, "a\nb", "HEAD:rules"]
)
def test_what_is_no_ref_is_said_to_be_none(repository: Path, ref: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one, of a variable that is not set, would have been this very folder: nothing compared with itself."""
    monkeypatch.chdir(repository)
    with pytest.raises(UsageError), version_at(ref, repository, repository / "none"):
        pass
    assert sorted(path.name for path in repository.iterdir()) == ["above", "elsewhere", "r.yaml"]
