"""Lines of the C code, priced again in decimal; whole: make proof prices."""
import price_lines


def test_random_calls_cost_the_same_in_decimal():
    result = price_lines.check(seed=7, calls=20000)
    assert result["wrong"] == 0
    assert result["price lines"] > 60000
    assert result["not priced by both"] > 100
    assert result["lines rounded at a half"] > 10
