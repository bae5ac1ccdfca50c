"""Ethical considerations: what is owed to whom, and why it is disputed."""

from arny_studio.dataset.generate.tier2.plan import Paragraph, Planner, maybe, one, one_or_two, two

PLANNER = Planner(
    question_type="ethical_considerations",
    fits=frozenset({"ethics", "impact", "challenge"}),
    layouts=(
        (
            Paragraph((two("ethics"),), lead="opening"),
            Paragraph((one_or_two("impact"), one("challenge")), lead="weight", end="closing"),
        ),
        (
            Paragraph((one("impact"), one("ethics")), lead="opening"),
            Paragraph((one("ethics"), one("challenge")), lead="weight", end="closing"),
        ),
        (
            Paragraph((one("ethics"), maybe("impact")), lead="opening"),
            Paragraph((one("ethics"), one("impact")), lead="weight"),
            Paragraph((one_or_two("challenge"),), lead="practice", end="closing"),
        ),
    ),
    frames={
        "opening": (
            "{Practice} raises ethical questions that facts alone cannot settle.",
            "The ethics of {practice} concerns {stake}.",
            "With {practice} comes responsibility.",
            "Ethical debates about {practice} are often debates about {stake}.",
            "The moral side of {practice} is easily overlooked.",
            "What is possible with {practice} is not always what is right.",
            "Fairness and responsibility are part of {practice} from the start.",
            "For {audience}, ethical questions about {practice} are practical ones.",
        ),
        "weight": (
            "The weight of these questions comes from the consequences.",
            "These concerns are not abstract.",
            "There is more to consider.",
            "Much is at stake for the people concerned.",
            "Different groups see the matter differently.",
            "{Topic} adds weight to such questions, because {why}.",
            "Responsibility also means looking at {stake}.",
        ),
        "practice": (
            "Good intentions still meet practical bounds.",
            "Acting on these principles is not easy.",
            "What makes responsible choices hard is often practical.",
            "Ethical rules have to work under real conditions.",
            "Practice complicates the picture of {practice}.",
        ),
        "closing": (
            "A responsible approach to {practice} weighs benefits against harm and gives a voice to those affected.",
            "There is no simple answer, but openness about {stake} is a good start.",
            "The duty to think ahead lies with {audience}.",
            "In the end, the ethics of {practice} is about trust.",
            "Clear rules for {practice} are needed before problems grow, not after.",
            "Those who decide about {practice} should be able to explain their choices.",
            "Honest debate about {stake} serves everyone better than quick verdicts.",
        ),
    },
    questions=(
        "What are the ethical considerations of {name}?",
        "What ethical issues does {name} raise?",
        "Is there an ethical side to {name}?",
        "Discuss the ethics of {name}.",
        "What moral questions come with {name}?",
        "Which ethical concerns surround {name}?",
        "Explain the ethical implications of {name}.",
        "What should we consider ethically about {name}?",
        "Are there ethical problems with {name}?",
        "How can we deal with {name} responsibly?",
        "What are the moral concerns about {name}?",
        "Describe the main ethical debates around {name}.",
        "Tell me about ethics and {name}.",
        "What responsibilities come with {name}?",
        "Is {name} fair to everyone?",
    ),
    held_out_questions=(
        "Where are the moral lines when it comes to {name}?",
        "What could be unfair or wrong in the way we handle {name}?",
        "Which duties do we have with regard to {name}?",
        "Weigh the right and wrong of {name} for me.",
    ),
)
