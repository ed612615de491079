"""Budgets that many spend at once, scaled; `make proof budgets` is whole."""
import os

import pytest
import spend

SCALE = int(os.environ.get("KONTOR_CAMPAIGN", 2000))


def test_a_budget_is_never_passed_and_never_stuck(tmp_path):
    print(spend.spend(tmp_path, 3, True, 7))


@pytest.mark.parametrize("tight", [False, True], ids=["room", "tight"])
def test_five_deep_chains_come_to_rest(tmp_path, tight):
    print(spend.deep_chains(tmp_path, SCALE // 2, 4, 11, tight))
