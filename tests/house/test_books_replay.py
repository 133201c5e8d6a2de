"""Real registers with messages sent twice, days late and spoiled end in exactly the books of the clean run."""

from dayuan.bench.books import run
from schema.instant import DAY
from tests.real_data import real

ELECTRICITY = "cambridge/electricity_kwh_2018_2019.csv"


def test_a_replay_with_mishaps_ends_in_the_books_of_the_clean_run() -> None:
    found = run(real(ELECTRICITY), columns=("b0", "b2"), days=8, step=DAY)
    assert found["equal_bit_for_bit"]
    assert found["duplicated"] > 10
    assert found["delayed"] > 10
    assert found["corrected"] > 5
    assert found["parked"] == found["malformed"] > 0
    assert found["intervals"] == 2 * 8 * 96
    assert found["estimated"] == 0
    assert found["largest_error_kwh"] < 1e-6
