import pytest

import ambigrid as ag


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases") / "template"
    ag.write_template(folder)
    return ag.load_case(folder)
