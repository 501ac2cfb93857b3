"""Which end of an item is the good one: read off the scale that it belongs to, so the two cannot disagree."""

from instruments.definition import Instrument, Item, Scale


def higher_is_better(instrument: Instrument, item: Item) -> bool | None:
    """Whether a higher code means better. A yes to a safety item is worse; None for an item without a scale."""
    if item.tier:
        return False
    scale = next((scale for scale in instrument.scales if item.code in scale.items), None)
    return None if scale is None else _rises(scale) == (scale.best == scale.maximum)


def _rises(scale: Scale) -> bool:
    """Whether the score rises with the codes."""
    if scale.linear:
        return scale.linear.to_high > scale.linear.to_low
    return not scale.table or scale.table[-1] > scale.table[0]
