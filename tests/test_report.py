"""The report: its keys, its table, and the JSON that the log shows for an undo."""

from __future__ import annotations

import json
import re
from typing import Any, get_type_hints

import pytest
from hypothesis import example, given, strategies as st

from airflow_provider_seats._api.seat_change import Outcome
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._arguments import parse_report
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.plan import Origin, Plan
from airflow_provider_seats._planning.reporting import (
    report_changes,
    report_interrupted,
    report_not_started,
    report_preview,
)
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.report import (
    KINDS,
    Person,
    Report,
    code,
    digest,
    for_undo,
    headline,
    plain,
    shortened,
    summary,
    table,
)
from tests.helpers.planning import NOW, P, assign, changes, person, seat, sync, unassign

NOTHING = Outcome(P)
U1, U2, U3 = (f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "123")


def test_the_kinds_are_keys_of_the_report() -> None:
    """Every kind of people is a key of the report that holds a list, and every list of people is a kind."""
    hints = get_type_hints(Report)
    assert [name for name, hint in hints.items() if hint == list[Person]] == list(KINDS)
    assert set(report_preview(Plan(P))) == set(hints)


PEOPLE = st.sets(st.sampled_from("abcd"))


@given(first=st.tuples(PEOPLE, PEOPLE), second=st.tuples(PEOPLE, PEOPLE))
def test_a_digest_is_of_the_changes(first: tuple[set[str], set[str]], second: tuple[set[str], set[str]]) -> None:
    """Two digests are equal if the same people are assigned and unassigned, in any order, for one product and site."""
    assert (digest("p", "s", *first) == digest("p", "s", *map(sorted, second))) is (first == second)
    assert len({digest("p", "s", *first), digest("q", "s", *first), digest("p", "t", *first)}) == 3


def test_the_table_counts_and_names_people() -> None:
    """The table has a line with the counts and one for each person, in columns."""
    plan = unassign(People((), ("1@x", "none@example.com")), SeatList([seat("1", "1@x")]))
    assert table(report_preview(plan)) == [
        "p (preview, nothing is changed): 1 unassigned, 1 unchanged; seats before 1, after 0",
        "  unassigned  1@x               1",
        "  unchanged   none@example.com  -  (no seat has this email; check its spelling if one should)",
    ]


def test_the_table_shows_reasons() -> None:
    """The table shows the reason of each person who has one."""
    report = report_not_started(sync(People(("2",)), SeatList([seat("1", "1@x")])), preview=False)
    assert table(report)[1:] == [
        "  not done  1@x  1  (was to be unassigned)",
        "  not done  -    2  (was to be assigned)",
    ]


def test_the_table_names_20_people_of_a_kind() -> None:
    """The table counts the people beyond 20 of a kind instead of naming them."""
    many = table(report_not_started(unassign(People(tuple(map(str, range(30))))), preview=False))
    assert many[0] == "p: 30 not done"
    assert many[20].split() == ["not", "done", "-", "19"]
    assert many[21:] == ["  not done  and 10 more"]
    twenty = table(report_not_started(unassign(People(tuple(map(str, range(20))))), preview=False))
    assert len(twenty) == 21


def test_the_table_of_nothing_is_one_line() -> None:
    """The table of a report without people says that there is nobody to change."""
    assert table(report_preview(unassign(People()))) == ["p (preview, nothing is changed): nobody would be changed"]


def test_the_table_says_that_the_seats_afterwards_are_unknown() -> None:
    """The table shows no count of seats afterwards if the report has none."""
    assert table(report_interrupted(unassign(People(("1",)), SeatList([seat("1")]))))[0] == (
        "p: 1 unknown; seats before 1, after unknown"
    )


def test_the_table_claims_no_change_if_the_list_was_not_read() -> None:
    """Without the seat list the table says who holds a seat now, not that a seat was assigned."""
    assert table(report_changes(assign(People(("1",))), NOTHING, Outcome(P, done=("1",))))[0] == "p: 1 with a seat now"
    assert (
        table(report_changes(unassign(People(("1",))), Outcome(P, done=("1",)), NOTHING))[0]
        == "p: 1 without a seat now"
    )


# --- the JSON for an undo ---


def test_the_log_shows_what_an_undo_needs() -> None:
    """The JSON has the facts of the report in its first line and one line for each changed person."""
    plan = sync(People((U2,)), SeatList([seat(U1, "1@x")]))._replace(origin=Origin("dd", "https://api.datadoghq.com"))
    report = report_changes(plan, Outcome(P, done=(U1,)), Outcome(P, done=(U2,)), (NOW, NOW))
    text = for_undo(report)
    assert text is not None
    lines = text.splitlines()
    assert lines[0].startswith('{"product": "p", "preview": false, "seats_before": 1, "seats_after": 1, ')
    assert lines[1:] == [
        ' "assigned": [',
        f'  {{"id": "{U2}", "email": null}}],',
        ' "unassigned": [',
        f'  {{"id": "{U1}", "email": "1@x"}}],',
        ' "unknown": []}',
    ]
    wanted: dict[str, Any] = {
        **{
            key: value
            for key, value in report.items()
            if key not in {*KINDS, "counts", "guards", "refusals", "warnings"}
        },
        **{kind: dict(report)[kind] for kind in ("assigned", "unassigned", "unknown")},
    }
    assert json.loads(text) == wanted


@pytest.mark.parametrize("preview", [True, False])
def test_the_log_shows_nothing_if_nobody_was_changed(preview: bool) -> None:
    """A preview and a report without changes have no JSON for an undo."""
    plan = unassign(People((U1,)), SeatList([seat(U1)]))
    assert for_undo(report_preview(plan) if preview else report_not_started(plan, preview=False)) is None
    assert for_undo(report_interrupted(plan)) is None


def test_the_log_shows_everyone_of_thousands() -> None:
    """The JSON contains every changed person, each in a line of its own."""
    people = tuple(f"{number:032x}" for number in range(3_000))
    report = report_changes(unassign(People(people), SeatList(map(seat, people))), Outcome(P, done=people), NOTHING)
    text = for_undo(report)
    assert text is not None
    assert len(json.loads(text)["unassigned"]) == 3_000
    assert len(text.splitlines()) > 3_000
    assert max(map(len, text.splitlines())) < 300


def test_the_log_of_a_report_that_cannot_be_undone_is_short() -> None:
    """If the seat list was not read, the log shows the JSON only if the table does not name everyone."""
    few: Any = {**report_not_started(Plan(P), preview=False), "assigned": [person(U3)] * 20}
    assert for_undo(few) is None
    many: Any = {**few, "assigned": [person(U3)] * 21}
    assert len(parse_report("undo", for_undo(many))["assigned"]) == 21


@given(
    st.dictionaries(st.uuids().map(str), st.none() | st.text(max_size=9).map("{}@x".format), min_size=1, max_size=4),
    st.sampled_from(["assigned", "unassigned", "unknown"]),
)
def test_the_json_can_be_passed_to_undo(people: dict[str, str | None], kind: str) -> None:
    """The JSON of any report is parsed back into the same people."""
    persons = [person(uuid, email) for uuid, email in people.items()]
    report: Any = {
        **report_not_started(Plan(P), preview=False),
        "seats_before": 1,
        "assigned": [person(U3)],
        kind: persons,
    }
    if kind == "unknown":
        # The table shows everyone, and the report cannot be undone.
        assert for_undo(report) is None
        report["assigned"] = [person(U3)] * 21
    parsed = dict(parse_report("undo", for_undo(report)))
    for key in ("assigned", "unassigned", "unknown", "product", "since_attempt", "started_at", "ended_at"):
        assert parsed[key] == report[key]


# --- the summary ---


def test_the_summary_names_people_and_reasons() -> None:
    """The summary has the counts, then a line for each kind of people, with the reasons."""
    seats = SeatList([seat("1", "1@x"), seat("2", "2@x"), seat("3", "3@x"), seat("4", "4@x")])
    guards = Guards(protect=People((), ("2@x",)))
    assert summary(report_preview(sync(People(("3",)), seats, guards=guards))).splitlines() == [
        "p (preview, nothing is changed): 2 unassigned, 1 unchanged, 1 protected; seats before 4, after 2",
        "",
        "- unassigned: `1@x`, `4@x`",
        "- protected: `2@x` (named in protect)",
    ]


def test_the_summary_of_nothing_is_one_line() -> None:
    """The summary of a report without people is its first line."""
    assert summary(report_preview(assign(People()))) == "p (preview, nothing is changed): nobody would be changed"


def test_the_summary_ends_with_what_to_do() -> None:
    """The summary shows what would be refused in a preview, the warnings, and at the end why the task failed."""
    plan = sync(People(), SeatList([seat("1")]))._replace(warnings=("Look here.",))
    assert plan.error is not None
    [reason] = plan.error.reasons
    preview = summary(report_preview(plan)).splitlines()
    assert preview[-2:] == [f"- Applying this would be refused: {reason}", "- Warning: Look here."]
    failed = summary(report_not_started(plan, preview=False), str(plan.error)).splitlines()
    assert failed[-2:] == ["- Warning: Look here.", f"- The task failed: {plan.error}"]


def test_the_summary_names_five_people_of_a_kind() -> None:
    """The summary counts the people beyond five of a kind instead of naming them."""
    text = summary(report_not_started(unassign(People(tuple(map(str, range(1_200))))), preview=False))
    assert text.splitlines()[-1] == "- not done: `0`, `1`, `2`, `3`, `4` and 1,195 more"


@given(
    st.dictionaries(
        st.sampled_from(KINDS),
        st.lists(st.builds(person, st.none(), st.text(min_size=1)), min_size=1, max_size=7),
        max_size=len(KINDS),
    ),
    st.lists(st.text(max_size=3_000), max_size=4) | st.lists(st.text(max_size=300), min_size=9, max_size=30),
    st.none() | st.text(min_size=1, max_size=5_000),
)
def test_any_summary_fits_into_a_chat_message(
    people: dict[str, list[Person]], warnings: list[str], problem: str | None
) -> None:
    """The summary has at most 1,900 characters, and its last line still says why the task failed."""
    counts = {kind: len(people.get(kind, ())) for kind in KINDS}
    report: Any = {**report_not_started(Plan(P), preview=False), **people, "counts": counts, "warnings": warnings}
    text = summary(report, problem)
    assert len(text) <= 1_900
    assert problem is None or "The task failed:" in text.splitlines()[-1]
    assert text.count("Warning:") >= min(len(warnings), 6)
    line = headline(text, problem)
    assert len(line) < 200
    assert len(line.splitlines()) == 1
    assert line.startswith("FAILED:") == (problem is not None)


def test_the_headline_says_what_was_done_or_why_it_failed() -> None:
    """The headline is the first line of the summary, or the error, whose end says what to do."""
    text = summary(report_preview(unassign(People((), ("1@x",)), SeatList([seat("1", "1@x")]))))
    assert headline(text) == "p (preview, nothing is changed): 1 unassigned; seats before 1, after 0"
    assert headline(text, "It is\nwrong. Correct it.") == "FAILED: It is wrong. Correct it."
    long = headline(text, f"It is wrong: {'x' * 500}. Correct it.")
    assert (len(long), long[:20], long[-14:]) == (197, "FAILED: It is wrong:", "x. Correct it.")


def test_the_summary_counts_notes_beyond_eight() -> None:
    """Of many warnings, the summary shows six, how many more there are, and why the task failed."""
    report: Any = {
        **report_not_started(Plan(P), preview=False),
        "warnings": [f"Look {number}." for number in range(20)],
    }
    lines = summary(report, "It is wrong.").splitlines()
    assert lines[-3:] == ["- Warning: Look 5.", "- 14 more notes are in the report", "- The task failed: It is wrong."]
    assert len([line for line in lines if "Warning" in line]) == 6


def test_a_summary_without_room_for_names_keeps_the_notes() -> None:
    """If notes and names do not fit together, the names are left out: the counts are in the first line."""
    people = [person(None, f"{'x' * 300}{number}@example.com") for number in range(3)]
    report: Any = {**report_not_started(Plan(P), preview=False), "warnings": ["y" * 900] * 2}
    report |= dict.fromkeys(("assigned", "missing", "refused"), people)
    text = summary(report, "z" * 900)
    assert len(text) <= 1_900
    assert (text.count("Warning"), "The task failed" in text, "refused: `" in text) == (2, True, False)


MENTIONS = ("@everyone", "@here", "@channel", "@HERE", "@ann", "<!channel>", "<@U123>", "x@everyone", "(@channel)")


@pytest.mark.parametrize("mention", MENTIONS)
def test_a_name_calls_nobody(mention: str) -> None:
    """A mention in a name, a reason, a warning, an error or the product code calls nobody in a chat."""
    report: Any = report_not_started(Plan(mention), preview=False)
    people = [{**person("1", mention), "reason": f"found in the on-call schedule {mention}"}]
    report = {**report, "protected": people, "warnings": [f"Team {mention} is empty."]}
    problem = f"There is no team {mention}."
    text = summary(report, problem)
    for shown in (text, headline(text), headline(text, problem)):
        assert mention not in shown
        assert not re.search(r"@(everyone|here|channel)\b", shown, re.IGNORECASE)
    assert "\uff20" in text or "\u2039" in text


@pytest.mark.parametrize("email", ["ann@example.com", "ann@here.com", "a+b@everyone.example.com", "ann.b-c@x.com"])
def test_an_email_in_a_summary_stays_as_it_is(email: str) -> None:
    """An email is shown as it is, and as code if its domain begins with a word that calls people."""
    assert code(email) == f"`{email}`"
    text = f"{email} has no account"
    assert plain(text, 100) == (f"`{text}`" if "@here" in email or "@everyone" in email else text)


@pytest.mark.parametrize(
    ("text", "shown"), [("a_b*@x", "`a_b*@x`"), ("a`b@x", "`` a`b@x ``"), ("``a`@x", "``` ``a`@x ```")]
)
def test_a_name_is_code_so_that_nothing_in_it_is_markup(text: str, shown: str) -> None:
    """The fence of the code is longer than every row of backticks in the text."""
    assert code(text) == shown


def test_names_in_a_summary_are_never_cut() -> None:
    """If the names and reasons of a kind do not fit into a line, the others are counted."""
    people = [f"firstname.lastname{number}@subsidiary.example.com" for number in range(5)]
    seats = SeatList([seat(str(number), email) for number, email in enumerate(people)])
    on_call = {str(number): "in the on-call schedules Payments primary, Payments secondary" for number in range(5)}
    plan = unassign(People((), tuple(people)), seats, Guards(on_call="keep"), on_call=on_call)
    [line] = summary(report_preview(plan)).splitlines()[2:]
    reason = "found in the on-call schedules Payments primary, Payments secondary"
    shown = [f"`{email}` ({reason})" for email in people[: line.count(reason)]]
    assert line == f"- protected: {', '.join(shown)} and {5 - len(shown)} more"
    assert len(shown) >= 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing was changed, raise max_unassign=5", "nothing was changed, raise max_unassign=5"),
        ("# [x](http://evil)\n**b** <!channel>", "`# [x](http://evil) **b** \u2039!channel\u203a`"),
        ("__ann__@x.com has no account", "`__ann__@x.com has no account`"),
        ("a `tick`", "a 'tick'"),
    ],
)
def test_text_in_a_summary_is_never_markup(text: str, shown: str) -> None:
    """Free text stays as it is unless Markdown or a chat would read more than text in it."""
    assert plain(text, 500) == shown


def test_a_sync_counts_people_who_already_match() -> None:
    """A sync counts unchanged people, and does not list them."""
    plan = sync(People((), ("1@x", "2@x")), SeatList([seat("1", "1@x"), seat("2", "2@x"), seat("3", "3@x")]))
    assert [each["id"] for each in report_preview(plan)["unchanged"]] == ["1", "2"]
    short = report_preview(plan._replace(lists_unchanged=False))
    assert (short["unchanged"], short["counts"]) == ([], {**dict.fromkeys(KINDS, 0), "unassigned": 1, "unchanged": 2})
    assert table(short)[0] == table(report_preview(plan))[0]
    assert len(table(short)) == 2


@given(st.dictionaries(st.sampled_from(KINDS), st.integers(0, 400)), st.integers(2_000, 30_000))
@example({"unassigned": 20, "missing": 10, "refused": 31}, 2_811)
def test_a_report_fits_into_a_limit(numbers: dict[str, int], limit: int) -> None:
    """A long report lists the first people of each kind, as many as fit, and says whether somebody is left out."""
    people: Any = {kind: [person(f"{kind}{each}", "a@x") for each in range(numbers.get(kind, 0))] for kind in KINDS}
    report: Report = {**report_preview(Plan(P)), **people}
    short: Any = shortened(report, limit)
    assert len(json.dumps(short)) <= limit
    assert all(short[kind] == people[kind][: len(short[kind])] for kind in KINDS)
    assert short["complete"] == all(short[kind] == people[kind] for kind in KINDS if kind != "unchanged")
    assert short["counts"] == report["counts"]
    if short != report:
        most = max(len(short[kind]) for kind in KINDS)
        longer: Any = {**short, **{kind: people[kind][: most + 1] for kind in KINDS}}
        longer["complete"] = all(longer[kind] == people[kind] for kind in KINDS if kind != "unchanged")
        assert len(json.dumps(longer)) > limit


def test_the_digest_is_of_the_changes_the_product_and_the_site() -> None:
    """Two reports have the same digest if they change the same people of the same product and site."""
    seats = SeatList([seat("1", "a@x"), seat("2", "b@x")])
    plan = unassign(People(("1", "2")), seats)
    assert report_preview(plan)["digest"] == report_preview(unassign(People(("2", "1")), seats))["digest"]
    others = [
        plan._replace(origin=Origin("", "https://x")),
        unassign(People(("1",)), seats),
        plan._replace(product="q"),
        Plan(P, changes(plan.unassign)),
    ]
    assert len({report_preview(each)["digest"] for each in (plan, *others)}) == 5
