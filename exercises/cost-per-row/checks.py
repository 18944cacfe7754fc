"""What the answers of "Price a row in a batch and online" are judged by."""

from labs.kit.exercise import criterion

PRICE = "price a row of a batch and of a server from the seconds that are paid"
MEET = "find the number of rows a day at which both cost the same"


@criterion("A start-up is shared among the rows", points=1, objective=PRICE)
def shares_the_start_up(batch_cost, rng):
    """One run of four rows that take no time themselves."""
    minutes = int(rng.integers(2, 9)) * 6
    expected = minutes / 60 * 10 / 4
    why = f"{minutes} minutes at 10 kr an hour, shared by four rows, are {expected:.4g} kr a row"
    assert abs(batch_cost(4, 1, minutes * 60, 0, 10) - expected) < 1e-6, why


@criterion("Every run starts anew", points=1, objective=PRICE)
def pays_each_start(batch_cost, rng):
    """The same rows in one run and in several."""
    runs = int(rng.integers(3, 9))
    why = f"{runs} runs of ten hours' start-up at 1 kr an hour cost ten rows {runs} kr each"
    assert abs(batch_cost(10, runs, 36_000, 0, 1) - runs) < 1e-6, why


@criterion("The work on a row costs the same in any batch", points=1, objective=PRICE, public=False)
def prices_the_work_in_a_batch(batch_cost, rng):
    """Rows that take time, without any start-up."""
    rows, runs = int(rng.integers(50, 500)), int(rng.integers(2, 30))
    why = "each row is scored once a day, whatever the number of rows and runs"
    assert abs(batch_cost(rows, runs, 0, 360, 20) - 2) < 1e-6, why


@criterion("Any batch is priced", points=2, objective=PRICE, public=False)
def prices_any_batch(batch_cost, rng):
    """Drawn figures."""
    rows, runs, start_s, row_s, _, kr_per_hour = _figures(rng)
    expected = (runs * start_s + rows * row_s) * kr_per_hour / 3600 / rows
    why = "start-ups and rows together, from seconds to hours to kr, and shared by the rows"
    assert abs(batch_cost(rows, runs, start_s, row_s, kr_per_hour) / expected - 1) < 1e-6, why


@criterion("A request pays its seconds by the hour's price", points=1, objective=PRICE)
def prices_the_work_online(online_cost, rng):
    """A server that is never idle."""
    kr = int(rng.integers(2, 20))
    why = f"six minutes of work at {kr} kr an hour are {kr / 10} kr, however many rows there are"
    assert abs(online_cost(50, 360, 0, kr) - kr / 10) < 1e-6, why


@criterion("An idle hour is paid by the rows of the day", points=1, objective=PRICE)
def shares_the_idle_time(online_cost, rng):
    """Requests that take no time, and hours of waiting."""
    hours = int(rng.integers(4, 20))
    why = f"{hours} idle hours a day at 3 kr, shared by 60 rows, are {hours / 20} kr a row"
    assert abs(online_cost(60, 0, 3600 * hours, 3) - hours / 20) < 1e-6, why


@criterion("Any server is priced", points=2, objective=PRICE, public=False)
def prices_any_server(online_cost, rng):
    """Drawn figures."""
    rows, _, _, row_s, idle_s, kr_per_hour = _figures(rng)
    expected = (idle_s + rows * row_s) * kr_per_hour / 3600 / rows
    why = "work and waiting together, from seconds to hours to kr, and shared by the rows"
    assert abs(online_cost(rows, row_s, idle_s, kr_per_hour) / expected - 1) < 1e-6, why


@criterion("At the break-even both cost the same", points=2, objective=MEET)
def meets_where_both_cost_the_same(break_even, rng):
    """Figures for which the server is cheaper at first."""
    _, runs, start_s, row_s, _, _ = _figures(rng)
    idle_s = runs * start_s / 4
    rows = break_even(runs, start_s, row_s, 30 * row_s, idle_s)
    in_batch, online = runs * start_s + rows * row_s, idle_s + rows * 30 * row_s
    why = f"with so many rows {in_batch:,.0f} s a day are paid in the batch, {online:,.0f} s online"
    assert abs(in_batch - online) < 1e-6 * in_batch, why


@criterion("A batch that is cheaper from the first row has none", points=1, objective=MEET)
def never_falls_below_zero(break_even, rng):
    """A server that idles for longer than all start-ups together."""
    runs, start_s = int(rng.integers(1, 30)), int(rng.integers(10, 90))
    idle_s = runs * start_s + int(rng.integers(100, 900))
    why = "the server idles for longer than all start-ups take, so no number of rows makes it pay"
    assert break_even(runs, start_s, 0.01, 0.05, idle_s) == 0, why


@criterion("The break-even follows its figures", points=2, objective=MEET, public=False)
def follows_its_figures(break_even, rng):
    """Drawn figures, at which the server can pay or not."""
    for _ in range(4):
        _, runs, start_s, row_s, idle_s, _ = _figures(rng)
        times = rng.uniform(2, 50)
        expected = max(0.0, (runs * start_s - idle_s) / (times * row_s - row_s))
        came = break_even(runs, start_s, row_s, times * row_s, idle_s)
        why = "compare what is paid once a day, start-ups and idle time, with what a row adds"
        assert abs(came - expected) <= 1e-6 * expected, why


def _figures(rng) -> tuple[int, int, float, float, float, float]:
    """Rows and runs a day, seconds of start-up and a row, idle seconds, kr an hour."""
    rows, runs = int(rng.integers(100, 5000)), int(rng.integers(2, 48))
    start_s, idle_s = float(rng.uniform(5, 60)), float(rng.uniform(60, 900))
    return rows, runs, start_s, float(rng.uniform(0.001, 0.5)), idle_s, float(rng.uniform(1, 9))
