"""Progress: plain lines where there is no terminal, a bar where there is, nothing when quiet."""

import io

from sim import progress
from sim.progress import Bar, Progress, Silent


def test_a_line_every_half_minute_and_one_at_the_end(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    tell = Progress(200, done=100, file=out)
    for step in range(101, 201):
        now[0] += 1.0
        tell(step, f"loss {step}")
    assert out.getvalue().splitlines() == [
        "step 130/200  loss 130  1:10 left",
        "step 160/200  loss 160  0:40 left",
        "step 190/200  loss 190  0:10 left",
        "step 200/200  loss 200  0:00 left",
    ]
    assert Progress(10, done=4).remaining(4) == "-"


def test_the_bar_shows_steps_and_text_and_gives_the_terminal_back():
    out = io.StringIO()
    bar = Bar(10, done=4, file=out)
    bar(6, "loss 0.5")
    bar.bar.stop()
    assert "step 6/10" in out.getvalue() and "loss 0.5" in out.getvalue()


def test_which_of_them_it_is(monkeypatch, capsys):
    with progress.progress(3, quiet=True) as tell:
        tell(3, "loss")
    assert isinstance(tell, Silent)
    with progress.progress(3) as tell:
        assert type(tell) is Progress
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with progress.progress(3) as tell:
        assert isinstance(tell, Bar)
    assert not capsys.readouterr().out
