"""History: how it came about, told in order, and what came of it."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="history",
    fits=frozenset({"history", "definition", "impact", "figure", "future"}),
    layouts=(
        (
            Paragraph((two("history"),), lead="opening"),
            Paragraph((one("history"), one("impact", "figure")), lead="later", end="closing"),
        ),
        (
            Paragraph((one("definition"), two("history")), lead="opening"),
            Paragraph((maybe("history"), one_or_two("impact", "figure")), lead="today", end="closing"),
        ),
        (
            Paragraph((two("history"),), lead="opening"),
            Paragraph((one("impact", "figure"),), lead="today"),
            Paragraph((one_or_two("future"),), lead="onward", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "The history of {topic} is longer than many people think.",
            "The story of {topic} begins well before the subject became widely known.",
            "The present picture of {topic} did not appear overnight.",
            "Looking back at {topic} shows how knowledge grew step by step.",
            "Behind {topic} stands a chain of people, ideas and turning points.",
            "The path that led to the present view of {topic} had several milestones.",
            "Over the years, the understanding of {core} changed a great deal.",
            "To see where {topic} stands today, it helps to know how it got here.",
        ),
        "later": (
            "The story of {topic} did not end there.",
            "Later developments built on these beginnings.",
            "From there the subject gained speed.",
            "What followed brought {topic} to the attention of {audience}.",
            "The next chapter changed the scale of things.",
            "These early steps prepared what came after.",
        ),
        "today": (
            "These roots still shape {topic} today.",
            "The present state of {topic} follows from that past.",
            "Much of what {audience} now take for granted goes back to those years.",
            "Since then, {topic} has found its place.",
            "The results of this history are visible now.",
            "From this past grew our present view of {topic}.",
        ),
        "onward": (
            "The history of {topic} is still being written.",
            "The line can be drawn onward from here.",
            "Nothing suggests that this development is over.",
            "The next milestones are already in view for {audience}.",
            "What comes next continues the same story.",
        ),
        "closing": (
            "The history of {topic} shows that progress came in steps rather than leaps.",
            "Knowing this past makes it easier to judge what is said about {topic} today.",
            "Throughout, the thread that runs through the story is {core}.",
            "Each stage raised anew the matter of {stake}.",
            "That long road explains why {audience} take {topic} seriously.",
            "What began small is now followed closely, because {why}.",
            "Seen this way, the present of {topic} is only one more stage.",
        ),
    },
    questions=(
        "What is the history of {name}?",
        "How did {name} develop over time?",
        "Tell me the history of {name}.",
        "What is the story behind {name}?",
        "How did {name} begin?",
        "Give me a short history of {name}.",
        "What were the milestones in the history of {name}?",
        "How has {name} evolved?",
        "Describe the origins of {name}.",
        "Who shaped the early history of {name}?",
        "When did {name} start, and what happened since?",
        "Explain the historical background of {name}.",
        "What events led to {name} as we know it?",
        "Outline the development of {name}.",
        "How has our understanding of {name} changed over the years?",
    ),
    held_out_questions=(
        "Trace the story of {name} from its beginnings.",
        "What is the background story of {name}?",
        "Walk me through the key dates of {name}.",
        "How did we get to where we are with {name}?",
    ),
)
