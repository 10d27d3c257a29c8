"""Check digits and number ranges: what tells an account, card, ID or address from any number of that length."""

from __future__ import annotations

import ipaddress
import re

_LUHN = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_ISSUERS = re.compile(
    rb"(?:4(?:.{12}|.{15}|.{18})"  # Visa
    rb"|5[1-5].{14}|2(?:22[1-9]|2[3-9].|[3-6]..|7[01].|720).{12}"  # Mastercard
    rb"|3[47].{13}"  # American Express
    rb"|3(?:0[0-5]|[689]).{11,16}"  # Diners Club
    rb"|(?:6011|64[4-9]|65).{12,15}"  # Discover
    rb"|35(?:2[89]|[3-8]).{13,16}|(?:2131|1800).{11}"  # JCB
    rb"|62.{14,17}|81.{14,17}"  # UnionPay
    rb"|(?:5018|5020|5038|5[68]|6304|6759|676[1-3]|60|63|67).{8,17})$"  # Maestro
)
"""Issuers and lengths of card numbers: ISO/IEC 7812 ranges as the schemes publish them."""

_ID_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))
_ID_CHECK = b"10X98765432"
_PROVINCES = frozenset(
    (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83)
)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27"
        "GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22"
        "MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28"
        "TL23TN24TR26UA29VA22VG24XK20YE30",
    )
}
"""Length of an IBAN by country: SWIFT's IBAN registry."""

_SPECIAL_IPV4 = tuple(
    (int(network.network_address), int(network.netmask))
    for network in map(
        ipaddress.IPv4Network,
        ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
         "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
         "224.0.0.0/3"),
    )
)  # fmt: skip
"""IANA's special-purpose registry: this host, private, shared, loopback, link-local, documentation, benchmarks, and
multicast and reserved at the end."""
_DOCUMENTATION_IPV6 = tuple(map(ipaddress.IPv6Network, ("2001:db8::/32", "3fff::/20", "2001:2::/48", "2001:10::/28")))

COUNTRY_CODES = frozenset(
    b"1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 "
    b"84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 "
    b"235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 "
    b"263 264 265 266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 "
    b"375 376 377 378 379 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 "
    b"591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 "
    b"690 691 692 800 808 850 852 853 855 856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 966 967 968 "
    b"970 971 972 973 974 975 976 977 979 992 993 994 995 996 998".split()
)
"""ITU-T E.164 country codes in use."""


def luhn(digits: bytes) -> bool:
    """Is the last of these ASCII digits the check digit of ISO/IEC 7812-1?"""
    ours = digits[::-1]
    return (sum(c - 48 for c in ours[::2]) + sum(_LUHN[c - 48] for c in ours[1::2])) % 10 == 0


def issued(digits: bytes) -> bool:
    """Do 12 to 19 ASCII digits begin like a card of a known issuer, and are there as many as it uses?"""
    return _ISSUERS.match(digits) is not None


def chinese_id(value: bytes) -> bool:
    """Eighteen characters of a resident ID: province, date of birth, check character (GB 11643, ISO 7064 MOD 11-2)."""
    if int(value[:2]) not in _PROVINCES:
        return False
    month, day = int(value[10:12]), int(value[12:14])
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return False
    total = sum((c - 48) * weight for c, weight in zip(value, _ID_WEIGHTS, strict=False))
    return _ID_CHECK[total % 11] == value[17:].upper()[0]


def iban(value: bytes) -> bool:
    """Upper-case characters of an IBAN of known length with right check digits: ISO 13616, ISO 7064 MOD 97-10."""
    number = "".join(str(int(chr(c), 36)) for c in value[4:] + value[:4])
    return int(number) % 97 == 1


def public_ipv4(parts: tuple[bytes, ...]) -> bool:
    """Four decimal parts of an address that may be somebody's: no leading zeros, not special, and not so short that it
    reads as a version or section number: six digits or more in all (one public address in 11,000 has fewer)."""
    if sum(map(len, parts)) < 6 or any(len(part) > 1 and part[0] == 48 for part in parts):
        return False
    values = [int(part) for part in parts]
    if max(values) > 255:
        return False
    address = int.from_bytes(bytes(values), "big")
    return not any(address & mask == network for network, mask in _SPECIAL_IPV4)


def public_ipv6(value: bytes) -> bool:
    """An address that is not special (private, loopback, link-local, multicast, documentation, ::/4)."""
    try:
        address = ipaddress.IPv6Address(value.decode("ascii"))
    except ValueError:
        return False
    special = address.is_private or address.is_link_local or address.is_multicast or address.is_site_local
    return not special and int(address) >> 124 != 0 and not any(address in n for n in _DOCUMENTATION_IPV6)


def e164(digits: bytes) -> bool:
    """Digits after a `+`: a country code in use, and a length that its numbers have."""
    if digits[:1] == b"1":
        return len(digits) == 11 and digits[1] >= 50
    if digits[:2] == b"86":
        return 11 <= len(digits) <= 13
    short = digits[:3] in (b"290", b"683", b"690")  # islands with four digits: Saint Helena, Niue, Tokelau
    return 8 - short <= len(digits) <= 15 and (
        digits[:1] == b"7" or digits[:2] in COUNTRY_CODES or digits[:3] in COUNTRY_CODES
    )
