"""RedPajama-v2's own code on given texts: run by the Python of a peer's environment, see `bench_cleanup.py`.

    python redpajama_peer.py CODE TEXTS STOPS BAD

CODE is `app/src` of a checkout of togethercomputer/RedPajama-Data; TEXTS is JSON Lines of strings; STOPS and BAD are
lists of English words, one a line. For each line "run" on standard input it goes over all texts and prints one line:
{"cpu": seconds, "signals": [{name: value, ...}, ...]}; signals of lines are means over the lines.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    code, texts, stops, bad = map(Path, sys.argv[1:5])
    sys.path.insert(0, str(code))
    sys.modules.update(dict.fromkeys(("fasttext",), type(sys)("fasttext")))  # only its models need it
    from core.document import Document
    from core.quality_signals import content, lines, natural_language, repetitions
    from core.quality_signals.utils import stop_words

    listed = set(stops.read_text("utf-8").split("\n"))
    stop_words.stop_words["en"] = listed
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "en.txt").write_text(bad.read_text("utf-8"), "utf-8")
        Path(folder, "domain_to_category_id.json").write_text("{}")
        calls = [
            *content.register_content_callables("en", folder, folder),
            *lines.register_lines_callables(),
            *natural_language.register_natural_language_callables(),
            *repetitions.register_repetitions_callables(),
        ]
    calls = [call for call in calls if call.field_name != "rps_doc_ut1_blacklist"]
    given = [json.loads(line) for line in texts.read_text("utf-8").split("\n") if line]
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        found: list[dict[str, Any]] = []
        for text in given:
            document = Document(text, domain=None)
            found.append({call.field_name: call(document) for call in calls})
        cpu = time.process_time() - began
        print(json.dumps({"cpu": cpu, "signals": [_values(signals) for signals in found]}), flush=True)


def _values(signals: dict[str, list[list[Any]]]) -> dict[str, float | None]:
    means = {}
    for name, scores in signals.items():
        values = [score for _, _, score in scores]
        means[name] = None if not values or values[0] is None else sum(values) / len(values)
    return means


if __name__ == "__main__":
    main()
