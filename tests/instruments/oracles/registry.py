"""The oracle of every instrument."""

from tests.instruments.oracles import Oracle, hoos, others

ORACLES: dict[str, Oracle] = {
    "hoos-2.0": hoos.HOOS,
    "hoos-12-1.0": hoos.HOOS_12,
    "hoos-ps-1.0": hoos.HOOS_PS_FORM,
    "hoos-jr-1.0": hoos.HOOS_JR_FORM,
    "hagos-1.0": hoos.HAGOS,
    "ihot-33-1.0": others.ihot(33),
    "ihot-12-1.0": others.ihot(12),
    "nprs-1.0": others.one_number(0, 10),
    "groc-1.0": others.one_number(-7, 7),
    "pass-1.0": others.one_number(0, 1),
    "psfs-1.0": others.PSFS,
    "s-lanss-1.0": others.S_LANSS,
    "safety-1.0": others.SAFETY,
}
