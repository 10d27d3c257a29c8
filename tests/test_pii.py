"""Personal data is found, all of it and nothing else, and replaced so that nothing of it is left."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chain import parts
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, odd_text
from pii_items import ITEMS, setting, wide
from runs import error, make_plan, write_jsonl, write_pipeline

from dataprep.documents import Documents, documents
from dataprep.errors import UsageError
from dataprep.pii import actions, checks
from dataprep.pii.excerpt import WINDOW_BYTES, excerpt
from dataprep.pii.find import find, look
from dataprep.pii.redaction import redact, redacted
from dataprep.pii.shapes import ENTITIES
from dataprep.text.spans import TextBuffers, text_buffers
from dataprep.text.splice import splice
from dataprep.text.suspects import fold_text, suspects

KEY = b"0123456789abcdef0123456789abcdef"


def buffers(*texts: str) -> TextBuffers:
    """As a slice of a column that goes on with digits on both sides."""
    return text_buffers(pa.array(["1234", *texts, "5678"], pa.large_string()).slice(1, len(texts)))


def found(text: str, entities: tuple[str, ...] = ENTITIES) -> list[tuple[str, str]]:
    """(entity, value) of each match in one document."""
    batch = buffers(text)
    spans = find(batch, entities)
    return [
        (ENTITIES[entity], batch.data[start:end].tobytes().decode())
        for start, end, entity in zip(spans.start, spans.end, spans.entity, strict=True)
    ]


# ---------------------------------------------------------------- cases

PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEAx7\n" * 4 + "-----END RSA PRIVATE KEY-----"

FOUND = {
    "email": """
        [a.b+c@sub.mail.co.uk],
        <[10086@qq.com]>
        邮箱：[lilei@mail.cn]。
        [ｌｉｌｅｉ＠ｍａｉｌ．ｃｎ]，谢谢
        mailto:[x_y@host.io]?subject=1
        地址是[zhang@mail.cn]请回复
        x@y.png or [a@b.de].
        write to [show@mail.org].For more
        [Anna.Berg@Mail.Org] and
    """,
    "phone": """
        call [415-555-0132].
        (415) is none: [(415) 555-0132]
        [+1 (415) 555-0132 x12]
        [1-800-476-0446]
        [+49 (0)9546-9223-20] or
        [+86 138 1234 5678]
        手机[13812345678]，
        手机号[１３８１２３４５６７８]
        电话（[０１０－８８８８６６６６]）
        [0755-2345 6789]转3
        [(021)68889999]、[021-68889998]
        Tel: [0871 527 8802] *
        Fax:[602 827 2469]
        热线 [4008123123]
        [9472 7916] (mobile)
        [+46 (0)8 928 571 38] fax
        at [330-747-9551]Whether
        [13812345678]/[13912345678]
        [1‑855‑846‑2895] with
        [138 1234 5678]
        You can call [9320 7126] or
        calling: [1784 5348469] (WhatsApp)
        **[13812345678]**and 2*[13812345678]* more
    """,
    "ip": """
        [93.184.215.14]
        from [121.43.18.9]:8080
        [8.134.20.7]/24
        服务器[121.43.18.9]的
        http://[93.184.215.14]/x
        [2400:3200:1234:5678:9abc:def0:1:2]
        dns [2606:4700:4700::1111],
        地址：[１２１．４３．１８．９]
    """,
    "card": """
        [4111111111111111]
        [4111 1111 1111 1111].
        [3782-822463-10005]
        卡号[6222021234567890128]，
        card number [060426070011] is lost
        [5555-5555-5555-4444]
        银行卡：[６２２２０２１２３４５６７８９０１２８]
    """,
    "cn_id": """
        [11010519491231002X]
        身份证[11010519491231002x]，
        [110105 19491231 002X]
        证件号：[１１０１０５１９４９１２３１００２Ｘ]
    """,
    "iban": """
        [GB82WEST12345698765432]
        [GB82 WEST 1234 5698 7654 32] is
        [de89370400440532013000]
        [NO93 8601 1117 947] and
        账号[FR1420041010050500013M02606]，
        [BE68 5390 0754 7034] and
    """,
    "credentials": """
        https://[bob:hunter22]@git.mail.org/x
        redis://[:s3cretpw]@10.0.0.1:6379
        mysql://[root:123456]@127.0.0.1
        连接postgres://[a:b%40c9]@db/x。
    """,
    "api_key": """
        key=[ghp_0123456789abcdefABCDEF0123456789abcd]
        "[AKIAIOSFODNN7QRSTUVW]"
        密钥[LTAI5tAbCdEfGhIjKlMnOpQr]，
        Bearer [eyJhbGciOiJIUzI1NiIsInR5.eyJzdWIiOiIxMjM0NTY3ODkw.SflKxwRJSMeKKF2QT4fwpMeJf36]
        [sk-proj-Ab12Cd34Ef56Gh78Ij90Kl]
    """,
}
"""A case a line; what is to be found stands in brackets."""

KEYS_FOUND = (f"key:\n[{PEM}]\nend", f"私钥：[{PEM}]。", f"[{PEM[:-30]}]\n", f"[{PEM[:-30]}]\n[{PEM}]\n")

LEFT = {
    "email": """
        git@github.com:a/b
        user@example.com
        icon@2x.png
        a@localhost
        @name
        https://u:pw@host.com/
        ssh://john.doe@host.com
        a@b
        root@node.internal
        lodash@4.17.21
        xxxx@163.com
        ubuntu@ec2-xx-xxx-xxx-xxx.amazonaws.com
    """,
    "phone": """
        2021-01-01 12:00:00
        17179869184 bytes
        1.13812345678
        id_13812345678
        20190101
        123 456 7890
        a13812345678
        138123456789
        ISBN 978-7-111-54742-6
        911-555-0132-99
        2021/13/45 10.20.30
        +1234567
        x+13812345678
        订单2013812345678
        /user/13812345678/
        1, 2, 3, 4, 5, 6, 7, 8
        0.4155550132
        10000000 ms
        12-415-555-0132
        18066406250*q**2
        q - 18066406250**(1/2)
        2*18066406250 + q
    """,
    "ip": """
        10.0.0.1
        192.168.1.10
        127.0.0.1
        169.254.10.20
        203.0.113.77
        version 10.20.30.40
        1.2.3.4
        版本号 12.34.56.78
        v12.34.56.78
        Chrome/112.30.56.78
        1.3.6.1.4.1.311
        256.100.100.100
        8.8.8.8
        093.184.215.14
        fe80::1
        ::1
        2001:db8::1
        12:30:45
        std::dec::abc
        3.1.10.2
        00:1b:44:11:3a:b7
        50:06:01:60:3b:a0:11:22
    """,
    "card": """
        4111111111111112
        1111111111111117
        0000000000000000
        1617181920212223
        4111 1111-1111 1111
        4111111111111111*t**12
        41111111111111111111
    """,
    "cn_id": """
        110105194912310021
        11010519491331002X
        99010519491231002X
        111010519491231002X0
    """,
    "iban": """
        GB82WEST12345698765433
        GB82WEST1234569876543
        XX82WEST12345698765432
        GB82WEST123456987654321
    """,
    "credentials": """
        https://host.com:8080/@x
        mysql://user:password@host
        http://a:${PW}@b
        redis://:***@h
        <https://u@host.com>
    """,
    "api_key": """
        AKIAIOSFODNN7EXAMPLE
        sk-folding-cube-animation-1
        ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        task-0123456789012345678901
        AIza00000000000000000000000000000000000
    """,
}
"""A case a line; nothing is to be found."""

KEYS_LEFT = (
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIE",
    PEM.replace("PRIVATE", "PUBLIC"),
)


def cases(lines: dict[str, str], keys: tuple[str, ...]) -> list[tuple[str, str]]:
    """(entity, text)."""
    plain = [(entity, line.strip()) for entity, block in lines.items() for line in block.strip().splitlines()]
    return plain + [("private_key", text) for text in keys]


@pytest.mark.parametrize(("entity", "marked"), cases(FOUND, KEYS_FOUND))
def test_is_found_with_its_bounds(entity: str, marked: str) -> None:
    expected = [(entity, value) for value in re.findall(r"\[([^]]*)\]", marked)]
    assert expected
    assert found(re.sub(r"[\[\]]", "", marked), (entity,)) == expected


@pytest.mark.parametrize(("entity", "text"), cases(LEFT, KEYS_LEFT))
def test_is_left(entity: str, text: str) -> None:
    assert found(text, (entity,)) == []
    assert found(f"请看{text}，谢谢", (entity,)) == []


def test_the_earliest_wins_then_the_longest_then_the_first_in_the_list() -> None:
    assert found("13812345678@qq.com") == [("email", "13812345678@qq.com")]
    assert found("call 4111 1111 1111 1111") == [("card", "4111 1111 1111 1111")]
    assert found("11010519491231002X") == [("cn_id", "11010519491231002X")]
    assert found("https://bob:hunter22@93.184.215.14/x") == [("credentials", "bob:hunter22"), ("ip", "93.184.215.14")]
    assert found("tel 121.43.18.92") == [("ip", "121.43.18.92")]
    assert found(PEM.replace("AAKCAQ", "13812345678")) == [("private_key", PEM.replace("AAKCAQ", "13812345678"))]


def test_neighbouring_documents_do_not_matter() -> None:
    texts = ["call me at", "9472 7916", "fax", "138", "12345678", "a@b.", "org", "version", "93.184.215.14"]
    spans = find(buffers(*texts))
    assert [ENTITIES[entity] for entity in spans.entity] == ["ip"]
    assert spans.document.tolist() == [8]


# ---------------------------------------------------------------- properties


@given(st.sampled_from(ENTITIES), st.integers(0, 10**6), odd_text, odd_text, st.booleans())
@settings(max_examples=400, deadline=None)
def test_a_planted_item_is_found(entity: str, seed: int, before: str, after: str, full_width: bool) -> None:
    rng = random.Random(seed)
    value = rng.choice(ITEMS[entity])(rng)
    if full_width and entity in ("email", "cn_id", "card", "phone"):
        value = wide(value).replace(" ", "\u00a0")
    around = re.compile(r"[A-Za-z0-9０-９Ａ-Ｚａ-ｚ@＠+.:/\\_-]")  # what would make another thing of it
    text = f"{around.sub('', before)}。{setting(entity, value)}，{around.sub('', after)}"
    assert (entity, value) in found(text)


@given(st.sampled_from(["card", "cn_id", "iban"]), st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_a_wrong_check_digit_is_left(entity: str, seed: int, change: int) -> None:
    rng = random.Random(seed)
    value = rng.choice(ITEMS[entity])(rng)
    last = value[-1]
    wrong = "0123456789"[(int(last) + change) % 10] if last.isdigit() else "1"
    assert found(f"在{value[:-1]}{wrong}，", (entity,)) == []


PARTS = "a|Z|b |user|4111|1111 |138|1234|5678|GB82|WEST |::|2400|http://|ghp_|AKIA|电话|tel |fax|version |.com"
LONG_PARTS = "-----BEGIN RSA PRIVATE KEY-----|-----END RSA PRIVATE KEY-----|MIIEowIBAAKCAQEA|93.184.215.14"
SHARDS = st.sampled_from([*"0123456789 .-:/@+()_x\n\t，１＠－é–😀\u00a0", *PARTS.split("|"), *LONG_PARTS.split("|")])


@given(st.one_of(st.lists(SHARDS, max_size=60).map("".join), odd_text))
@settings(max_examples=1500, deadline=None)
def test_suspects_change_nothing(text: str) -> None:
    assert sweep_all(text) == spans_of(text)


def spans_of(text: str) -> list[tuple[int, int, int]]:
    batch = buffers(text)
    spans = find(batch)
    first = int(batch.offsets[0])
    rows = zip(spans.start.tolist(), spans.end.tolist(), spans.entity.tolist(), strict=True)
    return [(start - first, end - first, entity) for start, end, entity in rows]


def sweep_all(text: str) -> list[tuple[int, int, int]]:
    """The plain definition: the whole document folded by hand, one piece, swept."""
    folds = {wide(c): c for c in map(chr, range(0x21, 0x7F))} | dict.fromkeys("\u00a0\u2007\u2009\u202f", " ")
    folds |= dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-")
    folded = "".join(folds.get(c, c if " " <= c <= "~" else "\n") for c in text) + "\n"
    spots = [0]
    for c in text:
        spots.append(spots[-1] + len(c.encode()))
    raw = text.encode()

    def around(_: int, byte: int, n: int) -> bytes:
        return raw[max(0, byte + n) : byte] if n < 0 else raw[byte : byte + n]

    swept = look(folded.encode(), spots.__getitem__, around, frozenset(ENTITIES)).tolist()
    return list(zip(swept[::3], swept[1::3], swept[2::3], strict=True))


def test_suspects_change_nothing_in_real_text(data: Path) -> None:
    from pii_labelled import texts

    for corpus in ("en_web_text", "zh_javaguide"):
        for text in texts(data, corpus)[:150]:
            assert sweep_all(text) == spans_of(text)


@given(st.lists(st.one_of(SHARDS, st.sampled_from(PIECES)), max_size=60).map("".join))
@settings(max_examples=200, deadline=None)
def test_folding_is_that_of_unicode(text: str) -> None:
    import unicodedata

    for c, folded in ((c, fold_text(c.encode()).decode()) for c in text):
        if folded != c:
            plain = unicodedata.normalize("NFKC", c)
            assert folded == plain or (folded == "-" and unicodedata.category(c) in ("Pd", "Sm")), c
    assert suspects(buffers("ordinary words, however many there are of them")).folded == b""


@given(st.lists(st.tuples(odd_text, st.lists(st.sampled_from(["", "x", "，", "long " * 9]))), max_size=6))
@settings(max_examples=200, deadline=None)
def test_splice_equals_its_twin(rows: list[tuple[str, list[str]]]) -> None:
    """Replaces every second character, as far as there is something to put there."""
    batch = buffers(*(text for text, _ in rows))
    starts, ends, new, expected = [], [], [], []
    for number, (text, pieces) in enumerate(rows):
        at, made = int(batch.offsets[number]), ""
        for k, c in enumerate(text):
            if k % 2 and k // 2 < len(pieces):
                starts.append(at)
                ends.append(at + len(c.encode()))
                new.append(pieces[k // 2].encode())
                made += pieces[k // 2]
            else:
                made += c
            at += len(c.encode())
        expected.append(made)
    import numpy as np

    column = splice(batch, np.array(starts, np.int64), np.array(ends, np.int64), new)
    column.validate(full=True)
    assert column.to_pylist() == expected


HOSTILE = {
    "tokens": lambda n: f"-eyJ{'a' * 17}" * (n // 21) + f".eyJ{'a' * 17}.{'a' * 17}",
    "headers": lambda n: "-----BEGIN PRIVATE KEY----- -----END x " * (n // 39),
    "passwords": lambda n: "a.a.a.a.a.a://u" + ":p" * (n // 2) + "@h",
    "locals": lambda n: ("a." * 40 + "@x ") * (n // 83),
    "dotted": lambda n: "1." * (n // 2),
    "numbers": lambda n: "1234 5678 " * (n // 10),
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_time_is_linear_whatever_the_text(shape: str) -> None:
    """Four times the text takes about four times as long, and not sixteen."""
    small, large = (buffers(HOSTILE[shape](n)) for n in (50_000, 200_000))
    find(small)
    assert _seconds(large) < 9 * _seconds(small) + 0.1


def _seconds(text: TextBuffers) -> float:
    began = time.process_time()
    find(text)
    return time.process_time() - began


def test_no_more_is_accepted_than_check_digits_allow() -> None:
    """Of random numbers one in ten passes Luhn, one in eleven the check of an ID, one in 97 that of an IBAN."""
    rng = random.Random(0)
    digits = ["".join(rng.choices("0123456789", k=16)) for _ in range(20_000)]
    assert sum(checks.luhn(d.encode()) for d in digits) == pytest.approx(2000, rel=0.1)
    ids = [f"11010519491231{rng.randint(0, 9999):04}".encode() for _ in range(20_000)]
    assert sum(map(checks.chinese_id, ids)) == pytest.approx(20_000 / 11, rel=0.1)
    accounts = [b"DE89" + "".join(rng.choices("0123456789", k=18)).encode() for _ in range(20_000)]
    assert sum(map(checks.iban, accounts)) == pytest.approx(20_000 / 97, rel=0.3)


# ---------------------------------------------------------------- actions


def every_item(seed: int) -> str:
    rng = random.Random(seed)
    made = [setting(entity, make(rng)) for entity, makers in ITEMS.items() for make in makers]
    rng.shuffle(made)
    return "\n".join(
        f"{rng.choice(['见', 'see ', 'Tel: ', '（'])}{item}{rng.choice(['。', ', ', ' '])}" for item in made
    )


@pytest.mark.parametrize("action", ["replace", "mask", "remove", "hash"])
def test_redacting_twice_changes_nothing(action: Any) -> None:
    for seed in range(60):
        batch = buffers(every_item(seed), "x" * seed, every_item(seed + 1000))
        once, spans = redact(batch, dict.fromkeys(ENTITIES, action), KEY)
        assert once is not None
        assert len(spans.start) == 2 * sum(map(len, ITEMS.values()))
        assert set(spans.document.tolist()) == {0, 2}
        twice, left = redact(text_buffers(once), dict.fromkeys(ENTITIES, action), KEY)
        assert len(left.start) == 0, [once[int(d)] for d in left.document]
        assert twice is None


def test_what_is_put_in_place() -> None:
    text = "Mail Bob.Ray@mail.org，电话１３８－１２３４－５６７８，https://bob:hunter22@h.org/ 93.184.215.14"
    put = {action: str(redact(buffers(text), dict.fromkeys(ENTITIES, action), KEY)[0][0]) for action in ACTIONS}  # type: ignore[index]
    assert put["replace"] == "Mail <EMAIL>，电话<PHONE>，https://<CREDENTIALS>@h.org/ <IP_ADDRESS>"
    assert put["mask"] == "Mail ***.***@****.***，电话***－****－****，https://***:********@h.org/ **.***.***.**"
    assert put["remove"] == "Mail ，电话，https:// @h.org/ "
    assert re.fullmatch(
        r"Mail <EMAIL:[a-p]{16}>，电话<PHONE:[a-p]{16}>，https://<CREDENTIALS:[a-p]{16}>@h.org/ <IP_ADDRESS:[a-p]{16}>",
        put["hash"],
    )


ACTIONS: tuple[Any, ...] = ("replace", "mask", "remove", "hash")


def test_equal_values_have_equal_hashes_under_one_key() -> None:
    same = ["+86 138-1234-5678", "+8613812345678", "＋８６１３８１２３４５６７８"]
    assert len({actions.hashed("phone", value.encode(), KEY) for value in same}) == 1
    assert len({actions.hashed("phone", b"13812345678", key) for key in (KEY, KEY[::-1])}) == 2
    assert actions.hashed("email", b"A@B.de", KEY) == actions.hashed("email", b"a@b.de", KEY)
    assert actions.hashed("email", b"ab@b.de", KEY) != actions.hashed("email", b"a.b@b.de", KEY)
    assert actions.hashed("card", b"4111", KEY)[6:] != actions.hashed("phone", b"4111", KEY)[7:]


def stage(config: dict[str, Any]) -> Any:
    return parts("pii", config)[0].stage


def test_texts_without_a_match_are_not_copied() -> None:
    docs = documents({"text": ["nothing here", "这里没有", ""]})
    given = stage({}).columns(docs)
    assert given["text"].buffers()[2].address == docs["text"].buffers()[2].address
    assert [given[name].to_pylist() for name in given if name != "text"] == [[0, 0, 0]] * 10


def test_counts_are_of_the_entities_asked_for() -> None:
    docs = documents({"text": ["a@mail.org b@mail.org 13812345678", "4111111111111111"]})
    redact_pii = stage({"entities": ["email", "phone"], "actions": {"phone": "drop"}})
    given = Documents(docs.batch).with_columns(redact_pii.columns(docs))
    assert given["text"].to_pylist() == ["<EMAIL> <EMAIL> <PHONE>", "4111111111111111"]
    assert (given["pii.email"].to_pylist(), given["pii.phone"].to_pylist()) == ([2, 0], [1, 0])
    assert given["pii.matches"].to_pylist() == [1, 0], "only what has the action drop counts"
    assert redact_pii.tallies() == ("pii.email", "pii.phone")
    assert "pii.card" not in given


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"action": "hash"}, "action hash needs a key: give either key_file or key_variable"),
        ({"action": "hash", "key_file": "a", "key_variable": "B"}, "give either key_file or key_variable"),
        ({"action": "encrypt"}, "action"),
        ({"entities": ["mail"]}, "entities"),
        ({"entities": ["email"], "actions": {"phone": "mask"}}, "phone is not among the entities looked for"),
        ({"entities": []}, "name at least one"),
        ({"max_matches": -1}, "max_matches"),
    ],
)
def test_settings_that_cannot_be_meant(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parts("pii", config)


# ---------------------------------------------------------------- keys


def pipeline(folder: Path, **settings: Any) -> Path:
    (folder / "in").mkdir(exist_ok=True)
    write_jsonl(folder / "in/a.jsonl", [{"text": "Mail bob@mail.org", "id": "1"}])
    return write_pipeline(folder, [{"pii": {"action": "hash", **settings}}])


def test_a_key_that_is_missing_or_short_is_one_line_before_anything_runs(tmp_path: Path) -> None:
    file = tmp_path / "key"
    path = pipeline(tmp_path, key_file=str(file))
    assert error("run", path, code=2).startswith(f"key file {file}: No such file or directory; make one:")
    file.write_bytes(b"tooshort\n")
    assert error("run", path, code=2) == f"key file {file}: the key has 8 bytes; a key of action hash needs 32 or more"
    path = pipeline(tmp_path, key_variable="PII_KEY")
    assert error("plan", path, code=2).startswith("environment variable PII_KEY is not set")
    said = error("plan", path, code=2, PII_KEY="secret" * 5)
    assert said == "environment variable PII_KEY: the key has 30 bytes; a key of action hash needs 32 or more"
    assert not list((tmp_path / "out").glob("documents/*"))


def test_another_key_makes_results_stale_and_is_named_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataprep import plan as planning

    path = pipeline(tmp_path, key_variable="PII_KEY")
    plans = {}
    for key in ("k" * 32, "l" * 32, "k" * 32 + "\n"):
        monkeypatch.setenv("PII_KEY", key)
        plans[key] = make_plan(path)
        assert key.strip() not in str(planning.to_json(plans[key]))
    first, other, again = plans.values()
    assert first.fingerprint == again.fingerprint != other.fingerprint
    monkeypatch.setenv("PII_KEY", "m" * 32)
    with pytest.raises(UsageError, match="other packages, models, files, keys or stages"):
        planning.from_json(planning.to_json(first))


# ---------------------------------------------------------------- excerpts


def test_excerpts_mask_everything_and_more() -> None:
    rng = random.Random(1)
    for entity, makers in ITEMS.items():
        for make in makers:
            value = make(rng)
            shown = excerpt(f"Before {setting(entity, value)} after".encode(), whole=True)
            assert value.strip("-")[:12] not in shown, entity
            assert shown.startswith("Before ")
    assert excerpt(b"a\n\n b  c", whole=True) == "a b c"
    assert excerpt(b"order 12345678 of user@localhost", whole=True) == "order <number> of <address>"
    assert excerpt("字".encode() * 1000, whole=True) == "字" * 400


@pytest.mark.parametrize("blanks", [0, 100, WINDOW_BYTES - 700, WINDOW_BYTES - 20, WINDOW_BYTES - 5])
def test_excerpts_show_nothing_of_what_a_window_cuts_off(blanks: int) -> None:
    for value in ("jane.roe@mail.org", "+44 20 7946 0958", "https://bob:hunter22@h.org", PEM):
        whole = (" " * blanks + value + " and more" * 2000).encode()
        shown = excerpt(whole[:WINDOW_BYTES], whole=False)
        for fragment in ("jane", "roe", "7946", "hunter", "bob", "MIIE"):
            assert fragment not in shown


def test_one_text() -> None:
    assert redacted("Mail bob@mail.org") == "Mail <EMAIL>"
    assert redacted("nothing") == "nothing"
