"""What responders are promised, told as they would tell it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.stories.story import tell

STORIES = sorted((Path(__file__).parent / "paging").glob("*.story"))


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_story(story: Path) -> None:
    tell(story.read_text())


def test_there_are_stories() -> None:
    assert len(STORIES) >= 12


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("at 0m alert A fires P1\nat 0m expect page bo", "instead"),
        ("at 0m alert A fires P1\nat 1m expect page ana", "not expected"),
        ('at 0m alert A fires P1\nat 0m expect page ana because "another round"', "instead"),
        ("at 0m alert A fires P1\nuntil 1m expect no page", "not expected"),
        ("at 0m alert A fires P1\nat 0m expect page ana\nat 6m bo acknowledges", "not expected"),
        ("at 0m expect page ana", "no page for ana"),
        ("at 0m alert A fires P1\nat 0m expect page ana\nat 1m ana acknowledges but \"bo\"", "not refused"),
    ],
)  # fmt: skip
def test_a_story_that_is_not_so_fails(wrong: str, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        tell("schedule ana, bo, carla\n" + wrong)
