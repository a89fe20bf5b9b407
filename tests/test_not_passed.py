"""The default of arguments that need not be passed."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from airflow_provider_seats._not_passed import NOT_PASSED


def test_the_default_stays_itself_in_copies() -> None:
    """Airflow copies operators, and pickles some. A copy of the default must still mean that nothing was passed."""
    assert copy.deepcopy(NOT_PASSED) is NOT_PASSED
    assert pickle.loads(pickle.dumps(NOT_PASSED)) is NOT_PASSED  # noqa: S301 (pickled here)


def test_the_default_is_readable_and_no_value() -> None:
    """The default is shown by its name, and no JSON can contain it."""
    assert (str(NOT_PASSED), repr(NOT_PASSED)) == ("NOT_PASSED", "NOT_PASSED")
    with pytest.raises(TypeError):
        json.dumps(NOT_PASSED)
