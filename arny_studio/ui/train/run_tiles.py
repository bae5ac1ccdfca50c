"""The figures of a run at a glance."""

from __future__ import annotations

from arny_studio.jobs.state import RunState
from arny_studio.ui.runs.tile_grid import TileGrid
from arny_studio.ui.widgets.stat_tile import StatTile
from arny_studio.ui.wording import bytes_in_words, percent_in_words, seconds_in_words

_NAMES = {
    "step": "Step", "loss": "Loss", "answers": "Held-out answers", "speed": "Tokens / s", "time": "Elapsed",
    "memory": "Memory",
}  # fmt: skip
_SPARED = ("speed", "memory")  # these stand beside their curves as well
_ANSWER_FIGURES = (("json_valid", "JSON"), ("word_overlap", "words shared"), ("field_agreement", "fields"))


class RunTiles(TileGrid):
    """One tile per figure; that of the held-out answers only where there are any."""

    def __init__(self) -> None:
        self.tiles = {name: StatTile(title) for name, title in _NAMES.items()}
        super().__init__(*self.tiles.values())
        self._is_low = self._has_answers = False
        self._steps: int | None = None  # how many there will be; a later stage's progress counts something else

    def __getitem__(self, name: str) -> StatTile:
        return self.tiles[name]

    def set_low(self, is_low: bool) -> None:
        """Take less room where the window is low."""
        self._is_low = is_low
        self._show_tiles()

    def forget(self) -> None:
        """Another run is coming."""
        self._steps = None

    def show_state(self, state: RunState) -> None:
        """Show the newest figures."""
        self._show_steps(state)
        last = state.curve.last
        validation, rate = last("validation_loss"), last("learning_rate")
        note = "no validation yet" if validation is None else f"validation {validation:.4g}"
        if _best_metric(state) == "validation_loss":
            note = _best_in_words(state)
        self.tiles["loss"].show_figure(_figure(last("loss"), ".4g"), note)
        self.tiles["speed"].show_figure(_figure(last("tokens_per_s"), ",.0f"), f"learning rate {_figure(rate, '.3g')}")
        self._show_time(state)
        self._show_memory(state)
        self._show_answers(state)

    def _show_steps(self, state: RunState) -> None:
        if state.progress is not None and state.progress.unit == "steps":
            self._steps = state.progress.total or self._steps
        of = f" / {self._steps:,}" if self._steps and state.is_running else ""
        epoch = state.curve.last("epoch")
        self.tiles["step"].show_figure(f"{state.step:,}{of}", f"epoch {epoch:.2f}" if epoch else "not begun")

    def _show_time(self, state: RunState) -> None:
        is_counted = state.progress is not None and state.progress.unit == "steps" and state.is_running
        left = state.remaining_s if is_counted else None
        note = f"{seconds_in_words(left)} left" if left is not None else "in all" if state.outcome else "since it began"
        self.tiles["time"].show_figure(seconds_in_words(state.elapsed_s), note)

    def _show_memory(self, state: RunState) -> None:
        now = state.memory.rss_bytes if state.memory is not None else state.peak_rss_bytes
        gpu = state.memory.gpu_bytes if state.memory is not None else None
        note = f"GPU {bytes_in_words(gpu)}" if gpu else f"peak {bytes_in_words(state.peak_rss_bytes)}"
        self.tiles["memory"].show_figure(bytes_in_words(now) if now else "–", note if now else "")

    def _show_answers(self, state: RunState) -> None:
        known = [(value, name) for key, name in _ANSWER_FIGURES if (value := state.curve.last(key)) is not None]
        self._has_answers = bool(known)
        self._show_tiles()
        if known:
            note = "  ·  ".join([known[0][1], *(f"{percent_in_words(value)} {name}" for value, name in known[1:])])
            if _best_metric(state) not in ("", "validation_loss"):
                note = _best_in_words(state)
            self.tiles["answers"].show_figure(percent_in_words(known[0][0]), note)

    def _show_tiles(self) -> None:
        hidden = {*(_SPARED if self._is_low else ()), *(() if self._has_answers else ("answers",))}
        self.show_only([tile for name, tile in self.tiles.items() if name not in hidden])


def _best_metric(state: RunState) -> str:
    """The figure by which the best adapter is kept; empty where none is, or none has come yet."""
    return str(state.results.get("best", {}).get("metric", ""))


def _best_in_words(state: RunState) -> str:
    best = state.results["best"]
    value = f"{best['value']:.4g}" if best["metric"] == "validation_loss" else percent_in_words(best["value"])
    return f"best {value} at step {best['step']:,}"


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
