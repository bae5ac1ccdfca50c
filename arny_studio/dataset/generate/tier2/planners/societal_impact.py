"""Societal impact: what it does to people, institutions and daily life."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="societal_impact",
    fits=frozenset({"impact", "ethics", "application", "figure", "example"}),
    layouts=(
        (
            Paragraph((two("impact"),), lead="opening"),
            Paragraph((one("application", "figure", "example"),), lead="daily"),
            Paragraph((one_or_two("ethics"),), lead="balance", end="closing"),
        ),
        (
            Paragraph((one("application", "example"), one("impact"), maybe("figure")), lead="opening"),
            Paragraph((one("impact"), one("ethics")), lead="balance", end="closing"),
        ),
        (
            Paragraph((one("impact"), one("application", "figure", "example"), one("impact")), lead="opening"),
            Paragraph((one_or_two("ethics"),), lead="balance", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "{Topic} reaches far into society.",
            "The effect of {topic} on society is easy to underestimate.",
            "{Topic} affects people well beyond {audience}.",
            "Society feels {topic} in many ways, because {why}.",
            "What {topic} means for society comes down to {stake}.",
            "The social side of {topic} deserves as much attention as the subject itself.",
            "Few people think about {topic} every day, yet it touches their lives.",
            "The traces of {topic} in public life are plain to see.",
        ),
        "daily": (
            "Daily life shows the effect as well.",
            "The change is visible in ordinary settings.",
            "This goes beyond general trends.",
            "Examples make the influence of {topic} clearer.",
            "For {audience}, this is already part of the job.",
        ),
        "balance": (
            "The effects are not the same for everyone.",
            "Benefits and burdens are not spread evenly.",
            "With influence come difficult questions.",
            "Society has to decide how to deal with {stake}.",
            "There is another side to the influence of {topic}.",
            "Such changes call for public debate.",
            "The gains have to be weighed against other concerns.",
        ),
        "closing": (
            "On balance, the influence of {topic} on society depends on how people choose to deal with it.",
            "The lasting effect of {topic} will show in {stake}.",
            "That is why {topic} is a matter for everyone and not only for {audience}.",
            "A society that understands {topic} can make better choices about it.",
            "How fairly these effects are shared remains the central question.",
            "Its influence will last, because {why}.",
            "In this way {topic} has become part of the larger question of {stake}.",
        ),
    },
    questions=(
        "What is the societal impact of {name}?",
        "How does {name} affect society?",
        "What impact does {name} have on people?",
        "How is {name} changing society?",
        "Describe the social effects of {name}.",
        "What does {name} mean for society?",
        "In what ways does {name} influence everyday life?",
        "Explain the impact of {name} on society.",
        "Who is affected by {name}, and how?",
        "What are the social consequences of {name}?",
        "Why does {name} matter to society?",
        "Discuss how {name} shapes the way we live.",
        "What role does {name} play in society?",
        "How does {name} affect communities and the economy?",
        "Tell me about the effect of {name} on our lives.",
    ),
    held_out_questions=(
        "What difference does {name} make to ordinary people?",
        "How deeply has {name} changed the world around us?",
        "Which marks does {name} leave on society?",
        "Does {name} change how people live together?",
    ),
)
