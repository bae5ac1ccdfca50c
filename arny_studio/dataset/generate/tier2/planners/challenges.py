"""Challenges: what makes it hard, and what that leads to."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="challenges",
    fits=frozenset({"challenge", "limit", "ethics", "figure"}),
    layouts=(
        (
            Paragraph((two("challenge"),), lead="opening"),
            Paragraph((one_or_two("limit"), one("ethics", "figure")), lead="more", end="closing"),
        ),
        (
            Paragraph((one("challenge"), one("limit")), lead="opening"),
            Paragraph((one("challenge"), maybe("figure")), lead="more"),
            Paragraph((one_or_two("ethics"),), lead="people", end="closing"),
        ),
        (
            Paragraph((two("challenge"), maybe("limit")), lead="opening"),
            Paragraph((two("ethics"),), lead="people", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "{Practice} faces several serious challenges.",
            "The difficulties of {practice} begin with {core}.",
            "For all the interest in {practice}, a number of obstacles remain.",
            "Anyone who works with {practice} soon meets hard problems.",
            "The promise of {practice} is real, but so are the problems.",
            "Some obstacles stand between {practice} and {stake}.",
            "The challenges of {practice} are practical as well as fundamental.",
            "What makes {practice} hard is seldom a single problem.",
        ),
        "more": (
            "Other obstacles lie deeper.",
            "The list of difficulties does not end there.",
            "Further problems keep {audience} busy.",
            "Some hurdles come with the nature of the subject.",
            "A second group of problems is harder to remove.",
            "Even where these issues are under control, {practice} raises others.",
        ),
        "people": (
            "Not every challenge is a technical one.",
            "The human side of {practice} brings difficulties of its own.",
            "There are also questions of fairness and responsibility.",
            "People feel these problems in different ways.",
            "Beyond feasibility, {practice} raises questions about {stake}.",
            "Rules and values enter the discussion as well.",
        ),
        "closing": (
            "None of these challenges is a reason to give up on {practice}, but each needs honest attention.",
            "How well these problems are handled will decide about {stake}.",
            "Solving them calls for patience from {audience}.",
            "Progress on {practice} will come from working on several of these problems at once.",
            "{Topic} deserves the effort all the same, because {why}.",
            "A realistic view of {practice} keeps both the promise and these obstacles in mind.",
            "These are hard problems, and most of them lead back to {core}.",
        ),
    },
    questions=(
        "What are the challenges of {name}?",
        "What are the biggest challenges in {name}?",
        "Which problems does {name} face?",
        "What makes {name} difficult?",
        "Describe the main obstacles in {name}.",
        "What are the hardest problems around {name}?",
        "Why is {name} so challenging?",
        "Explain the challenges that come with {name}.",
        "What difficulties arise with {name}?",
        "What stands in the way of progress on {name}?",
        "Which challenges do experts see in {name}?",
        "What are the key issues with {name} today?",
        "Tell me about the challenges facing {name}.",
        "What problems remain unsolved in {name}?",
        "Discuss the challenges of dealing with {name}.",
    ),
    held_out_questions=(
        "What hurdles have to be overcome in {name}?",
        "Where do people struggle most with {name}?",
        "What keeps experts on {name} awake at night?",
        "Which tough problems does anyone dealing with {name} run into?",
    ),
)
