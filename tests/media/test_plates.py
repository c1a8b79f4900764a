"""Readings of number plates to their text."""

import pytest

from media.plates import is_of_form, plate_text


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["51F-123.45"], "51F-123.45"),
        (["51f 12345"], "51F-123.45"),
        (["30A-1234"], "30A-1234"),
        (["51LD-001.23"], "51LD-001.23"),
        (["29B123456"], "29B1-234.56"),
        (["29B12345"], "29B-123.45"),
        (["29-B1", "234.56"], "29B1-234.56"),
        (["29-B1", "2345"], "29B1-2345"),
        (["51F", "123.45"], "51F-123.45"),
        (["80-NG", "123.45"], "80NG-123.45"),
        (["29-MĐ1 234.56"], "29MD1-234.56"),
        (["29-MD1", "234.56"], "29MD1-234.56"),
        (["59-X1 123.45"], "59X1-123.45"),
        (["51F-1234"], "51F-1234"),
    ],
)
def test_plates_of_one_and_of_two_lines_are_written_alike(lines: list[str], text: str) -> None:
    found = plate_text(lines)

    assert found == text
    assert is_of_form(text)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["S1F-I23.4S"], "51F-123.45"),
        (["518-123.45"], "51B-123.45"),
        (["5IF-123.45"], "51F-123.45"),
        (["29-BI", "234.S6"], "29B1-234.56"),
        (["59-X3", "I23.O4"], "59X3-123.04"),
        (["59-XI 123.45"], "59X1-123.45"),
        (["29-MDI", "2B4.S6"], "29MD1-284.56"),
    ],
)
def test_what_looks_alike_is_told_apart_by_its_place(lines: list[str], text: str) -> None:
    assert plate_text(lines) == text


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["NA52 BUU"], "NA52BUU"),
        (["NA52", "BUU"], "NA52BUU"),
        (["TM-12-34"], "TM1234"),  # the army's
        (["BB", "12-34"], "BB1234"),
        (["80-011-NG-01"], "80011NG01"),  # with the country's number
    ],
)
def test_another_form_is_told_as_it_was_read(lines: list[str], text: str) -> None:
    found = plate_text(lines)

    assert found == text
    assert not is_of_form(text)


@pytest.mark.parametrize("lines", [[""], ["HELLO"], ["5"], ["12"], ["1" * 13], ["", ""], ["-.-"]])
def test_what_is_no_plate_is_none(lines: list[str]) -> None:
    assert plate_text(lines) is None
