"""Whether rows come in the order of time: compiled, since then nothing need be sorted."""

import numpy as np
from numpy.typing import NDArray

from schema.compiled import compiled


@compiled("boolean(int32[::1], int64[::1], int64[::1])")
def in_order(series: NDArray[np.int32], time: NDArray[np.int64], newest: NDArray[np.int64]) -> bool:
    """Whether every row is newer than all before it of its series; then `newest`, by series, says the last ones."""
    for row in range(len(series)):
        if time[row] <= newest[series[row]]:
            return False
        newest[series[row]] = time[row]
    return True
