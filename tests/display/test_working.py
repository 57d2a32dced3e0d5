"""Progress is told often enough, and not too often."""

from kerassplit_widget.display import working
from kerassplit_widget.display.working import Worker


def test_another_step_is_told_soon_and_the_same_one_now_and_then(monkeypatch):
    now, shown = [100.0], []
    monkeypatch.setattr(working.time, "monotonic", lambda: now[0])
    worker = Worker(shown.append)

    def job():
        for after, done, what in (
            (0.0, 0, "building"),  # told at once
            (0.03, 0, "running the model"),  # something else: soon
            (0.03, 1, "running the model"),  # the same: not yet
            (0.005, 2, "comparing"),
            (0.001, 3, "weights"),  # too soon for anything
            (0.2, 4, "weights"),
        ):
            now[0] += after
            worker.tell(done, 5, what)

    worker.start("verifying", job)
    worker.join()
    told = [(busy["done"], busy["what"]) for busy in shown if busy]
    assert told == [
        (0, "verifying"), (0, "building"), (0, "running the model"), (2, "comparing"), (4, "weights"),
    ]  # fmt: skip
    assert shown[-1] == {}
