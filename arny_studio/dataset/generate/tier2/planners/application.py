"""Application: where it is used, with a concrete case and what comes of it."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="application",
    fits=frozenset({"application", "example", "impact", "definition", "challenge"}),
    layouts=(
        (
            Paragraph((two("application"),), lead="opening"),
            Paragraph((one("example", "impact"), one("impact")), lead="case"),
            Paragraph((maybe("challenge"),), lead="outlook", end="closing"),
        ),
        (
            Paragraph((one("definition"), one("application")), lead="opening"),
            Paragraph((one("application"), one_or_two("impact", "example")), lead="case", end="closing"),
        ),
        (
            Paragraph((one("application"), one("example", "impact")), lead="opening"),
            Paragraph((one("application"),), lead="case"),
            Paragraph((one("impact", "challenge"), maybe("impact")), lead="outlook", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "{Topic} calls for practical answers, because {why}.",
            "The uses of {practice} grow out of {core}.",
            "In the real world, {practice} shows up in more places than most people expect.",
            "For {audience}, {practice} is a working tool and not an abstract idea.",
            "The practical side of {practice} is best seen through its uses.",
            "{Practice} pays off in very concrete settings.",
            "Practical uses of {practice} all draw on {core}.",
            "There are good examples of {practice} at work.",
        ),
        "case": (
            "A closer look shows how far this reaches.",
            "The benefits become visible in everyday settings.",
            "Concrete cases say more than general claims.",
            "Other uses follow the same pattern.",
            "That is only part of the picture of {practice} in use.",
            "The value of {practice} also shows elsewhere.",
            "Beyond the obvious cases, {audience} find further uses.",
        ),
        "outlook": (
            "Putting {practice} into practice takes care.",
            "Success in the field also depends on {stake}.",
            "What this means for {audience} is worth spelling out.",
            "The step from idea to daily use brings consequences of its own.",
            "Results on the ground tell the rest of the story.",
            "It is worth looking at what follows from these uses.",
        ),
        "closing": (
            "Taken together, these uses show why {practice} has a firm place in practice.",
            "What the uses of {practice} have in common is {core}.",
            "The practical value of {practice} is plain to {audience}.",
            "The best uses of {practice} keep an eye on {stake}.",
            "For {audience}, the question is no longer whether to use {practice} but how.",
            "Each of these cases rests on the same foundation, {core}.",
            "Further uses of {practice} are likely to follow the same lines.",
        ),
    },
    questions=(
        "What are the applications of {practice_name}?",
        "How is {practice_name} used in practice?",
        "Where is {practice_name} used?",
        "What are some real-world uses of {practice_name}?",
        "Give me practical examples of {practice_name}.",
        "What can {practice_name} be used for?",
        "How do people apply {practice_name} today?",
        "Describe the main applications of {practice_name}.",
        "What is {practice_name} good for?",
        "Which practical uses does {practice_name} have?",
        "How can {practice_name} be applied in the real world?",
        "Tell me how {practice_name} is used in everyday life.",
        "Who uses {practice_name} and for what?",
        "Explain the practical applications of {practice_name}.",
        "List and explain the main uses of {practice_name}.",
        "What problems does knowledge of {practice_name} help to solve?",
    ),
    held_out_questions=(
        "In which areas does {practice_name} pay off in practice?",
        "Show me what {practice_name} looks like at work.",
        "What do people actually do with {practice_name}?",
        "Name some practical cases where {practice_name} makes a difference.",
    ),
)
