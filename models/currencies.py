"""How many digits the minor unit of a currency has: ISO 4217, list one."""

from __future__ import annotations

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_OTHERS = dict.fromkeys(_NONE.split(), 0) | dict.fromkeys(_THREE.split(), 3)


def minor_digits(currency: str) -> int:
    """Decimals of a currency, by its ISO 4217 code.

    >>> [minor_digits(each) for each in ("USD", "JPY", "KWD")]
    [2, 0, 3]
    """
    return _OTHERS.get(currency, 2)
