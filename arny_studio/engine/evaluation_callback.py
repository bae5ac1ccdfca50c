"""What is found out during a training, and what follows from it: answers to held-out prompts, the best adapter kept,
and the end of a run that gets no better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from arny_studio.contract import Contract
from arny_studio.engine import ranks
from arny_studio.engine.best_adapter import BestAdapter
from arny_studio.engine.held_out_scoring import Prompt, judged, metric_of, shown_answers
from arny_studio.engine.rendering import Renderer
from arny_studio.engine.training_answers import answers_of
from arny_studio.engine.training_callbacks import AskedToStop, Emit
from arny_studio.jobs.events import Log, Metric, Result
from arny_studio.recipe import TrainRecipe


class EvaluationCallback(TrainerCallback):
    """Answers the held-out prompts every `answer_steps` steps and watches the recipe's figure.

    `model` gives the model to ask, `save` writes its adapter into a folder. `ended_early` holds the sentence that says
    why the run was ended before its last step, if it was.
    """

    def __init__(
        self,
        recipe: TrainRecipe,
        *,
        prompts: Sequence[Prompt],
        contract: Contract,
        renderer: Renderer,
        folder: Path,
        emit: Emit,
        asked: AskedToStop,
        resumed_step: int,
    ) -> None:
        self._recipe = recipe
        self._prompts = prompts
        self._contract = contract
        self._renderer = renderer
        self._emit = emit
        self._asked = asked
        self._answered_step = -1
        self.model: Callable[[], Any] = lambda: None
        self.save: Callable[[Path], None] = lambda _: None
        self.ended_early = ""
        self.best = (
            BestAdapter(folder, recipe.keep_best_by, patience=recipe.early_stopping, resumed_step=resumed_step)
            if recipe.keep_best_by and ranks.is_first()
            else None
        )
        self._say_best()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Answer where it is time to, unless the run is about to end anyway."""
        every = self._recipe.answer_steps
        if every and state.global_step % every == 0 and not control.should_training_stop:
            self.answer(state)
            self._end_if_waited_enough(state, control)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """A validation loss is known."""
        if self._recipe.keep_best_by == "validation_loss" and metrics and "eval_loss" in metrics:
            self._judge(state.global_step, metrics["eval_loss"])
            self._end_if_waited_enough(state, control)

    def answer(self, state: TrainerState) -> None:
        """One round of answers, unless this step had one. A wish to stop leaves it out."""
        if not self._prompts or self._answered_step == state.global_step or not ranks.is_first():
            return
        texts = answers_of(
            self.model(), self._renderer, self._prompts, max_tokens=self._recipe.answer_tokens, asked=self._asked
        )
        if texts is None:
            return
        self._answered_step = state.global_step
        answers = [judged(prompt, text) for prompt, text in zip(self._prompts, texts, strict=True)]
        metric = metric_of(self._prompts, answers, self._contract, step=state.global_step, epoch=state.epoch or 0.0)
        self._emit(metric)
        self._emit(shown_answers(answers, step=state.global_step, seed=self._recipe.seed))
        self._judge_answers(metric)

    def _judge_answers(self, metric: Metric) -> None:
        watched = self._recipe.keep_best_by
        value = None if watched in ("", "validation_loss") else getattr(metric, watched)
        if value is not None:
            self._judge(metric.step, value)

    def _judge(self, step: int, value: float) -> None:
        if self.best is not None and self.best.judge(step, value, self.save):
            self._say_best()

    def _say_best(self) -> None:
        if self.best is not None and self.best.kept is not None:
            score = self.best.kept[0]
            self._emit(Result(name="best", values={"metric": score.metric, "step": score.step, "value": score.value}))

    def _end_if_waited_enough(self, state: TrainerState, control: TrainerControl) -> None:
        if not self._recipe.early_stopping:
            return
        has_waited = self.best is not None and self.best.has_waited_enough
        if not ranks.told_by_first(int(has_waited)):
            return
        if self.best is not None and self.best.kept is not None:
            score = self.best.kept[0]
            self.ended_early = (
                f"{self._recipe.early_stopping} evaluations brought no better {score.metric.replace('_', ' ')} than "
                f"{score.value:.4g} at step {score.step}"
            )
            self._emit(Log(text=f"Ended at step {state.global_step}: {self.ended_early}."))
        control.should_training_stop = control.should_log = control.should_save = True
