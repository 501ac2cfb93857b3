"""The one comparison of a change with a threshold."""

from typing import overload

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-9  # Far below the smallest step of any score, far above the noise of float64 arithmetic.


@overload
def at_least(change: float, threshold: float) -> bool: ...
@overload
def at_least(change: NDArray[np.float64], threshold: float | NDArray[np.float64]) -> NDArray[np.bool_]: ...
def at_least(change: float | NDArray[np.float64], threshold: float | NDArray[np.float64]) -> bool | NDArray[np.bool_]:
    """True where the change reaches the threshold, both in scale units and positive for better.

    A difference of two means carries rounding noise, so a change of exactly 14 may be held as
    13.999999999999993; the tolerance gives it its due. A missing change (nan) reaches nothing.
    """
    return change >= threshold - TOLERANCE
