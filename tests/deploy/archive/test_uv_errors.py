"""What uv says, in one line."""

from coworks_async.deploy.archive.uv_errors import MAX_WORDS, redacted, to_build, why


def test_what_is_not_known_is_told_in_uvs_own_words_without_hints():
    said = "Using CPython\nerror: It broke\n  cause: badly\n         x===\n          ^^^\n\nhint: Mend it.\n"
    assert why(said, "requirements.txt", "Python 3.13") == "requirements.txt: It broke: badly x==="


def test_many_words_are_cut():
    told = why(f"error: {'word ' * 200}", "uv.lock", "Python 3.13")
    assert (len(told), told[-1]) == (len("uv.lock: ") + MAX_WORDS + 1, "…")


def test_no_words_are_told_as_such():
    assert why("", "uv.lock", "Python 3.13") == "uv.lock: uv failed without saying why."


def test_credentials_in_addresses_are_not_told():
    assert redacted("https://user:s3cr3t@host/a ssh://git@host") == "https://****@host/a ssh://****@host"


def test_what_has_to_be_built_is_found_where_a_line_is_broken_too():
    assert to_build("cause: attempted to build `library`") == ["library"]
    assert to_build("cause: attempted to\n         build `library`") == ["library"]
