import json
import sys
from subprocess import run

import pytest
from example_results import make_result
from typer.testing import CliRunner

from ambigrid.algorithms.log import History
from ambigrid.cli import app
from ambigrid.cli.common import output_paths, parse_radius
from ambigrid.cli.run import make_ambiguity, make_method
from ambigrid.errors import InputError
from ambigrid.results import load_result


def call(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def solved(monkeypatch, tmp_path):
    """Work in an empty folder with a solver that only tells what it was asked."""
    asked = {"status": "optimal"}

    def solve(study, *, progress, **options):
        asked.update(options, study=study)
        result = make_result(status=asked["status"])
        for record in History.from_dataset(result.history):
            progress(record)
        return result

    monkeypatch.setattr("ambigrid.solving.solve", solve)
    monkeypatch.setattr("ambigrid.cases.load_case", load_small_case)
    monkeypatch.chdir(tmp_path)
    return asked


def load_small_case(name, *, seed=0, wind_penetration=None, scenarios=None):
    import xarray as xr

    if name != "t30d2":
        raise InputError("there is no such case", got=repr(name), fix="see `ambigrid cases`")
    kinds = {"transmission": "transmission", "distribution_1": "distribution"}
    groups = {f"/{agent}": xr.Dataset(attrs={"kind": kind}) for agent, kind in kinds.items()}
    groups["/"] = xr.Dataset(attrs={"made": [seed, wind_penetration, scenarios]})
    return xr.DataTree.from_dict(groups)


def test_run_prints_the_report_and_saves_result_and_picture(solved, tmp_path):
    done = call("run", "t30d2")
    assert done.exit_code == 0
    assert done.stdout == make_result().report()
    assert "saved results/t30d2.nc and results/t30d2.png" in done.stderr
    assert len([line for line in done.stderr.splitlines() if "66,4" in line]) > 3
    assert load_result(tmp_path / "results" / "t30d2.nc").objective == pytest.approx(66439.42)
    assert (tmp_path / "results" / "t30d2.png").read_bytes().startswith(b"\x89PNG")


def test_run_json_prints_one_object(solved, tmp_path):
    done = call("run", "t30d2", "--json", "--no-plot", "--output", "out/mine.nc")
    printed = json.loads(done.stdout)
    assert printed["status"] == "optimal"
    assert printed["certified"] is True
    assert printed["files"] == {"result": "out/mine.nc"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mine.nc"]


@pytest.mark.parametrize(
    ("status", "code"), [("converged", 0), ("time_limit", 1), ("interrupted", 1), ("error", 1)]
)
def test_the_exit_status_says_whether_it_was_solved(solved, tmp_path, status, code):
    solved["status"] = status
    assert call("run", "t30d2", "--no-plot").exit_code == code
    assert load_result(tmp_path / "results" / "t30d2.nc").status == status


def test_options_reach_the_study_and_the_solver(solved):
    line = "run t30d2 --no-plot --ambiguity box --mode distribution-only --ignore-call"
    line += " --engine julia --gap 0.01 --time-limit 60 --iterations 5 --no-certify --seed 3"
    assert call(*line.split()).exit_code == 0
    assert solved["study"].ambiguity.name == "box"
    assert solved["study"].mode == "distribution_only"
    assert solved["study"].boundary_call == "ignored"
    expected = {"gap": 0.01, "time_limit": 60, "certify": False, "seed": 3}
    assert {name: solved[name] for name in expected} == expected
    assert solved["engine"] == "julia"
    assert solved["method"].iterations == 5


def test_options_reach_the_data(solved):
    line = "run t30d2 --seed 3 --wind-penetration 0.5 --scenarios 7 --voltage-margin 0.002"
    assert call(*line.split(), "--certificate-limit", "9").exit_code == 0
    assert solved["study"].case.attrs["made"] == [3, 0.5, 7]
    assert solved["study"].voltage_margin == 0.002
    assert solved["certificate_limit"] == 9.0


def test_options_not_given_are_left_to_the_solver(solved):
    call("run", "t30d2", "--no-plot")
    assert not {"gap", "time_limit", "checkpoint", "resume"} & set(solved)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("run nowhere", "There is no such case; got 'nowhere'."),
        ("run t30d2 --method newton", "--method: there is no such choice; got 'newton'. Choose"),
        ("run t30d2 --engine cplex", "--engine: there is no such choice; got 'cplex'."),
        ("run t30d2 --study other", "--study: there is no such choice; got 'other'."),
        ("run t30d2 --mode some", "--mode: there is no such choice; got 'some'."),
        ("run t30d2 --radius=-1", "--radius: a radius is a number of at least 0"),
        ("run t30d2 --radius transmission=x", "got 'transmission=x'. Write --radius 10 or"),
        ("run t30d2 --gap 0", "--gap: the value must be positive; got 0.0."),
        ("run x.nc --scheduler tcp://a:1 --seed 3", "--seed: this option belongs to a built-in"),
        ("run x.nc --scheduler tcp://a:1", "x.nc: there is no case file here."),
        ("run t30d2 --ambiguity box --radius 3", "--radius: this option belongs to wasserstein"),
        ("run t30d2 --method centralized --penalty 3", "--penalty: this option belongs to another"),
        ("run t30d2 --method centralized --staleness 1", "--staleness: this option belongs to"),
        ("run t30d2 --method cut-sharing --staleness=-1", "staleness: value out of range; got -1."),
        ("plot absent.nc", "absent.nc: there is no result file here. Check the path."),
        ("plot absent.nc --picture face", "--picture: there is no such choice; got 'face'."),
        ("evaluate absent.nc --policy best", "--policy: there is no such choice; got 'best'."),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(solved, arguments, words):
    done = call(*arguments.split())
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("ambigrid: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_an_unknown_option_is_status_2():
    assert call("run", "t30d2", "--colour", "red").exit_code == 2


def test_plot_draws_beside_the_result_or_where_asked(tmp_path):
    path = make_result().save(tmp_path / "mine.nc")
    done = call("plot", str(path), "--json")
    assert json.loads(done.stdout) == {"pictures": [str(tmp_path / "mine.png")]}
    target = tmp_path / "new" / "station.pdf"
    options = ("--picture", "station", "--agent", "distribution_2", "--station", "E13")
    assert call("plot", str(path), *options, "--output", str(target)).exit_code == 0
    assert target.read_bytes().startswith(b"%PDF")


def test_plot_all_names_every_picture(tmp_path):
    path = make_result().save(tmp_path / "mine.nc")
    done = call("plot", str(path), "--picture", "all", "--output", str(tmp_path / "pictures"))
    assert done.exit_code == 0
    assert (
        len(done.stdout.splitlines()) == len(list((tmp_path / "pictures").glob("mine*.png"))) == 5
    )


def test_reproduce_prints_a_row_per_claim(monkeypatch):
    figures = [
        ("cost_1_2", "1 < 2 < 3", "yes", "yes", True, "", None),
        ("cost_dro_ro", "DRO vs RO", "-10.11 %", "-3 %", False, "why", None),
        ("gap_to_centralized", "gap", "below 1 %", "0.2 %", True, "", 0.002),
        ("radius", "radius", "report only", "+2 %", None, "", None),
    ]
    keys = ("name", "claim", "seed", "ours", "holds", "note", "value")
    rows = [dict(zip(keys, row, strict=True)) for row in figures]
    asked = {}

    def reproduce(case, progress, *, seeds, folder, claims):
        asked.update(case=case, seeds=seeds, folder=str(folder), claims=claims)
        return rows

    monkeypatch.setattr("ambigrid.studies.reproduce.reproduce", reproduce)
    text = call("reproduce", "t30d2").stdout
    assert asked == {
        "case": "t30d2",
        "seeds": [0, 1, 2],
        "folder": "results/reproduce-t30d2",
        "claims": None,
    }
    endings = [line.split()[-1] for line in text.splitlines()[3:]]
    assert endings == ["holds", "why", "holds", "reported"]
    table = call("reproduce", "t30d2", "--markdown", "--folder", "mine").stdout
    assert asked["folder"] == "mine"
    assert "| DRO vs RO | -10.11 % | -3 % | **does not hold** | why |" in table
    printed = json.loads(call("reproduce", "t30d2", "--json").stdout)
    assert printed == {"case": "t30d2", "gap_to_centralized": 0.002, "not_run": [], "rows": rows}


@pytest.mark.parametrize(
    ("note", "status"), [("left out", 0), ("interrupted before it was known", 1)]
)
def test_reproduce_says_what_was_not_run(monkeypatch, note, status):
    row = {"name": "cost_1_2", "claim": "1 < 2", "seed": "yes", "ours": "not run", "holds": None}
    asked = {}

    def reproduce(case, progress, **how):
        asked.update(how)
        return [{**row, "note": note, "value": None}]

    monkeypatch.setattr("ambigrid.studies.reproduce.reproduce", reproduce)
    done = call("reproduce", "t118d10", "--seeds", "0,3", "--claims", "wind_cost, radius_cost")
    assert (asked["seeds"], asked["claims"]) == ([0, 3], ["wind_cost", "radius_cost"])
    assert done.exit_code == status
    assert f"not run: {note}" in done.stdout
    assert "Not run: cost_1_2." in done.stdout
    assert json.loads(call("reproduce", "--json").stdout)["not_run"] == ["cost_1_2"]
    assert "data seeds are whole numbers" in call("reproduce", "--seeds", "one").stderr


def test_catalogues():
    assert "t30d2" in call("cases").stdout
    assert [case["name"] for case in json.loads(call("cases", "--json").stdout)["cases"]]
    assert "ev-flexibility" in call("studies").stdout
    assert json.loads(call("studies", "--json").stdout)["studies"][0]["name"] == "ev-flexibility"


def test_template_says_where_it_is_and_what_to_do_next(tmp_path):
    folder = tmp_path / "mine"
    done = call("template", str(folder))
    assert done.exit_code == 0
    assert f"ambigrid run {folder}" in done.stdout.replace("\n", " ")
    assert (folder / "case.toml").is_file()
    again = call("template", str(folder))
    assert again.exit_code == 2
    assert "there is something at this path already" in again.stderr


def test_doctor_finds_julia_without_starting_it():
    code = "import sys; from ambigrid.cli.catalogue import doctor; doctor(as_json=True)"
    code += "; print('juliacall' in sys.modules, file=sys.stderr)"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["cores"] >= 1
    assert found["packages"]["highspy"]
    assert set(found["julia"]) == {"juliacall", "executable", "project"}
    assert done.stderr == "False\n"


@pytest.mark.parametrize(
    ("text", "radius"),
    [
        ("10", 10.0),
        ("0", 0.0),
        ("transmission=10, distribution=1", {"transmission": 10.0, "distribution": 1.0}),
    ],
)
def test_parse_radius(text, radius):
    assert parse_radius(text) == radius


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "a=", "a=1,b", "10,5"])
def test_parse_radius_refuses(text):
    with pytest.raises(InputError, match="--radius"):
        parse_radius(text)


def test_ambiguity_and_method_take_their_options():
    known = make_ambiguity("wasserstein", "3", "1", "box")
    assert (known.radius, known.norm, known.support) == (3.0, 1, "box")
    assert make_ambiguity("wasserstein", None, None, None).radius["transmission"] == 10
    assert make_method("admm", penalty=20.0, adaptive=None).penalty == 20.0
    assert make_method("cut-sharing", staleness=2).staleness == 2


def test_output_paths(tmp_path):
    assert [str(path) for path in output_paths(None, "a")] == ["results/a.nc", "results/a.png"]
    assert output_paths(tmp_path / "b.nc", "a")[1] == tmp_path / "b.png"
    assert output_paths(tmp_path, "a")[0] == tmp_path / "a.nc"


def test_the_package_runs_as_a_module():
    done = run([sys.executable, "-m", "ambigrid", "run", "nowhere"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("ambigrid: ")
