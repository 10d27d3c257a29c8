"""Pretraining on token corpora with torch: the only part of dataprep that imports it.

settings    what a run is asked to do: one YAML file
model/      one ModelConfig, one causal transformer, published shapes by name
objective   hidden states to loss sums
optim/      optimisers, parameter groups, learning-rate schedules
parallel    one device or many: the only file that knows of DDP and FSDP
prepared    a run before its first step, everything checked
loop        the training loop, to be read from top to bottom
"""

from __future__ import annotations

from importlib.util import find_spec

from dataprep.errors import UsageError


def need_torch() -> None:
    """Raise UsageError, one line, where torch is not installed: machines that make data do not need it."""
    if find_spec("torch") is None:
        raise UsageError("training needs torch; type: pip install -c constraints.txt 'dataprep[train]'")
