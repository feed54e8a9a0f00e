"""One thread for small networks, without a change for others."""

import sys
import threading

import pytest
import torch

from core.models import device
from core.models.device import one_thread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="one_thread does nothing elsewhere")


@pytest.fixture(autouse=True)
def two_threads():
    """Two threads, where the tests have one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def elsewhere() -> int:
    """The number of threads that another thread computes with."""
    found = []
    other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    other.start()
    other.join()
    return found[0]


def test_one_thread_is_for_this_thread_alone_and_for_its_block_alone():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
        assert elsewhere() == before
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before == elsewhere()


def test_it_is_torch_s_own_openmp_that_is_told():
    import sentencepiece  # noqa: F401  # brings another

    device._openmp.cache_clear()
    with one_thread():
        assert torch.get_num_threads() == 1


def test_a_failure_gives_the_threads_back():
    before = torch.get_num_threads()
    with pytest.raises(ValueError), one_thread():
        raise ValueError
    assert torch.get_num_threads() == before


def test_a_sum_is_the_same_with_one_thread():
    x = torch.randn(300, 300, generator=torch.Generator().manual_seed(0))
    with one_thread():
        alone = x @ x
    torch.testing.assert_close(alone, x @ x)
