"""What texts look like and what they mean: judged on distinct values with their counts, never on every row."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, TypeAlias

from dq.profile.questions import NULL_LIKE

Counts: TypeAlias = Iterable[tuple[Any, float]]

HIDDEN = "•••"  # in place of what must not be shown
SHARE = 0.9  # of the rows, for a meaning to be believed
FEW = 0.1  # of the rows, for personal data to be believed where a chance hit is out of the question
MASK_LENGTH = 60
_FEWEST_CODES = 3  # distinct values before two or three letters count as codes


_DAYS = ("%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y")
DATE_FORMATS = (
    *_DAYS,
    *(f"{day} {time}" for day in _DAYS for time in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p")),
    *(f"%Y-%m-%dT%H:%M{rest}" for rest in (":%S", ":%S%z", ":%S.%f", ":%S.%f%z", "")),
    "%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%Y-%m-%d %H:%M:%S%z",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """`share` of the rows that mean it; `is_pii`: personal data; `formats` of dates, most frequent first."""

    name: str
    share: float
    is_pii: bool = False
    formats: tuple[str, ...] = ()


def is_null_like(text: str) -> bool:
    """Blank, or a word that stands for a missing value."""
    bare = text.strip().lower()
    return not bare or bare in NULL_LIKE


def mask(text: str) -> str:
    """`A` for capital, `a` for other letters, `9` for digits, everything else as it is; runs collapsed: `Aa 9-9`."""
    marks = ("9" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c for c in text)
    kept: list[str] = []
    for mark in marks:
        if not kept or kept[-1] != mark:
            kept.append(mark)
    return "".join(kept[:MASK_LENGTH])


def masks(counts: Counts) -> tuple[tuple[str, float], ...]:
    """Rows per mask, most frequent first, ties by mask. Values that are no text have none."""
    total: defaultdict[str, float] = defaultdict(float)
    for value, count in counts:
        if isinstance(value, str):
            total[mask(value)] += count
    return tuple(sorted(total.items(), key=lambda m: (-m[1], m[0])))


def semantic_type(counts: Counts) -> Meaning | None:
    """The most specific meaning that at least 90 % of the rows share; values that stand for NULL are left out."""
    texts = [(str(v).strip(), n) for v, n in counts if isinstance(v, (str, int)) and not is_null_like(str(v))]
    rows = sum(n for _, n in texts)
    if not rows:
        return None
    for name, (test, is_pii, fewest) in _MEANINGS.items():
        share = sum(n for text, n in texts if test(text)) / rows
        if share >= SHARE and len(texts) >= fewest:
            return Meaning(name, share, is_pii)
    formats, share = date_formats(texts)
    if share >= SHARE:
        return Meaning("date", share, formats=formats)
    numeric = sum(n for text, n in texts if _NUMBER.fullmatch(text)) / rows
    return Meaning("number", numeric) if numeric >= SHARE else None


def personal(counts: Counts, ends: Iterable[Any] = ()) -> Meaning | None:
    """The kind of personal data that most values are, or, where no chance brings it about, some, or a word in one of
    `ends`: the smallest and largest value, which are shown, and not among the frequent ones that the share is of."""
    texts = [(str(v).strip(), n) for v, n in counts if isinstance(v, (str, int)) and not is_null_like(str(v))]
    shown = [v.strip() for v in ends if isinstance(v, str)]
    rows = sum(n for _, n in texts)
    for name, (test, is_pii, _) in _MEANINGS.items():
        share = sum(n for text, n in texts if test(text) or _mailed(test, text)) / rows if is_pii and rows else 0.0
        by_chance = name in _BY_CHANCE
        told = is_pii and not by_chance and any(_tells(test, text) for text in shown)
        if told or share >= (SHARE if by_chance else FEW):
            return Meaning(name, share, True)
    return None


def _mailed(test: Callable[[str], bool], text: str) -> bool:
    """Of the kinds, only addresses with an @ are looked for within every text: that is quick to rule out."""
    return "@" in text and _tells(test, text)


def _tells(test: Callable[[str], bool], text: str) -> bool:
    return any(test(word.strip(".:")) for word in _WORD.findall(text))


def hide(text: str, *, by_chance: bool = True) -> str:
    """The text without words that are personal data by their look; `by_chance`: numbers that may be cards or phones
    too."""
    kinds = [test for n, (test, is_pii, _) in _MEANINGS.items() if is_pii and (by_chance or n not in _BY_CHANCE)]
    return _WORD.sub(lambda word: HIDDEN if any(test(word[0].strip(".:")) for test in kinds) else word[0], text)


def date_formats(counts: Counts, known: tuple[str, ...] = DATE_FORMATS) -> tuple[tuple[str, ...], float]:
    """The fewest of the known formats that read the most rows, found greedily, and the share they read; day before
    month only where month first cannot be. Words for NULL count as unread."""
    texts = [(str(v).strip(), n) for v, n in counts if isinstance(v, (str, int))]
    left = [(text, n) for text, n in texts if _DATE_LIKE.fullmatch(text)]
    formats: list[str] = []
    while left:
        read = {f: sum(n for text, n in left if _parses(text, f)) for f in known}
        best = max(known, key=lambda f: read[f])
        if not read[best]:
            break
        formats.append(best)
        left = [(text, n) for text, n in left if not _parses(text, best)]
    unread = sum(n for _, n in left) + sum(n for text, n in texts if not _DATE_LIKE.fullmatch(text))
    rows = sum(n for _, n in texts)
    return tuple(formats), 1 - unread / rows if rows else 0.0


def _parses(text: str, form: str) -> bool:
    if ("-" in form) != ("-" in text) or ("/" in form) != ("/" in text) or (":" in form) != (":" in text):
        return False
    try:
        return 1800 <= datetime.strptime(text, form).year <= 9999
    except ValueError:
        return False


_DATE_LIKE = re.compile(r"(?=.*\d)[\dA-Za-z ,./:+-]{6,35}")
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d+)?([eE][+-]?\d+)?\s?%?(?<=[\d%.])")


def _pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _is_ipv4(text: str) -> bool:
    try:
        return text.count(".") == 3 and bool(IPv4Address(text))
    except AddressValueError:
        return False


def _is_ipv6(text: str) -> bool:
    try:
        return ":" in text and bool(IPv6Address(text))
    except AddressValueError:
        return False


def is_card(text: str) -> bool:
    """13 to 19 digits whose check digit is right (ISO/IEC 7812-1, Luhn)."""
    digits = text.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit() and 13 <= len(digits) <= 19) or not digits.strip("0"):
        return False
    doubled = (sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (sum(doubled) + sum(int(d) for d in digits[-1::-2])) % 10 == 0


_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)


def is_iban(text: str) -> bool:
    """Country, check digits, 11 to 30 characters; remainder 1 by 97 (ISO 13616)."""
    bare = text.replace(" ", "").upper()
    if not _IBAN.fullmatch(bare):
        return False
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


_PHONE = re.compile(r"(\+\d{1,3}[ .-]?)?(\(\d{1,5}\)[ .-]?)?\d{2,5}([ .-]?\d{2,5}){1,4}", re.ASCII)
_DATE = r"(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[-.]\d{1,2}[-.]\d{2,4})([ T].*)?"
_DECIMAL_OR_DATE = re.compile(rf"[\d,]+\.\d+|{_DATE}", re.ASCII)


def _is_phone(text: str) -> bool:
    """A plus or a separator must tell it from a number; a date or a decimal is none."""
    if not _PHONE.fullmatch(text) or _DECIMAL_OR_DATE.fullmatch(text):
        return False
    digits = sum(c.isdigit() for c in text)
    return 7 <= digits <= 15 and (text[0] in "+(" or digits < len(text))


_COUNTRIES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB
    GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG
    KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB
    SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"""
_CURRENCIES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED
    VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"""

_BETWEEN = r"""\s,;|"'<>\[\]{}="""
_NUMBERS = rf"\+?[0-9(][0-9()-]*(?: [0-9(][0-9 ()-]*)+(?=[.:]?(?:[{_BETWEEN}]|$))"  # cards and phones have blanks
_WORD = re.compile(rf"{_NUMBERS}|[^{_BETWEEN}]+")
_BY_CHANCE = {"card", "phone"}  # one number in ten has the check digit of a card
_MEANINGS: dict[str, tuple[Callable[[str], bool], bool, int]] = {
    "email": (_pattern(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+"), True, 1),
    "url": (_pattern(r"(https?|ftp|s3)://[^\s]+"), False, 1),
    "uuid": (_pattern(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), False, 1),
    "ipv4": (_is_ipv4, True, 1),
    "ipv6": (_is_ipv6, True, 1),
    "iban": (is_iban, True, 1),
    "card": (is_card, True, 1),
    "social security number": (_pattern(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}"), True, 1),
    "phone": (_is_phone, True, 1),
    "country code": (frozenset(_COUNTRIES.split()).__contains__, False, _FEWEST_CODES),
    "currency code": (frozenset(_CURRENCIES.split()).__contains__, False, _FEWEST_CODES),
}
