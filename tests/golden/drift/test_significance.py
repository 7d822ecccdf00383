"""Formulas against SciPy."""

import math

import numpy as np
import pytest
import scipy  # its parts are imported when they are first asked

from dq.drift.significance import (
    chi2_p_value,
    chi2_survival,
    false_discovery,
    kolmogorov,
    ks_distance,
    ks_p_value,
    wilson,
)


@pytest.mark.parametrize("x", [0.0, 0.2, 0.5, 0.9, 1.179, 1.181, 1.5, 2.5, 4.0])
def test_kolmogorov(x: float) -> None:
    assert kolmogorov(x) == pytest.approx(scipy.special.kolmogorov(x), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("freedom", [1, 2, 5, 30, 100, 202])
@pytest.mark.parametrize("factor", [0.0, 0.01, 0.5, 0.99, 1.0, 1.01, 1.5, 3.0])
def test_chi2_survival(freedom: int, factor: float) -> None:
    x = freedom * factor
    assert chi2_survival(x, freedom) == pytest.approx(scipy.stats.chi2.sf(x, freedom), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("sizes", [(1000, 1000), (300, 5000)])
@pytest.mark.parametrize("shift", [0.0, 0.05, 0.15, 0.4])
def test_ks(sizes: tuple[int, int], shift: float) -> None:
    draw = np.random.default_rng(7)
    a, b = draw.normal(size=sizes[0]), draw.normal(size=sizes[1]) + shift
    theirs = scipy.stats.ks_2samp(a, b, method="asymp")
    distance = ks_distance([(v, 1) for v in a], [(v, 1) for v in b])
    assert distance == pytest.approx(theirs.statistic, rel=1e-9)
    assert ks_p_value(distance, *sizes) == pytest.approx(theirs.pvalue, rel=0.1, abs=1e-12)


def test_ks_of_nothing() -> None:
    assert ks_distance([], [(1.0, 3)]) == 0.0


@pytest.mark.parametrize("moved", [0, 10, 60])
def test_chi2(moved: int) -> None:
    a, b = {"x": 500, "y": 300, "z": 200}, {"x": 250 - moved, "y": 150, "z": 100 + moved}
    theirs = scipy.stats.chi2_contingency([list(a.values()), list(b.values())], correction=False).pvalue
    assert chi2_p_value(a, b) == pytest.approx(theirs, rel=1e-9)


def test_chi2_pools_what_is_expected_less_than_five_times() -> None:
    a, b = {"x": 500, "y": 500, "r": 3, "s": 1}, {"x": 480, "y": 520, "t": 4}
    theirs = scipy.stats.chi2_contingency([[500, 500, 4], [480, 520, 4]], correction=False).pvalue
    assert chi2_p_value(a, b) == pytest.approx(theirs, rel=1e-9)
    assert chi2_p_value({}, {"x": 3}) == 1.0


@pytest.mark.parametrize(("hits", "rows"), [(0, 1000), (3, 1000), (500, 1000), (1000, 1000), (1, 3)])
def test_wilson(hits: int, rows: int) -> None:
    theirs = scipy.stats.binomtest(hits, rows).proportion_ci(0.999, method="wilson")
    assert wilson(hits, rows) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert wilson(0, 0) == (0.0, 1.0)


def test_false_discovery() -> None:
    p_values = [0.01, 0.04, 0.03, 0.005, 0.5, 0.5]
    assert false_discovery(p_values) == pytest.approx(list(scipy.stats.false_discovery_control(p_values)))
    assert false_discovery([]) == []


def test_p_values_of_many_rows_are_numbers() -> None:
    assert ks_p_value(1.0, 10**9, 10**9) == 0.0
    assert chi2_p_value({"a": 10**9, "b": 1}, {"a": 1, "b": 10**9}) == 0.0
    assert math.isfinite(chi2_survival(1e9, 1))
