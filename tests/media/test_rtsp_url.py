"""RTSP addresses, split where FFmpeg splits them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtsp_url import MAX_CHARACTERS, RtspUrl, RtspUrlError, parse_rtsp_url


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("rtsp://cam", ("rtsp", None, "cam", 554, "")),
        ("RTSP://Cam/Live", ("rtsp", None, "Cam", 554, "/Live")),
        ("rtsps://cam/live", ("rtsps", None, "cam", 322, "/live")),
        ("rtsp://cam:8554/a?b=c#d", ("rtsp", None, "cam", 8554, "/a?b=c#d")),
        ("rtsp://cam?channel=1", ("rtsp", None, "cam", 554, "?channel=1")),
        ("rtsp://u:p@cam/live", ("rtsp", "u:p", "cam", 554, "/live")),
        ("rtsp://u:p%40ss@cam/live", ("rtsp", "u:p%40ss", "cam", 554, "/live")),
        ("rtsp://u:p@ss@cam:8554/live", ("rtsp", "u:p@ss", "cam", 8554, "/live")),
        ("rtsp://u:[p]@cam/live", ("rtsp", "u:[p]", "cam", 554, "/live")),
        ("rtsp://@cam/live", ("rtsp", "", "cam", 554, "/live")),
        ("rtsp://cam/a@b/c:9", ("rtsp", None, "cam", 554, "/a@b/c:9")),
        ("rtsp://[2001:db8::7]:8554/live", ("rtsp", None, "2001:db8::7", 8554, "/live")),
        ("rtsp://u:p@[fe80::1%eth0]/live", ("rtsp", "u:p", "fe80::1%eth0", 554, "/live")),
        ("rtsp://10.0.0.7/a\\b", ("rtsp", None, "10.0.0.7", 554, "/a\\b")),
    ],
)
def test_an_address_is_split_into_its_parts(
    text: str, parts: tuple[str, str | None, str, int, str]
) -> None:
    assert parse_rtsp_url(text) == RtspUrl(*parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cam",
        "//cam/live",
        "http://cam/live",
        "file:///etc/passwd",
        "rtsp:/cam",
        "rtsp://",
        "rtsp:///live",
        "rtsp://u:p@/live",
        "rtsp://:554/live",
        "rtsp://cam:/live",
        "rtsp://cam:0/live",
        "rtsp://cam:65536/live",
        "rtsp://cam:-1/live",
        "rtsp://cam:5 54/live",
        "rtsp://cam:٥٥٤/live",
        "rtsp://cam:554:555/live",
        "rtsp://2001:db8::7/live",
        "rtsp://[2001:db8::7/live",
        "rtsp://2001]/live",
        "rtsp://[]/live",
        "rtsp://[cam]/live",
        "rtsp://[::1%]/live",
        "rtsp://cam\\@evil/live",
        "rtsp://evil\\.cam/live",
        "rtsp://cam/live\n",
        "rtsp://cam/li\tve",
        "rtsp://cam/li\0ve",
        "rtsp://cam/li\u200bve",
        "rtsp://cam/li\u2028ve",
        "rtsp://cam/\ud800",
        " rtsp://cam/live",
    ],
)
def test_what_no_camera_can_be_at_is_refused(text: str) -> None:
    with pytest.raises(RtspUrlError):
        parse_rtsp_url(text)


def test_the_longest_address_is_accepted_and_a_longer_one_is_not() -> None:
    longest = "rtsp://cam/".ljust(MAX_CHARACTERS, "x")

    assert parse_rtsp_url(longest).host == "cam"
    with pytest.raises(RtspUrlError, match="at most 2048 characters, has 2049"):
        parse_rtsp_url(longest + "x")


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter2@",
        "rtsp://admin:hunter2@cam:99999/live",
        "rtsp://admin:hun/ter2@cam/live",
        "rtsp://admin:hunter2 @cam/live",
        "ftp://admin:hunter2@cam/live",
        "rtsp://admin:hunter2@cam\\/live",
        "rtsp://admin:hunter2@[cam]/live",
    ],
)
def test_a_refusal_never_repeats_the_text(text: str) -> None:
    with pytest.raises(RtspUrlError) as refusal:
        parse_rtsp_url(text)

    assert "hun" not in str(refusal.value)
    assert "admin" not in str(refusal.value)


def test_credentials_show_neither_as_text_nor_in_the_debugger() -> None:
    url = parse_rtsp_url("rtsp://admin:hunter2@cam:8554/live?password=hunter2&channel=1")

    assert str(url) == "rtsp://***@cam:8554/live?password=***&channel=1"
    assert "hunter2" not in repr(url)
    assert url.has_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://cam:554/live", "rtsp://cam/live"),
        ("rtsps://cam:554/live", "rtsps://cam:554/live"),
        ("rtsp://[::1]:8554/live", "rtsp://[::1]:8554/live"),
    ],
)
def test_without_credentials_it_is_shown_as_it_is(text: str, shown: str) -> None:
    url = parse_rtsp_url(text)

    assert str(url) == shown
    assert not url.has_credentials


@pytest.mark.parametrize(
    ("ip", "address"),
    [
        ("10.0.0.7", "rtsp://u:p%40ss@10.0.0.7:554/live?x=1"),
        ("2001:db8::7", "rtsp://u:p%40ss@[2001:db8::7]:554/live?x=1"),
    ],
)
def test_the_host_gives_way_to_a_checked_address(ip: str, address: str) -> None:
    assert parse_rtsp_url("rtsp://u:p%40ss@cam/live?x=1").at_address(ip) == address


VISIBLE = st.characters(exclude_categories=("C", "Z"))


@given(
    userinfo=st.none() | st.text(VISIBLE.filter(lambda one: one not in "/?#\\"), max_size=20),
    port=st.integers(1, 65535),
    tail=st.just("") | st.text(VISIBLE, max_size=20).map(lambda text: "/" + text),
)
def test_putting_the_parts_together_gives_an_address_of_the_same_meaning(
    userinfo: str | None, port: int, tail: str
) -> None:
    url = RtspUrl("rtsp", userinfo, "10.0.0.7", port, tail)

    assert parse_rtsp_url(url.at_address("10.0.0.7")) == url


@given(st.text(max_size=60).map(lambda text: "rtsp://" + text))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        url = parse_rtsp_url(text)
    except RtspUrlError:
        return
    assert url.host
    assert 0 < url.port < 65536
