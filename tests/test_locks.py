"""The lock that is handed on in turn."""

import threading
import time

import pytest

from core.locks import FairLock


@pytest.mark.parametrize("places", [1, 2])
def test_as_many_have_it_at_once_as_there_are_places(places):
    lock, inside, most, guard = FairLock(places), [], [], threading.Lock()

    def work():
        for _ in range(20):
            with lock:
                with guard:
                    inside.append(1)
                    most.append(len(inside))
                time.sleep(0.001)
                with guard:
                    inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert max(most) == places and not inside


def test_those_who_wait_get_it_in_the_order_in_which_they_came():
    lock, order = FairLock(), []

    def take(k: int):
        with lock:
            order.append(k)

    threads = []
    with lock:
        for k in range(5):
            threads.append(threading.Thread(target=take, args=[k]))
            threads[-1].start()
            while len(lock._waiting) <= k:
                time.sleep(0.001)
    for t in threads:
        t.join(20)
    assert order == [0, 1, 2, 3, 4]
