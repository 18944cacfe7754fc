"""Norrmotor's maintenance table follows the published rules and their published rates."""

import numpy as np
import pandas as pd
import pytest

from labs.company import maintenance

ROWS = 10_000  # as many as in the published set, so that its counts compare


@pytest.fixture(scope="module")
def ten_tables():
    return [maintenance.machines(seed, ROWS) for seed in range(10)]


@pytest.fixture(scope="module")
def table(ten_tables):
    return ten_tables[0]


def test_the_same_seed_gives_the_same_table_and_another_seed_another(table):
    pd.testing.assert_frame_equal(table, maintenance.machines(0, ROWS))
    assert not table.equals(maintenance.machines(1, ROWS))


def test_no_reading_is_missing_or_out_of_its_range(table):
    assert not table.isna().any(axis=None)
    assert (table["torque_nm"] >= 0).all()
    assert table["tool_wear_min"].between(0, 240).all()
    assert table["rotational_speed_rpm"].between(500, 2900).all()


def test_variants_come_in_the_published_shares(table):
    shares = table["variant"].value_counts(normalize=True)
    assert shares["L"] == pytest.approx(0.5, abs=0.02)
    assert shares["M"] == pytest.approx(0.3, abs=0.02)
    assert shares["H"] == pytest.approx(0.2, abs=0.02)


def test_temperatures_have_the_published_means_and_spreads(table):
    air = table["air_temperature_k"]
    above_air = table["process_temperature_k"] - air
    assert (air.mean(), air.std()) == pytest.approx((300, 2), abs=0.01)
    assert (above_air.mean(), above_air.std()) == pytest.approx((10, 1), abs=0.01)


def test_torque_and_speed_are_spread_and_tied_as_published(table):
    torque, speed = table["torque_nm"], table["rotational_speed_rpm"]
    assert (torque.mean(), torque.std()) == pytest.approx((40, 10), abs=0.5)
    assert speed.median() == pytest.approx(1503, abs=20)
    assert speed.std() == pytest.approx(179, abs=20)
    assert torque.corr(speed) == pytest.approx(-0.875, abs=0.04)


def test_the_tool_wears_by_the_minutes_of_each_variant(table):
    grown = table["tool_wear_min"].diff().shift(-1)
    same_tool = (grown > 0) & (table["tool_wear_min"].shift(-1) < 200)
    for variant, minutes in {"H": 5, "M": 3, "L": 2}.items():
        assert set(grown[same_tool & (table["variant"] == variant)]) == {minutes}


def test_tools_break_only_between_200_and_240_minutes(table):
    assert table.loc[table["tool_wear"], "tool_wear_min"].between(200, 240).all()


def test_every_flag_agrees_with_its_published_rule(ten_tables):
    for table in ten_tables:
        cooling = table["process_temperature_k"] - table["air_temperature_k"]
        heat = (cooling < 8.6) & (table["rotational_speed_rpm"] < 1380)
        watts = table["torque_nm"] * table["rotational_speed_rpm"] * np.pi / 30
        limit = np.select([table["variant"] == v for v in "LMH"], [11_000, 12_000, 13_000])
        assert (table["heat_dissipation"] == heat).all()
        assert (table["power"] == ((watts < 3500) | (watts > 9000))).all()
        assert (table["overstrain"] == (table["tool_wear_min"] * table["torque_nm"] > limit)).all()
        assert (table["failure"] == table[maintenance.MODES].any(axis=1)).all()


@pytest.mark.parametrize(
    ("mode", "published", "band"),
    [
        ("tool_wear", 0.0051, 0.0015),
        ("heat_dissipation", 0.0115, 0.0060),  # rests on one walk a table, so it varies most
        ("power", 0.0095, 0.0020),
        ("overstrain", 0.0098, 0.0020),
        ("random", 0.0010, 0.0003),
        ("failure", 0.0339, 0.0080),
    ],
)
def test_failures_are_as_frequent_as_published(ten_tables, mode, published, band):
    rate = np.mean([table[mode].mean() for table in ten_tables])
    assert rate == pytest.approx(published, abs=band)


def test_one_operation_is_refused_because_a_walk_needs_a_spread():
    with pytest.raises(ValueError, match="n is 1; ask for at least 2"):
        maintenance.machines(seed=0, rows=1)
