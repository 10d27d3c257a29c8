"""Others read what we write: datatrove's own reader on an exported corpus, every window and every document's end.

Its reader needs torch, so it has an environment of its own, which takes more than a minute to install.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_sampler import real
from machine import keep, machine, one_core
from peers import ENVIRONMENT, python

from dataprep.corpus.export import export
from dataprep.corpus.stream import Stream
from dataprep.corpus.tokens import open_tokens

LENGTH = 2048
PACKAGES = ("datatrove==0.10.1", "numpy", "tokenizers==0.23.3", "torch==2.13.0")
READ = """
import sys, time
import numpy as np
from datatrove.utils.dataset import DatatroveFileDataset
path, length, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
began = time.perf_counter()
windows = DatatroveFileDataset(path, length, token_size=2, return_positions=True)
tokens, positions = [], []
for n in range(len(windows)):
    item = windows[n]
    tokens.append(item["input_ids"].numpy())
    positions.append(item["positions"].numpy())
taken = time.perf_counter() - began
np.savez(out, tokens=np.array(tokens), positions=np.array(positions), seconds=taken)
"""


def main() -> None:
    one_core()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["DATAPREP_HOME"] = str(folder / "home")
        real(folder / "web", 2, 5_000_000)
        began = time.perf_counter()
        export(str(folder / "web"), "datatrove", str(folder / "out"))
        exported = time.perf_counter() - began
        command = [str(python("datatrove-reader", PACKAGES)), "-c", READ]
        arguments = [str(folder / "out" / "train.ds"), str(LENGTH), str(folder / "read.npz")]
        subprocess.run([*command, *arguments], check=True, env=ENVIRONMENT)
        read = np.load(folder / "read.npz")
        stream = Stream(open_tokens(str(folder / "web")))
        flat = np.empty(stream.tokens, np.int32)
        stream.read(0, flat)
        windows = len(flat) // (LENGTH + 1)
        whole = flat[: windows * (LENGTH + 1)].reshape(windows, LENGTH + 1)
        assert (read["tokens"] == whole).all(), "datatrove reads other tokens than we wrote"
        # A window's first document counts from 0 there, wherever it began.
        begins = np.zeros(len(flat), np.bool_)
        begins[stream.starts_within(0, stream.tokens)] = True
        begins = begins[: whole.size].reshape(whole.shape)
        begins[:, 0] = True
        place = np.arange(LENGTH + 1)
        expected = place - np.maximum.accumulate(np.where(begins, place, 0), axis=1)
        assert (read["positions"] == expected).all(), "datatrove finds other documents than we wrote"
        rate = windows * LENGTH / float(read["seconds"])
        print(f"datatrove {PACKAGES[0][11:]} read {windows:,} windows as they were written, in order, at "
              f"{rate / 1e6:.1f} M tokens/s")  # fmt: skip
        keep("interchange", {"windows": windows, "export_s": exported, "datatrove_tokens_per_s": rate})


if __name__ == "__main__":
    main()
