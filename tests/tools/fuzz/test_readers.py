import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .readers import READERS, Reader, outcome


@pytest.mark.parametrize("reader", [pytest.param(reader, id=reader.name) for reader in READERS])
@given(data=st.data())
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_whatever_comes_in_a_reader_reads_it_or_says_why_not_in_one_fault(reader: Reader, data: st.DataObject) -> None:
    given_to_it = data.draw(reader.inputs)
    begin = time.process_time()
    fault = outcome(reader, given_to_it)
    assert time.process_time() - begin < reader.seconds
    assert fault is None or len(str(fault).splitlines()) == 2
