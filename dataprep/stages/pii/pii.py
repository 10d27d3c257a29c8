"""Redact personal data: e-mail, phones, IP addresses, cards, accounts, IDs, credentials and keys."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from dataprep.pii.shapes import ENTITIES, Entity
from dataprep.stage import Composite, Count, Example, Part

Choice = Literal["replace", "mask", "remove", "hash", "drop"]


class Pii(Composite):
    """Redact personal data: what has a check digit, a public range or a shape of its own. Names are not looked for.

    | entity | what it is | placeholder |
    |---|---|---|
    | `email` | addresses with a host name in ASCII; not of `example.com`, `git@host`, `xxxx@host`, or the user of a URL | `<EMAIL>` |
    | `phone` | `+` and country code; North American; Chinese mobiles, and landlines with area code; other groupings of 7 to 15 digits only beside a word like `tel`, `call`, `电话` | `<PHONE>` |
    | `ip` | public IPv4 and IPv6; not private, loopback, link-local or documentation ranges, nor version numbers | `<IP_ADDRESS>` |
    | `card` | payment cards: known issuer, or beside a word like `card`, `卡号`, and a right Luhn digit | `<CARD>` |
    | `cn_id` | Chinese resident IDs: province, date of birth and check character | `<CN_ID>` |
    | `iban` | account numbers of a known country with right check digits | `<IBAN>` |
    | `credentials` | `user:password` in a URL, unless the password only stands for one | `<CREDENTIALS>` |
    | `api_key` | keys whose prefix says whose they are (AWS, GitHub, OpenAI, Alibaba Cloud...), JSON Web Tokens | `<API_KEY>` |
    | `private_key` | PEM and PGP private key blocks | `<PRIVATE_KEY>` |

    Full-width digits and letters count as their ASCII forms, and digits beside Han characters as numbers of their own,
    so Chinese needs no spaces around them. An address whose parts have fewer than six digits in all reads as a version
    or section number and is left, as are the sizes among Chinese mobiles: 17179869184 is 16 GiB.

    What is found in several ways is what begins first, then what is longest. Redacting twice changes nothing more.
    Only `text` is looked at: remove `url` or `metadata` with `drop_columns` if they can hold personal data. What a run
    found is in the manifest, by entity, language and source.
    """  # noqa: E501

    action: Choice = "replace"
    """`replace` puts a placeholder; `mask` a star for each letter and digit, with nothing revealed; `remove` nothing;
    `hash` a placeholder with 64 bits of HMAC-SHA256, so that equal values stay equal: `<EMAIL:ponmlkjihgfedcba>`;
    `drop` drops documents with more than `max_matches`, and puts placeholders in others."""
    actions: dict[Entity, Choice] = {}  # noqa: RUF012
    """Other actions for some entities: `{phone: mask, private_key: drop}`."""
    entities: tuple[Entity, ...] = ENTITIES
    """What to look for."""
    max_matches: Count | None = None
    """Most matches of a document kept, all entities together; where some have the action `drop`, these alone count, and
    the default is 0."""
    key_file: str | None = None
    """File with the key of action `hash`: 32 bytes or more, kept secret. Without a key a hash would hide nothing: there
    are only 10^10 phone numbers to try. It is in no output; hashes of another key make earlier results stale."""
    key_variable: str | None = None
    """Environment variable with the key of action `hash`, instead of `key_file`; workers need it too."""
    keep_counts: bool = True
    """Keep the counts as columns, `pii.email`, `pii.matches`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "Write to jane.roe@mail.org or 415-555-0132.",
                    "请联系李雷，电话１３８－１２３４－５６７８，邮箱：lilei＠mail.cn。",
                    "The server at 93.184.215.14 runs version 10.20.30.40 and talks to 10.0.0.7.",
                    "Card 4111 1111 1111 1111, not 4111 1111 1111 1112.",
                    "身份证号：11010519491231002X，IBAN GB82 WEST 1234 5698 7654 32",
                    "git clone https://bob:hunter22@git.mail.org/x.git",
                ]
            },
            {
                "text": [
                    "Write to <EMAIL> or <PHONE>.",
                    "请联系李雷，电话<PHONE>，邮箱：<EMAIL>。",
                    "The server at <IP_ADDRESS> runs version 10.20.30.40 and talks to 10.0.0.7.",
                    "Card <CARD>, not 4111 1111 1111 1112.",
                    "身份证号：<CN_ID>，IBAN <IBAN>",
                    "git clone https://<CREDENTIALS>@git.mail.org/x.git",
                ],
                "pii.matches": [2, 2, 1, 1, 2, 1],
            },
        ),
        Example(
            {"action": "drop", "entities": ["email"], "max_matches": 1},
            {"text": ["a@mail.org", "a@mail.org, b@mail.org", "电话 13812345678，13812345679"]},
            [None, "too_many_matches", None],
        ),
    )

    @model_validator(mode="after")
    def _actions_are_of_entities(self) -> Pii:
        for entity in self.actions:
            if entity not in self.entities:
                raise ValueError(f"actions: {entity} is not among the entities looked for")
        if not self.entities:
            raise ValueError("entities: name at least one")
        return self

    def expand(self, label: str) -> list[Part]:
        chosen = {entity: self.actions.get(entity, self.action) for entity in ENTITIES if entity in self.entities}
        dropping = [entity for entity, action in chosen.items() if action == "drop"]
        bound = 0 if dropping and self.max_matches is None else self.max_matches
        settings: dict[str, Any] = {
            "prefix": label,
            "actions": {entity: "replace" if action == "drop" else action for entity, action in chosen.items()},
            "counted": dropping or list(chosen),
            "key_file": self.key_file,
            "key_variable": self.key_variable,
        }
        parts = [Part("redact_pii", settings)]
        if bound is not None:
            rule = {"column": f"{label}.matches", "max": bound, "reason": "too_many_matches"}
            parts.append(Part("thresholds", {"rules": [rule]}))
        if not self.keep_counts:
            names = [f"{label}.{name}" for name in ("matches", *chosen)]
            parts.append(Part("drop_columns", {"names": names}))
        return parts
