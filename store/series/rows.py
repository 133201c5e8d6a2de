"""Which rows of a batch count, of several for one (series, time)."""

import numpy as np
from numpy.typing import NDArray

from schema.batch import Batch


def surviving(batch: Batch, group: NDArray[np.int32]) -> NDArray[np.intp]:
    """Rows ordered by (group of their series, time, series), of equal ones only the last, or the highest word.

    `group[code]` must be the same for rows of one series.
    """
    order = np.lexsort((batch.code, batch.time, group[batch.code]))
    code, time = batch.code[order], batch.time[order]
    replaced = (code[1:] == code[:-1]) & (time[1:] == time[:-1])
    if replaced.any():
        if batch.rank is not None:
            order = np.lexsort((batch.value, batch.rank, batch.code, batch.time, group[batch.code]))
        order = order[np.append(~replaced, [True])]
    return np.asarray(order)
