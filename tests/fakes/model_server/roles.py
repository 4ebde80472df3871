"""Who is speaking: the type of the job, by the words that its prompt begins with."""

from collections.abc import Callable, Sequence

OTHER = "other"


def role_of_prompt(prompt: str) -> str:
    """The role whose template in templates/prompts begins like this, else `other`."""
    words = prompt.lstrip()
    return next((role for start, role in _STARTS if words.startswith(start)), OTHER)


def role_of_conversation(prompts: Sequence[str], role_of: Callable[[str], str]) -> str:
    """The role of the last prompt that has one: a CLI may put in prompts of its own."""
    roles = [role_of(prompt) for prompt in prompts]
    return next((role for role in reversed(roles) if role != OTHER), OTHER)


_STARTS = (
    ("Implement ", "implement"),
    ("Decide what happens next", "pm"),
    ("Plan how", "plan"),
    ("Review the work", "review"),
    ("Try the work", "uat"),
    ("Document the work", "document"),
    ("Answer the user", "chat"),
)
