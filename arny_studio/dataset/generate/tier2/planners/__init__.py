"""The ten planners, one per question type."""

from arny_studio.dataset.generate.tier2.plan import Planner, QuestionType
from arny_studio.dataset.generate.tier2.planners import (
    application,
    challenges,
    comparison,
    ethical_considerations,
    explanation,
    future_predictions,
    history,
    limitations,
    societal_impact,
    technical_deep_dive,
)

PLANNERS: dict[QuestionType, Planner] = {
    module.PLANNER.question_type: module.PLANNER
    for module in (
        explanation,
        comparison,
        application,
        history,
        challenges,
        future_predictions,
        societal_impact,
        technical_deep_dive,
        ethical_considerations,
        limitations,
    )
}
