"""The rows of a roster: a damaged one is an error, also if ``where`` would leave it out."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._rosters.cells import comparable
from airflow_provider_seats._rosters.csv_table import decode, parse_csv
from airflow_provider_seats._rosters.roster_rows import RosterRows
from airflow_provider_seats._rosters.table import Wanted
from airflow_provider_seats._rosters.where import ColumnFilter, Where
from airflow_provider_seats.exceptions import InvalidInputError
from tests._rosters.test_roster_file import read
from tests.helpers.addresses import addresses
from tests.helpers.examples import examples

QUOTE = "(a cell that contains the separator must be in quotation marks)"


def rows(*texts: str, **where: str) -> RosterRows:
    """Return the rows of tables with a column ``email``. Those with these words are kept."""
    filters = tuple(ColumnFilter(column, {comparable(word): word}) for column, word in where.items())
    wanted = [Wanted("column", "email"), *(Wanted("where", column) for column in where)]
    tables = []
    for number, text in enumerate(texts):
        table = parse_csv(decode(text.encode(), None, "f.csv"), wanted, None)
        assert table is not None
        tables.append((f"part {number}, " if len(texts) > 1 else "", table))
    return RosterRows(tables, "email", Where(filters), None)


def problems(*texts: str, **where: str) -> list[str]:
    """Return what is wrong with the rows."""
    return rows(*texts, **where).problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("email,name,status\na@x.io,A,on\nb@x.io,B\n", "row 3: it ends before the column 'status' (it may be cut)"),
        ("name,email,status\nA,a@x.io,on\nB\n", "row 3: it ends before the column 'email' (it may be cut)"),
        ("status,name,email\non,A,a@x.io\noff\n", "row 3: it ends before the column 'email' (it may be cut)"),
        ("email,status\na@x.io,on\nb@x.io,off,x\n", f"row 3: it has 3 cells, but the header has 2 columns {QUOTE}"),
        (
            "name,email,status,team\nA,a@x.io,on,T\nLee, Ann,b@x.io,on\n",
            f"row 3: the cell is 'Ann', and the column 'status' contains an address {QUOTE}",
        ),
        (
            "name,email,status,team\nA,a@x.io,on,T\nLee,,b@x.io,on\n",
            "row 3: it names nobody in this column, and only here the column 'status' contains an address or a UUID (a",
        ),
        (
            "email,name,status,team\na@x.io,A,on,T\nb@x.io,Lee, Ann,on,\n",
            "row 3: where leaves it out, and unlike the rows that it keeps, the row has more cells than the header (a",
        ),
        (
            "email,name,status,team\na@x.io,A,on,T\nb@x.io,Lee, Ann,on\nc@x.io,C,off,T\nd@x.io,Lee, Ann,On\n",
            "row 3: where leaves it out, and unlike in other rows its column 'team' contains a word of where (a cell",
        ),
        ("email,status\na@x.io,on\nb@exam,off\n", "row 3: 'b@exam' is neither a user UUID nor an email address (its d"),
        ("email,status\na@x.io,on\nb @x.io,off\n", "row 3: 'b @x.io' is neither a user UUID nor an email address"),
        ("email,status\na@x.io,on\n\nEMAIL,Status\nb@x.io,on\n", "row 4: it is a second header (keep each of several"),
        (
            "status,email\nStatus,Email\non,a@x.io\n",
            "row 2: it is a second header (if it is the right one, pass header_row=2)",
        ),
        ("email,dept,status\na@x.io,D,on\nemail,status\nb@x.io,on\n", "row 3: it is a second header"),
        ("email,dept,status\na@x.io,D,on\nstatus,email,dept\noff,b@x.io,D\n", "row 3: it is a second header"),
        ("email,status\na@x.io,on\n,on\n", "row 3: the cell is empty (fill it in, or leave the row out with where)"),
        ("email,status\na@x.io,on\nnone,on\n", "row 3: 'none' is neither a user UUID nor an email address"),
        (
            "email,status,boss\na@x.io,on,c@x.io\n,on,c@x.io\n",
            f"row 3: the cell is empty, and the column 'boss' contains an address {QUOTE}",
        ),
    ],
)
def test_each_row_is_checked_also_if_where_would_leave_it_out(text: str, problem: str) -> None:
    """A row that is cut, shifted, a second header or damaged is an error with its number."""
    found = problems(text, status="on")
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    "text",
    [
        "email,status,name,team\na@x.io,on\nb@x.io,off,B\nc@x.io,on,C,T\n",
        "email,status\na@x.io,on\n,off\nnone yet,off\n-,off\n",
        "email,status,boss\na@x.io,on,c@x.io\n,off,c@x.io\n",
        "email,status,boss\n,off,c@x.io\na@x.io,on,c@x.io\n",
        "id,email,status\n11111111-1111-1111-1111-11111111111a,a@x.io,on\n11111111-1111-1111-1111-11111111111b,,off\n",
        "email,status,boss\n11111111-1111-1111-1111-11111111111b,on,c@x.io\n,off,c@x.io\n",
        "email,status,note\na@x.io,on,email\nb@x.io,off,status\n",
        "email,status\na@x.io,on,\nb@x.io,off,\n",
        "email,status,badge\na@x.io,on,off\nb@x.io,off,on\n",
        "email,status,badge\na@x.io,off,on\nb@x.io,on,on\n",
        "email,status,badge\na@x.io,on,on\nb@x.io,off,on\nc@x.io,off,on\n",
        "email,status,title\na@x.io,on,A\nb@x.io,off,on\nc@x.io,off,C\n",
        "email,status\na@x.io,on,,\nb@x.io,off,\n",
    ],
)
def test_rows_as_real_programs_write_them_are_valid(text: str) -> None:
    """Trailing blank cells may be missing, padding may be there, and who is left out needs no address."""
    assert problems(text, status="on") == []


def test_a_table_without_conditions_has_only_rows_that_are_kept() -> None:
    """Without where, each row names a person, and the repeated header of joined files is an error, too."""
    assert rows("email,name\na@x.io,A\nA@x.io,A\n").people() == ["a@x.io"]
    assert problems("email,name\na@x.io,A\nemail,name\nb@x.io,B\n") == [
        "row 3: it is a second header (keep each of several files as one of its own)"
    ]
    assert problems("name,email\nA,a@x.io\nLee, Ann,b@x.io\n")
    assert problems("name,email,team\nA,a@x.io,T\nLee, Ann,b@x.io\n") == [
        f"row 3: the cell is 'Ann', and the column 'team' contains an address {QUOTE}"
    ]


def test_a_header_at_the_end_of_an_address_is_an_error() -> None:
    """Files of one column were joined, and the last line of the first had no line end."""
    assert problems("email\na@x.io\nB@x.ioEmail\nc@x.io\n") == [
        "row 3: 'B@x.ioEmail' ends with a second header (keep each of several files as one of its own)"
    ]
    assert problems("email\na@x.io\nb@x.ioemail\n", "email\nc@x.io\n")[0].startswith("part 0, row 3: 'b@x.ioemail'")
    assert problems("email\na@mail.email\nb@x.web-email\n") == []
    assert problems("email,name\na@x.ioemail,A\n") == []


@pytest.mark.parametrize("cell", ['\ufeff"on"', 'on"', 'o"n', 'on"Lee', '"on" '])
def test_a_stray_quotation_mark_leaves_nobody_out(cell: str) -> None:
    """Parts with a byte order mark were joined, or a quotation mark or a line end is missing."""
    text = f"status,email\non,a@x.io\n{cell},b@x.io\n"
    if cell == '"on" ':  # the reader of CSV finds it
        with pytest.raises(InvalidInputError, match="is not valid CSV"):
            problems(text, status="on")
    else:
        assert problems(text, status="on")[0] == f"row 3: it holds {cell!r} (check its quotation marks)"
    assert problems('status,email\non,a@x.io\n"an ""on"" b",b@x.io\n', status="on") == []


def test_a_row_that_was_joined_with_the_header_is_an_error() -> None:
    """The line end after the header is missing, and the person of the first row would be too."""
    assert problems("email,status,teama@x.io,on,T\nb@x.io,on,T\n", status="on")[0] == (
        "its header contains the address 'teama@x.io' (the line end between them may be missing)"
    )


def test_the_outdated_are_dropped() -> None:
    """Who has a later row that is left out is dropped; who has an earlier one is not."""
    found = rows("email,s\na@x.io,on\nb@x.io,off\na@x.io,off\nb@x.io,on\n", s="on")
    assert [each.partition(" ")[0] for each in found.contradictions()] == ["b@x.io", "a@x.io"]
    found.drop_outdated()
    assert found.people() == ["b@x.io"]


# --- properties ---

words = st.sampled_from(["Active", "Left"])
texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs")), max_size=8)
staff = st.lists(st.tuples(addresses, words, texts), min_size=2, max_size=5, unique_by=lambda row: row[0].lower())
orders = st.permutations([0, 1, 2])


def written(people: list[tuple[str, str, str]], order: list[int], separator: str, line_end: str, quoting: int) -> str:
    """Return a file as a program writes it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=line_end, quoting=quoting)  # type: ignore[arg-type]
    for row in [("email", "status", "name"), *people]:
        writer.writerow([row[each] for each in order])
    return file.getvalue()


@given(
    staff,
    orders,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    st.booleans(),
)
@examples(60)
def test_any_cut_of_a_file_is_an_error_or_names_exactly_the_people_of_whole_rows(  # noqa: PLR0917 (hypothesis)
    people: list[tuple[str, str, str]],
    order: list[int],
    separator: str,
    line_end: str,
    quoting: int,
    encoding: str,
    filtered: bool,
) -> None:
    """A file that is cut at any byte is an error, or its last row is whole: nobody is left out in silence."""
    content = written(people, order, separator, line_end, quoting).encode(encoding)
    arguments: dict[str, object] = {"encoding": "utf-16-le"} if encoding == "utf-16-le" else {}
    if filtered:
        arguments |= {"where": {"status": "Active"}, "may_be_absent": "Active"}
    for end in range(len(content) + 1):
        try:
            found = read(content[:end], allow_empty=True, **arguments)
        except InvalidInputError:
            continue
        # The mark and a half line end at the end of a cut file make no difference.
        text = content[:end].decode(encoding)
        assert not text or text.endswith(("\r", "\n"))
        whole = people[: max(len(text.splitlines()) - 1, 0)] if text else []
        assert found == [email for email, status, _ in whole if status == "Active" or not filtered]


@given(staff, orders, st.integers(0, 4), st.integers(0, 2), st.booleans())
@examples(100)
def test_a_cell_that_an_unquoted_separator_inserts_changes_nobody(
    people: list[tuple[str, str, str]], order: list[int], which: int, place: int, filtered: bool
) -> None:
    """A row with one cell too many is an error, or makes no difference, because it follows the columns that count."""
    text = written(people, order, ",", "\n", csv.QUOTE_ALL)
    cells = [*csv.reader(io.StringIO(text))]
    cells[1 + which % len(people)].insert(place, "Lee")
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(cells)
    arguments = {"where": {"status": "Active"}} if filtered else {}
    try:
        found = read(file.getvalue(), **arguments)
    except InvalidInputError:
        return
    assert found == read(text, **arguments)
