import pytest

from megacache.explorer.discretion import Discretion


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/ada/search/train.py:62 load", "~/search/train.py:62 load"),
        (r"C:\Users\ada\train.py", r"~\train.py"),
        ("G['os'].environ['TOKEN'] == 'hunter2'", "G['os'].environ is left out"),
        ("a = 1\nos.environ['X'] = 'secret'\nb = 2", "a = 1\nos.environ is left out\nb = 2"),
        ("x = os.getenv('X', 'default')", "x = os.getenv is left out"),
        ("the environment of a model", "the environment of a model"),
        ("L['x'].size()[0] == 13", "L['x'].size()[0] == 13"),
    ],
)
def test_a_text_is_told_without_its_secrets(text, told):
    assert Discretion().text(text) == told


def test_the_value_of_a_secret_variable_becomes_its_name(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdef123456")
    monkeypatch.setenv("SHORT_KEY", "abc")
    monkeypatch.setenv("KEY_COUNT", "1234567")
    assert Discretion().text("login('hf_abcdef123456') abc 1234567") == "login('$HF_TOKEN') abc 1234567"


def test_what_only_names_a_session_is_told(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/work/train.ipynb")
    monkeypatch.setenv("PHPSESSIONID", "c0ffee-c0ffee")
    assert Discretion().text("/work/train.ipynb c0ffee-c0ffee") == "/work/train.ipynb $PHPSESSIONID"


def test_everything_within_is_changed_and_numbers_are_not():
    value = {"a": ["/home/ada/x", 1, None, True], "b": {"c": ("/home/ada/y", 2.5)}}
    assert Discretion().applied(value) == {"a": ["~/x", 1, None, True], "b": {"c": ["~/y", 2.5]}}


def test_what_was_asked_for_is_kept(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdef123456")
    text = "/home/ada os.environ['A'] == 'hf_abcdef123456'"
    assert Discretion(keeps_home=True, keeps_environment=True).text(text) == text
    assert Discretion(keeps_environment=True).text(text) == text.replace("/home/ada", "~")
    assert Discretion(keeps_home=True).text(text) == "/home/ada os.environ is left out"


def test_telling_twice_changes_nothing_more():
    once = Discretion().text("os.environ['X'] = '/home/ada'")
    assert Discretion().text(once) == once
