"""New blobs from old lines."""

from hypothesis import given
from hypothesis import strategies as st

from wfd.adapters.lines import spliced

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"a\r\n", b"\r\n", b"c", b"\n"]), max_size=12)


def cleaned(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def test_a_line_that_is_as_it_was_keeps_the_blobs_words() -> None:
    blob = b"$Id: old $\r\none\ntwo\r\n"
    checked_out = b"$Id: 4f2 $\r\none\r\ntwo\r\n"
    now = b"$Id: 4f2 $\r\none\r\nnew\r\n2\r\n"

    made = spliced(blob, checked_out, now, b"$Id$\none\nnew\n2\n")

    assert made == b"$Id: old $\r\none\nnew\r\n2\r\n"


def test_lines_that_do_not_stay_in_their_places_are_gits() -> None:
    assert spliced(b"a\r\nb", b"a", b"a\nc", b"a\nc") == b"a\nc"
    assert spliced(b"a\r\nb", b"a\r\nb", b"a\nc", b"ac") == b"ac"


def test_a_middle_too_large_to_compare_still_keeps_its_ends() -> None:
    blob = b"".join(b"%d\r\n" % n for n in range(3000))
    now = b"x\r\n" + blob.replace(b"7\r\n", b"8\r\n")

    assert spliced(blob, blob, now, cleaned(now)) == now


@given(blob=LINES, now=LINES)
def test_what_a_checkout_makes_of_it_is_the_file(blob: list[bytes], now: list[bytes]) -> None:
    """Where a checkout converts nothing, the file must come back as it is."""
    old, new = b"".join(blob), b"".join(now)

    made = spliced(old, old, new, cleaned(new))

    assert cleaned(made) == cleaned(new)
    assert made == new or b"\r\n" not in old
    assert spliced(old, old, old, cleaned(old)) == old
