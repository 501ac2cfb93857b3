"""How far a share could lie from what was judged, from what is shown."""

import pandas as pd


def no_less_than_the_share(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a best case that is at least the share: from counts rounded by themselves it might be less.

    The worst case cannot be more, for a larger count is never shown as less.
    """
    share, best = (pd.to_numeric(shown[key], errors="coerce").astype("float64") for key in ("share_improved", "best"))
    return shown.assign(best=shown["best"].mask(share > best, share))
