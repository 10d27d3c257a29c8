"""The picture of training runs: loss, its sources, gradient norm, learning rate, throughput and MFU over tokens."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dataprep.errors import UsageError
from dataprep.report.training import Floats, Told, short, shown, summary
from dataprep.training.log import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which differ to colour-blind eyes too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_STYLES = ("-", "--", ":", "-.")
_SPIKE = "#C00000"
_INK = "#333333"
_HAN = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC", "SimHei")
_SMOOTH = 60
"""Points that a smoothed curve comes to: each is the mean over a window of so many-th of the run."""
_DRAWN = 1500
"""Steps from which a raw curve is drawn as the band from its lowest to its highest values."""


def picture(runs: Sequence[Told]) -> bytes:
    """A PNG of all runs together. Raises UsageError if matplotlib is not installed."""
    try:
        import matplotlib
        from matplotlib import font_manager
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise UsageError(f"a report needs matplotlib ({error}); type: pip install 'dataprep[train]'") from error
    known = set(font_manager.get_font_names())
    look: Any = {
        "font.family": ["DejaVu Sans", *(name for name in _HAN if name in known)],
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#888888",
        "axes.labelcolor": _INK,
        "text.color": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "axes.grid": True,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.7,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "axes.axisbelow": True,
    }
    with matplotlib.rc_context(look), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name in a script without a font here
        figure = Figure(figsize=(12.5, 11.0), layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.08))
        FigureCanvasAgg(figure)
        figure.suptitle(_title(runs), fontsize=12.5, fontweight="bold", x=0.012, ha="left")
        grid = figure.add_gridspec(3, 6, height_ratios=(1.35, 1.1, 0.9))
        loss = figure.add_subplot(grid[0, :])
        others = [figure.add_subplot(grid[1, :3], sharex=loss), figure.add_subplot(grid[1, 3:], sharex=loss)]
        others += [figure.add_subplot(grid[2, n : n + 2], sharex=loss) for n in (0, 2, 4)]
        _loss(loss, runs)
        _sources(others[0], runs)
        for axes, column, title in (
            (others[1], "grad_norm", "Gradient norm, before clipping"),
            (others[2], "learning_rate", "Learning rate"),
            (others[3], "tokens_per_second", "Tokens a second"),
            (others[4], "mfu", "MFU"),
        ):
            _column(axes, runs, column, title)
        _floor(others[3], runs, "tokens_per_second", short)
        _floor(others[4], runs, "mfu", lambda value: f"{value:.3g}%", 100)
        others[2].yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        for axes in (loss, *others):
            axes.xaxis.set_major_formatter(lambda value, _: short(value))
            axes.set_xlim(0, max(float(told.steps["seen"].max()) for told in runs) * 1.01)
            axes.set_xlabel("tokens trained on")
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=110, facecolor="white", metadata={"Software": None})
    return out.getvalue()


def _title(runs: Sequence[Told]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} runs" + (f": {', '.join(told.name for told in runs)}" if len(runs) < 5 else "")
    facts = summary(runs[0])
    of = f" of {facts['steps'] - 1:,}" if facts["steps"] else ""
    size, tokens = short(facts["parameters"]), short(facts["tokens"])
    return f"{facts['name']}   {size} parameters, step {facts['step']:,}{of}, {tokens} tokens"


# ---------------------------------------------------------------- panels


def _loss(axes: Axes, runs: Sequence[Told]) -> None:
    single = len(runs) == 1
    for n, told in enumerate(runs):
        colour = _COLOURS[n % len(_COLOURS)]
        _curve(axes, told, told.steps["loss"], colour, "training" if single else told.name)
        seen, loss = [v.seen for v in told.validations], [v.loss for v in told.validations]
        held_out = _COLOURS[1] if single else colour
        if seen:
            label = f"validation, {loss[-1]:.3f} at last" if single else f"{told.name}, validation: {loss[-1]:.3f}"
            axes.plot(seen, loss, "o--", color=held_out, markersize=4.5, linewidth=1.2, label=label, zorder=4)
    axes.set_title("Loss, nats a token")
    _plain_log(axes, [told.steps["loss"] for told in runs] + [np.array([v.loss for v in t.validations]) for t in runs])
    _events(axes, runs, "loss")
    axes.legend(loc="upper right", ncols=2 if len(axes.get_legend_handles_labels()[0]) > 4 else 1)


def _sources(axes: Axes, runs: Sequence[Told]) -> None:
    single = len(runs) == 1
    names = list(dict.fromkeys(name for told in runs for name in told.sources))
    for n, told in enumerate(runs):
        for m, name in enumerate(names):
            colour = _COLOURS[(m if single else n) % len(_COLOURS)]
            style = "-" if single else _STYLES[m % len(_STYLES)]
            if name in told.sources:
                x, y = told.steps["seen"][told.kept], told.sources[name][told.kept]
                axes.plot(
                    *_smoothed(x, y), color=colour, linestyle=style, linewidth=1.6,
                    label=name if single else f"{name}, {told.name}",
                )  # fmt: skip
            held = [(v.seen, v.sources[name]["loss"]) for v in told.validations if name in v.sources]
            axes.plot([x for x, _ in held], [y for _, y in held], "o", color=colour, markersize=3.5)
    axes.set_title("Loss by source: training (line), validation (dots)")
    ends = [values for told in runs for values in told.sources.values()]
    ends += [np.array([held["loss"] for held in v.sources.values()]) for told in runs for v in told.validations]
    _plain_log(axes, ends)
    columns = 1 + len(axes.get_legend_handles_labels()[0]) // 6
    axes.legend(loc="upper right", ncols=columns)


def _column(axes: Axes, runs: Sequence[Told], column: str, title: str) -> None:
    known = False
    for n, told in enumerate(runs):
        values = told.steps[column] * (100 if column == "mfu" else 1)
        if np.isfinite(values).any():
            known = True
            smooth = column != "learning_rate"
            _curve(
                axes, told, values, _COLOURS[n % len(_COLOURS)], told.name, smooth=smooth, undone=column == "grad_norm"
            )
    axes.set_title(title)
    if not known:
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color="#888888")
        axes.set_yticks([])
    elif column == "grad_norm":
        _plain_log(axes, [told.steps[column] for told in runs])
        _events(axes, runs, "grad_norm")
        clips = {told.run.settings.optimizer.clip for told in runs} - {None}
        for clip in clips:
            assert clip is not None
            axes.axhline(clip, color="#888888", linewidth=1, linestyle=":")
            axes.annotate(
                f"clipped to {clip:g}", (1, clip), xycoords=("axes fraction", "data"), xytext=(-2, 3),
                textcoords="offset points", ha="right", fontsize=8, color="#666666", annotation_clip=True, zorder=6,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )  # fmt: skip


def _floor(axes: Axes, runs: Sequence[Told], column: str, form: Any, scale: float = 1) -> None:
    """From nothing to a little above the highest that is no outlier; the median in words."""
    values = np.concatenate([told.steps[column] for told in runs])
    values = values[np.isfinite(values)] * scale
    if not len(values):
        return
    axes.set_ylim(0, float(np.quantile(values, 0.99)) * 1.2 or 1)
    axes.yaxis.set_major_formatter(lambda value, _: form(value))
    if len(runs) == 1:
        median = summary(runs[0])[column]
        axes.text(
            0.98, 0.05, f"median {form(median * scale)}" if median is not None else "", transform=axes.transAxes,
            ha="right", fontsize=9,
        )  # fmt: skip


# ---------------------------------------------------------------- parts of panels


def _curve(
    axes: Axes, told: Told, values: Floats, colour: str, label: str, *, smooth: bool = True, undone: bool = True
) -> None:
    """Raw values pale, smoothed ones strong; steps that were undone in grey."""
    x, kept = told.steps["seen"], told.kept
    if not smooth:
        axes.plot(x[kept], values[kept], color=colour, linewidth=1.6, label=label)
        return
    if kept.sum() <= _DRAWN:
        axes.plot(x[kept], values[kept], color=colour, linewidth=0.8, alpha=0.3)
    else:
        at, low, high = _band(x[kept], values[kept])
        axes.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(*_smoothed(x[kept], values[kept]), color=colour, linewidth=1.8, label=label, zorder=3)
    for part in _parts(~kept, x) if undone else ():
        axes.plot(x[part], values[part], color="#999999", linewidth=0.9, linestyle="-", zorder=2)


def _parts(chosen: npt.NDArray[np.bool_], x: Floats) -> list[npt.NDArray[np.int64]]:
    """Places of true, in stretches: a new one begins after a gap and where x goes back, as it does after a spike."""
    at = np.flatnonzero(chosen)
    return np.split(at, np.flatnonzero((np.diff(at) > 1) | (np.diff(x[at]) <= 0)) + 1) if len(at) else []


def _smoothed(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The mean over a window around each point; narrower at the ends, so that nothing is shifted."""
    known = np.isfinite(y)
    x, y = x[known], y[known]
    half = max(1, len(y) // _SMOOTH) if len(y) > 20 else 0
    total = np.concatenate([[0.0], np.cumsum(y)])
    at = np.arange(len(y))
    # A window of a single step would show its noise as the end of the curve: a quarter of it always stays.
    reach = np.maximum(np.minimum(half, np.minimum(at, len(y) - 1 - at)), half // 4)
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(y))
    return x, (total[high] - total[low]) / (high - low)


def _band(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Lowest and highest of stretches of steps."""
    each = -(-len(x) // (_DRAWN // 3))
    cuts = np.arange(0, len(x), each)
    known = np.where(np.isfinite(y), y, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a stretch without any
        low = np.array([np.nanmin(known[c : c + each]) for c in cuts])
        high = np.array([np.nanmax(known[c : c + each]) for c in cuts])
    return x[cuts], low, high


def _plain_log(axes: Axes, curves: Sequence[Floats]) -> None:
    """A logarithmic axis with plain numbers, cut where single outliers begin."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    values = np.concatenate([np.asarray(curve, np.float64) for curve in curves])
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return
    low, high = float(values.min()), float(np.quantile(values, 0.999)) if len(values) > 2000 else float(values.max())
    axes.set_yscale("log")
    axes.set_ylim(low / 1.06, max(high, low * 1.05) * 1.06)
    if high / low < 40:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")


def _events(axes: Axes, runs: Sequence[Told], column: str) -> None:
    """Spikes and what they led back to; where runs were started again."""
    said = set[str]()

    def once(label: str) -> str | None:
        new = label not in said
        said.add(label)
        return label if new else None

    low, high = axes.get_ylim()
    for told in runs:
        for start in told.starts:
            if start["step"]:
                axes.axvline(
                    start["seen"], color="#888888", linewidth=0.9, linestyle=":", label=once("started again"), zorder=1
                )
        for spike in told.spikes:
            value = spike.get(column)
            value = high if value is None or not math.isfinite(value) else value
            axes.axvline(spike["seen"], color=_SPIKE, linewidth=0.7, alpha=0.35, zorder=1)
            axes.plot(
                [spike["seen"]], [min(max(value, low), high / 1.02)], "v", color=_SPIKE, markersize=7,
                label=once("spike, rolled back"), zorder=5, clip_on=False,
            )  # fmt: skip
        if (~told.kept).any() and column == "loss":
            axes.plot([], [], color="#999999", linewidth=0.9, label=once("undone steps"))
    if column == "loss" and len(runs) == 1:
        facts = summary(runs[0])
        took = duration(3600 * facts["hours"])
        text = f"{facts['device'] or 'device not known'}, {shown(facts['tokens_per_second'], ',.0f')} tokens/s, {took}"
        axes.text(0.012, 0.05, text, transform=axes.transAxes, fontsize=9, color="#666666")
