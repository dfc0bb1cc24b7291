import threading

import pytest
from ipykernel.comm.comm import BaseComm

from megacache.explorer import kernel


class Loop:
    """An event loop that runs nothing until it is told to."""

    def __init__(self):
        self.waiting = []

    def add_callback(self, action):
        self.waiting.append(action)

    def call_later(self, seconds, action):
        self.waiting.append((seconds, action))


@pytest.fixture
def loop(monkeypatch):
    made = Loop()
    monkeypatch.setattr(kernel, "running_kernel", lambda: type("Kernel", (), {"io_loop": made}))
    return made


def elsewhere(action):
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


def test_there_is_no_kernel_here():
    assert kernel.running_kernel() is None
    assert not kernel.later(0, print)


def test_the_main_thread_acts_at_once(loop):
    done = []
    kernel.on_main_thread(lambda: done.append(kernel.is_main_thread()))
    assert done == [True]
    assert loop.waiting == []


def test_another_thread_leaves_it_to_the_loop(loop):
    done = []
    elsewhere(lambda: kernel.on_main_thread(lambda: done.append(1)))
    assert done == []
    loop.waiting.pop()()
    assert done == [1]


def test_without_a_kernel_another_thread_acts_itself():
    done = []
    elsewhere(lambda: kernel.on_main_thread(lambda: done.append(kernel.is_main_thread())))
    assert done == [False]


def test_later_is_told_to_the_loop_in_its_own_thread(loop):
    assert kernel.later(0.5, print)
    loop.waiting.pop()()
    assert loop.waiting == [(0.5, print)]


def test_what_comes_over_a_comm_is_not_bound_to_the_shell_that_sent_last():
    comm = type("Comm", (), {})()
    comm._reply_subshell_id = None  # what ipykernel 7.4 notes when a cell sends
    kernel.answer_where_asked(comm)
    assert vars(comm) == {}
    kernel.answer_where_asked(comm)  # another ipykernel notes nothing
    kernel.answer_where_asked(None)  # nor is there a comm without a kernel


def test_ipykernel_routes_by_what_we_take_away():
    comm = BaseComm(target_name="jupyter.widget", primary=False)
    comm._reply_subshell_id = "the main shell's"
    kernel.answer_where_asked(comm)
    assert comm._reply_subshell_for({}, "the one that is named") == "the one that is named"
