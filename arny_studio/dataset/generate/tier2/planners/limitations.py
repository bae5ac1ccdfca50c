"""Limitations: where it stops, why, and what remains better done otherwise."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="limitations",
    fits=frozenset({"limit", "challenge", "comparison", "mechanism", "figure"}),
    layouts=(
        (
            Paragraph((two("limit"),), lead="opening"),
            Paragraph((one("mechanism"),), lead="cause"),
            Paragraph((one("challenge"), maybe("comparison")), lead="beyond", end="closing"),
        ),
        (
            Paragraph((one("limit"), one("challenge")), lead="opening"),
            Paragraph((one("limit"), one_or_two("comparison")), lead="beyond", end="closing"),
        ),
        (
            Paragraph((two("limit"),), lead="opening"),
            Paragraph((two("challenge"), maybe("figure")), lead="beyond", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "{Practice} has clear limits.",
            "Like every subject, {practice} has its limits.",
            "The limitations of {practice} follow from {core}.",
            "It is just as important to know what {practice} cannot offer.",
            "Claims about {practice} should be read with its limits in mind.",
            "An honest account of {practice} includes what it leaves open.",
            "There are bounds to {practice} that enthusiasm tends to hide.",
            "Where {practice} ends is as telling as where it begins.",
        ),
        "cause": (
            "The cause lies in how things work.",
            "These limits have a reason.",
            "A look at the mechanism of {practice} explains why.",
            "Such bounds follow from {core}.",
            "The principle behind {practice} makes this plain.",
        ),
        "beyond": (
            "Other limits are of a practical kind.",
            "In practice, more stands in the way.",
            "Beyond that, {audience} meet further restrictions.",
            "Several of these limits become visible only in use.",
            "The picture is not complete without the practical side.",
            "Some restrictions may shrink with time, others will stay.",
        ),
        "closing": (
            "Knowing these limits makes the use of {practice} more sensible, not less.",
            "Limits of this kind are no verdict on {practice}, but they do set expectations.",
            "The fair conclusion is that {practice} helps with some things and leaves others untouched.",
            "Whoever cares about {stake} should keep these limits in view.",
            "For {audience}, the limits are part of the working knowledge.",
            "Some of these bounds may move, but {core} will stay the starting point.",
            "For all its limits, the subject of {topic} stays important, because {why}.",
        ),
    },
    questions=(
        "What are the limitations of {practice_name}?",
        "What are the limits of {practice_name}?",
        "What can {practice_name} not do?",
        "Where does {practice_name} reach its limits?",
        "What are the drawbacks of {practice_name}?",
        "Describe the weaknesses of {practice_name}.",
        "Explain the main limitations of {practice_name}.",
        "What are the downsides of {practice_name}?",
        "Which limits does {practice_name} have?",
        "Why is {practice_name} limited?",
        "What should I know about the shortcomings of {practice_name}?",
        "Discuss the limitations of {practice_name}.",
        "What does {practice_name} leave unanswered?",
        "In which situations does {practice_name} fall short?",
        "Is {practice_name} overhyped, and what are its limits?",
    ),
    held_out_questions=(
        "Where does the usefulness of {practice_name} end?",
        "What are the blind spots of {practice_name}?",
        "Be critical: what is missing in {practice_name}?",
        "Which boundaries does {practice_name} run up against?",
    ),
)
