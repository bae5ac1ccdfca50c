"""Future predictions: what is expected, what carries it, what could stop it."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="future_predictions",
    fits=frozenset({"future", "challenge", "application", "impact"}),
    layouts=(
        (
            Paragraph((two("future"),), lead="opening"),
            Paragraph((one("application"), maybe("impact")), lead="basis"),
            Paragraph((one_or_two("challenge"),), lead="doubt", end="closing"),
        ),
        (
            Paragraph((one("application", "impact"), one("future")), lead="opening"),
            Paragraph((one("future"), one("impact")), lead="ahead"),
            Paragraph((maybe("challenge"),), lead="doubt", end="closing"),
        ),
        (
            Paragraph((two("future"), maybe("impact")), lead="opening"),
            Paragraph((two("challenge"),), lead="doubt", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "Nobody can predict the future of {topic} exactly, but some directions are clear.",
            "The coming years of {topic} will be shaped by {core}.",
            "The future of {topic} is of interest to many, because {why}.",
            "The outlook for {topic} rests on trends that are already visible.",
            "For {audience}, the future of {topic} is a matter of planning rather than guessing.",
            "Several developments give a hint of where {topic} is heading.",
            "What lies ahead for {topic} depends on choices made today.",
            "A careful forecast for {topic} starts from the present.",
        ),
        "basis": (
            "These expectations have a basis in the present.",
            "The foundation for this is already in place.",
            "What is happening now supports this view.",
            "Current practice around {topic} points the same way.",
            "Such forecasts build on experience that {audience} have today.",
        ),
        "ahead": (
            "Further ahead, the effects could widen.",
            "The next steps follow from there.",
            "Other changes are likely to come along with it.",
            "Over a longer time, the changes around {topic} may go deeper.",
            "The same trend touches {stake}.",
        ),
        "doubt": (
            "Whether all of this comes true is open.",
            "Some things could still turn out differently.",
            "Forecasts should be read with care.",
            "Obstacles remain on the way there.",
            "A sober look also counts what may go wrong.",
            "Not everything about the future of {topic} can be planned.",
        ),
        "closing": (
            "The most likely future of {topic} is steady change rather than a sudden break.",
            "Either way, {topic} will stay on the agenda of {audience}.",
            "The years ahead will show how much weight is given to {stake}.",
            "What seems certain is that {topic} will keep its importance, because {why}.",
            "Those who understand {core} will be best prepared.",
            "For now, the wise course is to watch {topic} closely and to avoid bold promises.",
            "How the story ends is open, and {audience} have a say in it.",
        ),
    },
    questions=(
        "What is the future of {name}?",
        "How will {name} develop in the coming years?",
        "What are the predictions for {name}?",
        "Where is {name} heading?",
        "What can we expect from {name} in the next decade?",
        "Predict how {name} will change over the next ten years.",
        "What is the outlook for {name}?",
        "How might {name} look in the future?",
        "What trends will shape the future of {name}?",
        "What comes next for {name}?",
        "Describe future developments in {name}.",
        "What do experts expect of {name} in the future?",
        "Give me a forecast for {name}.",
        "How could {name} change our lives in the future?",
        "What will happen with {name} by 2040?",
    ),
    held_out_questions=(
        "Looking ahead, what awaits us with {name}?",
        "If you had to bet, how will {name} evolve from here?",
        "Which developments in {name} are around the corner?",
        "What will the next generation see in {name}?",
    ),
)
