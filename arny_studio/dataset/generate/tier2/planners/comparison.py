"""Comparison: the topic beside the one thing its sheet compares it with."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="comparison",
    fits=frozenset({"comparison", "definition", "mechanism", "application", "limit"}),
    layouts=(
        (
            Paragraph((one("definition"), one("mechanism")), lead="opening"),
            Paragraph((two("comparison"),), lead="contrast"),
            Paragraph((one_or_two("limit"),), lead="price", end="closing"),
        ),
        (
            Paragraph((two("comparison"),), lead="opening"),
            Paragraph((one_or_two("mechanism"),), lead="reason"),
            Paragraph((one("application"), maybe("limit")), lead="use", end="closing"),
        ),
        (
            Paragraph((one("definition"), one("comparison")), lead="opening"),
            Paragraph((one("mechanism"), one("comparison"), maybe("limit")), lead="reason", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "{Topic} and {compare_with} are often mentioned together, yet they differ in important ways.",
            "The comparison of {topic} with {compare_with} turns on {core}.",
            "Setting {topic} beside {compare_with} shows what is special about each.",
            "Whether {topic} or {compare_with} is the better starting point depends on the question being asked.",
            "At first glance {topic} and {compare_with} look like relatives, but the differences run deep.",
            "To compare {topic} with {compare_with}, it helps to look first at {core}.",
            "Anyone who weighs {topic} against {compare_with} should look at principles before details.",
            "There is a clear line between {topic} and {compare_with}.",
        ),
        "contrast": (
            "Put side by side with {compare_with}, the differences stand out.",
            "The contrast with {compare_with} is sharpest on a few points.",
            "Two differences from {compare_with} matter most.",
            "Seen from {compare_with}, the picture changes.",
            "This is where {compare_with} comes in.",
            "The two part ways in the following respects.",
        ),
        "reason": (
            "The reason for these differences lies in {core}.",
            "What lies behind the contrast is {core}.",
            "These differences are no accident.",
            "Looking at how {topic} works explains much of the contrast.",
            "The inner workings of {topic} account for most of this.",
            "Beneath the surface, {compare_with} follows another logic.",
        ),
        "price": (
            "A fair comparison with {compare_with} also names the limits.",
            "The comparison would be incomplete without the limits of {topic}.",
            "Every comparison has its limits, and so does {topic}.",
            "For {audience}, the weak points matter as much as the differences.",
            "The other side of the coin should be named as well.",
            "Setting {topic} against {compare_with} also brings its limits to light.",
        ),
        "use": (
            "The difference matters in practice.",
            "For {audience}, the distinction has practical consequences.",
            "The contrast is visible in use as well.",
            "That {topic} is a matter of its own also shows in practice.",
            "Practice shows what the distinction is good for.",
        ),
        "closing": (
            "In the end, {topic} and {compare_with} are best understood side by side.",
            "The sensible view is to keep both {topic} and {compare_with} in mind, each in its own place.",
            "How much weight each side deserves depends on the question at hand.",
            "For {audience}, knowing the difference from {compare_with} is already half of the answer.",
            "So the comparison is less a contest than a way to see both sides clearly.",
            "Keeping {topic} apart from {compare_with} avoids most of the common confusion.",
            "What gives the comparison with {compare_with} its importance is, in the end, {stake}.",
        ),
    },
    questions=(
        "Compare {name} with {compare_with}.",
        "How does {name} compare to {compare_with}?",
        "What is the difference between {name} and {compare_with}?",
        "{Name} vs {compare_with}: what are the differences?",
        "How is {name} different from {compare_with}?",
        "Explain how {name} differs from {compare_with}.",
        "Can you compare {name} and {compare_with}?",
        "Contrast {name} with {compare_with}.",
        "What are the key differences between {name} and {compare_with}?",
        "What sets {name} apart from {compare_with}?",
        "Is {name} the same as {compare_with}?",
        "Give me a comparison of {name} and {compare_with}.",
        "Where do {name} and {compare_with} differ?",
        "Please compare {name} against {compare_with}.",
        "I mix up {name} and {compare_with}, can you compare them?",
    ),
    held_out_questions=(
        "Put {name} side by side with {compare_with} for me.",
        "In what ways does {name} stand apart from {compare_with}?",
        "Why would someone distinguish {name} from {compare_with}?",
        "How do {name} and {compare_with} stack up against each other?",
    ),
)
