"""Flags answer what OpenFeature's reference says they answer."""

import pytest
from tests.kit.flag_vectors import CASES, DEFINITIONS, Case

from sereno_kit.flags import Flags


@pytest.fixture(scope="module")
def flags() -> Flags:
    return Flags.of(DEFINITIONS)


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case.flag}" for i, case in enumerate(CASES)])
def test_the_reference_is_met(flags: Flags, case: Case) -> None:
    found = flags.evaluate(case.flag, case.kind, case.default, dict(case.context))
    assert (found.value, type(found.value)) == (case.value, type(case.value))
    assert case.reason in (None, found.reason)
    assert found.error_code == case.code or case.code is None


def test_metadata_of_the_flag_are_told_and_none_are_invented(flags: Flags) -> None:
    found = flags.details("metadata-flag")
    assert dict(found.metadata) == {"string": "1.0.2", "integer": 2, "boolean": True, "float": 0.1}
    assert dict(flags.details("boolean-flag").metadata) == {}
