"""Technical deep-dive: the mechanism in detail, and where it meets its bounds."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="technical_deep_dive",
    fits=frozenset({"mechanism", "definition", "limit", "challenge", "comparison", "figure", "example"}),
    layouts=(
        (
            Paragraph((one("definition"), two("mechanism")), lead="opening"),
            Paragraph((one_or_two("limit", "challenge"),), lead="bounds", end="closing"),
        ),
        (
            Paragraph((two("mechanism"),), lead="opening"),
            Paragraph((one("comparison"), maybe("figure", "example")), lead="detail"),
            Paragraph((one("limit"), maybe("challenge")), lead="bounds", end="closing"),
        ),
        (
            Paragraph((one("definition"), one("mechanism")), lead="opening"),
            Paragraph((one("mechanism"), one("figure", "example", "comparison")), lead="detail"),
            Paragraph((one("limit", "challenge"),), lead="bounds", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "Technically, {topic} rests on {core}.",
            "A deeper look at {topic} begins with {core}.",
            "The technical core of {topic} is {core}.",
            "Under the surface, {topic} follows clear principles.",
            "To get into the details of {topic}, one has to start with the mechanism.",
            "The details of {topic} reward a careful look.",
            "Stripped of slogans, {topic} is a matter of {core}.",
            "Specialists describe {topic} in terms of {core}.",
        ),
        "detail": (
            "Going further into detail, the parts begin to fit together.",
            "The finer points matter here.",
            "Some details show what is special about {topic}.",
            "The picture becomes more precise from here.",
            "A closer look at {core} pays off.",
            "More detail helps to avoid common mistakes.",
        ),
        "bounds": (
            "The same details also set the bounds.",
            "From the mechanism follow the limits.",
            "In practice, theory meets resistance.",
            "The technical side of {topic} has open ends too.",
            "Engineers and scientists also know the weak points.",
            "Not everything about {topic} is under control.",
            "This is where the hard part of {topic} begins.",
        ),
        "closing": (
            "The technical story of {topic} is thus mainly one of {core}.",
            "Understanding these details is what lets {audience} judge new claims about {topic}.",
            "With a firm grasp of {core}, the rest of {topic} follows more easily.",
            "These details decide in the end about {stake}.",
            "Progress on {topic} will depend on mastering exactly these points.",
            "That is the machinery behind {topic}, reduced to what matters most.",
            "Each of these details leads back to the same principle, {core}.",
        ),
    },
    questions=(
        "Give me a technical deep-dive into {name}.",
        "How does {name} work in technical detail?",
        "Explain the technical details of {name}.",
        "What is the mechanism behind {name}?",
        "Explain the inner workings of {name}.",
        "What happens under the hood of {name}?",
        "Describe {name} at an expert level.",
        "Go deep on how {name} works.",
        "What are the technical principles of {name}?",
        "I want a detailed technical explanation of {name}.",
        "Explain step by step how {name} works in depth.",
        "Which mechanisms drive {name}?",
        "Please give an in-depth explanation of the principles behind {name}.",
        "What are the core technical concepts of {name}?",
        "Explain the science behind {name} in depth.",
    ),
    held_out_questions=(
        "Take me inside the mechanics of {name}.",
        "I already know the basics; what is really going on in {name}?",
        "Dissect {name} for a technical reader.",
        "Lay out the nuts and bolts of {name}.",
    ),
)
