"""The ledger against the simulator's own books, line by line."""
import os

import campaign
import kit
import pytest

N = int(os.environ.get("KONTOR_CAMPAIGN", 2000)) // kit.SLOW
SEED = int(os.environ.get("KONTOR_SEED", 1))


@pytest.mark.parametrize("kills", [0, 5], ids=["quiet", "kills"])
def test_the_books_agree_with_the_providers(tmp_path, kills):
    result = campaign.run(tmp_path, N, kills, SEED + kills)
    print(result)
    assert result["kills"] == kills
    assert result["attempts"] >= N * 0.8
