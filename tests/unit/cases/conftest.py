"""One small case, shared by the tests of cases."""

from pathlib import Path

import pytest
import xarray as xr

from ambigrid.cases import load_case, write_template


@pytest.fixture(scope="session")
def template_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "case"
    write_template(folder)
    return folder


@pytest.fixture(scope="session")
def loaded_template(template_folder: Path) -> xr.DataTree:
    return load_case(template_folder)


@pytest.fixture
def small_case(loaded_template: xr.DataTree) -> xr.DataTree:
    """A valid case with three buses and one feeder, to be spoilt."""
    return loaded_template.copy(deep=True)
