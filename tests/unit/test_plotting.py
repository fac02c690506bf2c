import sys
from subprocess import run

import numpy as np
import pytest
from example_results import make_result

from ambigrid.errors import InputError
from ambigrid.plotting import NAMES, save_figure
from ambigrid.results import Result


@pytest.fixture(scope="module")
def result():
    return make_result()


@pytest.fixture(scope="module", params=NAMES)
def figure(request, result):
    return getattr(result.plot, request.param)()


def test_every_picture_saves(figure, tmp_path):
    path = save_figure(figure, tmp_path / "picture.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 10_000


def test_every_axis_has_a_label_with_its_unit(figure):
    labels = [axes.get_ylabel() for axes in figure.findobj(lambda a: hasattr(a, "get_ylabel"))]
    units = {label.split(", ")[1] for label in labels if label != "line"}
    assert labels
    assert units <= {"MW", "MWh", "thousand $", "% of the limit"}


def test_bounds_are_drawn_in_thousands(result):
    bounds, residuals = result.plot.convergence().axes
    lower = next(line for line in bounds.lines if line.get_label() == "lower bound")
    np.testing.assert_allclose(lower.get_ydata(), result.history["lower_bound"] / 1e3)
    assert residuals.get_yscale() == "log"


def test_without_residuals_only_bounds_are_drawn(result):
    history = result.history.copy()
    history["primal_residual"][:] = history["dual_residual"][:] = np.nan
    bounded = Result.from_groups({"status": "optimal"}, {"history": history})
    assert len(bounded.plot.convergence().axes) == 1


def test_layers_of_the_schedule_add_up_to_generation_and_wind(result):
    upper = result.plot.day().axes[0]
    dispatch = result.dispatch["transmission"]
    total = dispatch["power"].sum("generator") + dispatch["scheduled_renewable"].sum("unit")
    tops = [part.get_paths()[0].vertices[:, 1].max() for part in upper.collections]
    assert max(tops) == pytest.approx(float(total.max()))


def test_a_station_is_the_one_with_most_regulation_or_the_one_asked_for(result):
    dispatch = result.dispatch["distribution_2"].to_dataset()
    cleared = (dispatch["ev_reserve_up"] + dispatch["ev_reserve_down"]).sum("time")
    most = str(cleared["station"].values[cleared.argmax("station")])
    title = result.plot.station("distribution_2").axes[0].get_title("left")
    assert title == f"Station {most} of distribution 2"
    assert "E29" in result.plot.station("distribution_1", "E29").axes[0].get_title("left")


def test_line_loading_shows_the_twenty_most_loaded_lines(result):
    axes = result.plot.line_loading().axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    highest = result.derived["transmission/line_loading"].max("time")
    assert labels == list(highest.sortby(-highest)["line"].values[:20])


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda plot: plot.day("distribution_9"), "no such agent"),
        (lambda plot: plot.station(name="E99"), "no such station"),
        (lambda plot: plot.station("transmission"), "/dispatch/transmission/ev_reserve_up"),
    ],
)
def test_what_is_not_there_is_named(result, draw, words):
    with pytest.raises(InputError, match=words):
        draw(result.plot)


def test_an_unknown_format_is_bad_input(result, tmp_path):
    with pytest.raises(InputError, match=r"no such picture format; got '\.xyz'.*\.png"):
        save_figure(result.plot.convergence(), tmp_path / "picture.xyz")


def test_the_overview_of_an_empty_result_says_why(tmp_path):
    empty = Result.from_groups({"status": "infeasible", "case": "t30d2"}, {})
    texts = [text.get_text() for axes in empty.plot.overview().axes for text in axes.texts]
    assert texts.count("nothing to show: infeasible") == 3


def test_the_users_matplotlib_settings_stay(result):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    result.plot.overview()
    assert dict(mpl.rcParams) == before


def test_results_load_without_matplotlib():
    code = "import sys, ambigrid.results; print('matplotlib' in sys.modules)"
    out = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"


def test_the_date_stands_once_below_the_time_axis():
    """Matplotlib's own date at the end of the axis crowds the last tick."""
    figure = make_result().plot.day("transmission")
    figure.canvas.draw()
    axes = figure.axes[1]
    assert axes.get_xlabel().startswith("time, 20")
    assert axes.xaxis.get_offset_text().get_text() == ""
