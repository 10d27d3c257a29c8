"""Valid personal data of every kind, made up: what tests plant and look for."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

WORD = string.ascii_letters + string.digits


def luhn_digit(digits: str) -> str:
    """The slow, obvious way."""
    total = 0
    for n, c in enumerate(reversed(digits)):
        value = int(c) * (2 if n % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(rng: random.Random) -> str:
    prefix, length = rng.choice([("4", 16), ("51", 16), ("37", 15), ("6011", 16), ("622202", 19), ("3566", 16)])
    digits = prefix + "".join(rng.choices(string.digits, k=length - len(prefix) - 1))
    digits += luhn_digit(digits)
    if length == 16 and rng.random() < 0.5:
        sign = rng.choice(" -")
        return sign.join(digits[k : k + 4] for k in range(0, 16, 4))
    return digits


def cn_id(rng: random.Random) -> str:
    place = rng.choice(["110105", "310101", "440304", "510107", "330106"])
    born = f"{rng.randint(1930, 2020)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    first = f"{place}{born}{rng.randint(0, 999):03}"
    total = sum(int(c) * 2 ** (17 - i) for i, c in enumerate(first))
    return first + "10X98765432"[total % 11]


def iban(rng: random.Random) -> str:
    country, body = rng.choice(
        [("GB", "ANNNNNNNNNNNNNN"), ("DE", "N" * 18), ("FR", "N" * 10 + "AANNNNNNNNN" + "NN"), ("NO", "N" * 11)]
    )
    if country == "GB":
        body = "AAAA" + "N" * 14
    account = "".join(rng.choice(string.ascii_uppercase if c == "A" else string.digits) for c in body)
    number = "".join(str(int(c, 36)) for c in account + country + "00")
    whole = f"{country}{98 - int(number) % 97:02}{account}"
    return " ".join(whole[k : k + 4] for k in range(0, len(whole), 4)) if rng.random() < 0.5 else whole


def email(rng: random.Random) -> str:
    local = rng.choice(["zhang.wei", "li_na88", "10086123", "j.o'neil"[:3] + "x", "support+cn", "Anna-Maria.Berg"])
    return f"{local}{rng.randint(1, 999)}@{rng.choice(['qq.com', '163.com', 'mail.tsinghua.edu.cn', 'gmx.de'])}"


def mobile(rng: random.Random) -> str:
    digits = rng.choice(["138", "159", "177", "186", "199"]) + "".join(rng.choices("123456789", k=8))
    shapes = [digits, digits, f"{digits[:3]}-{digits[3:7]}-{digits[7:]}", f"{digits[:3]} {digits[3:7]} {digits[7:]}"]
    return rng.choice(["", "", "+86 ", "+86", "86-"]) + rng.choice(shapes)


def landline(rng: random.Random) -> str:
    area, size = rng.choice([("010", 8), ("021", 8), ("0755", 8), ("0571", 8), ("0931", 7)])
    local = rng.choice("2345678") + "".join(rng.choices(string.digits, k=size - 1))
    return rng.choice([f"{area}-{local}", f"({area}){local}", f"{area} {local}"])


def us_phone(rng: random.Random) -> str:
    a, b, c = rng.randint(212, 989), rng.randint(212, 989), rng.randint(0, 9999)
    a = a + 1 if a % 100 == 11 else a
    return rng.choice([f"({a}) {b}-{c:04}", f"{a}-{b}-{c:04}", f"+1 {a}-{b}-{c:04}", f"{a}.{b}.{c:04}"])


def ipv4(rng: random.Random) -> str:
    return (
        f"{rng.choice([5, 8, 61, 93, 121, 203])}.{rng.randint(120, 250)}.{rng.randint(20, 255)}.{rng.randint(10, 254)}"
    )


def ipv6(rng: random.Random) -> str:
    groups = [f"{rng.randint(0x1000, 0xFFFF):x}" for _ in range(6)]
    return rng.choice([f"2400:3200:{':'.join(groups)}", f"2a02:{groups[0]}::{groups[1]}"])


def api_key(rng: random.Random) -> str:
    def body(n: int) -> str:
        return "aB3" + "".join(rng.choices(WORD, k=n - 3))

    return rng.choice(
        [f"ghp_{body(36)}", f"sk-proj-{body(40)}12", f"AIza{body(35)}", f"hf_{body(34)}", f"LTAI{body(20)}",
         "AKIA" + "".join(rng.choices(string.ascii_uppercase + "234567", k=15)) + "7"]
    )  # fmt: skip


def credentials(rng: random.Random) -> str:
    return f"{rng.choice(['root', 'deploy', 'bob'])}:{''.join(rng.choices(WORD, k=12))}"


def private_key(rng: random.Random) -> str:
    lines = ["".join(rng.choices(WORD + "+/", k=64)) for _ in range(4)]
    kind = rng.choice(["", "RSA ", "EC ", "OPENSSH "])
    return f"-----BEGIN {kind}PRIVATE KEY-----\n" + "\n".join(lines) + f"\n-----END {kind}PRIVATE KEY-----"


ITEMS: dict[str, list[Callable[[random.Random], str]]] = {
    "private_key": [private_key],
    "credentials": [credentials],
    "api_key": [api_key],
    "email": [email],
    "cn_id": [cn_id],
    "card": [card],
    "iban": [iban],
    "ip": [ipv4, ipv6],
    "phone": [mobile, landline, us_phone],
}
"""Entity -> makers of a valid value; the same seed makes the same value."""

_WIDE = {ord(c): chr(ord(c) + 0xFEE0) for c in string.digits + string.ascii_letters + "@.-+()_"}


def wide(text: str) -> str:
    """In full-width forms, as far as they fold."""
    return text.translate(_WIDE)


def setting(entity: str, value: str) -> str:
    """What a value stands in, where it has to."""
    return f"https://{value}@db.internal.net/x" if entity == "credentials" else value
