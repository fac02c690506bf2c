import io

import pytest
from rich.console import Console

from ambigrid.algorithms.log import IterationRecord
from ambigrid.progress import ProgressTable

FIRST = IterationRecord(1, 90.0, 100.0, 1.25, 0.5, 15.0, 0.3)
SECOND = IterationRecord(2, upper_bound=98.0, seconds=0.6, note="2 cuts")


def shown(*records, **terminal):
    console = Console(file=io.StringIO(), width=110, **terminal)
    with ProgressTable(console) as progress:
        for record in records:
            progress(record)
    return console.file.getvalue()


def test_a_file_gets_one_plain_line_per_iteration():
    lines = shown(FIRST, SECOND).splitlines()
    assert len(lines) == 3
    header = "iteration lower bound $ upper bound $ gap % primal MW dual MW time s"
    assert " ".join(lines[0].split()) == header
    assert lines[1].split() == ["1", "90.0", "100.0", "10.000", "1.2500", "0.5000", "0.3"]
    assert lines[2].split() == ["2", "–", "98.0", "–", "–", "–", "0.6", "2", "cuts"]
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_table_of_the_last_iterations():
    text = shown(*(IterationRecord(k) for k in range(1, 31)), force_terminal=True)
    final = text[text.rindex("iteration") :]
    rows = [line.split()[0] for line in final.splitlines() if line[:9].strip().isdigit()]
    assert rows == [str(k) for k in range(11, 31)]


def test_nothing_is_shown_without_records():
    assert shown() == ""


def test_progress_goes_to_standard_error(capsys):
    with ProgressTable() as progress:
        progress(FIRST)
    out, err = capsys.readouterr()
    assert out == ""
    assert "90.0" in err


def test_the_terminal_is_given_back_after_an_error():
    with pytest.raises(KeyboardInterrupt):
        with_error()


def with_error():
    with ProgressTable(Console(file=io.StringIO(), force_terminal=True)) as progress:
        progress(FIRST)
        raise KeyboardInterrupt
