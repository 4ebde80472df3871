"""What the sim agent does when no script says otherwise, by the type of its job."""

from wfd_runners.sim.pm import decide
from wfd_runners.sim.prompts import gist
from wfd_runners.sim.script import Step

NOTES = "wfd-sim.md"


def steps_by_itself(job_type: str, prompt: str) -> list[Step]:
    """The steps of a job that has no script."""
    match job_type:
        case "plan":
            return [("result", _plan(prompt))]
        case "implement":
            return _implement(prompt)
        case "review" | "uat":
            return [("say", "I looked at the change."), ("structured", _verdict(job_type))]
        case "pm":
            return [("structured", decide(prompt))]
        case "document":
            return [("result", f"What there is to know: {_task(prompt)}")]
    return [("result", f"You said: {_task(prompt)}")]


def _task(prompt: str) -> str:
    return gist(prompt, "task", "goal")


def _plan(prompt: str) -> str:
    return (
        f"A plan for: {_task(prompt)}\n\n"
        "1. Find the place that has to change.\n"
        "2. Make the smallest change that does it.\n"
        "3. Run the checks, then have it reviewed."
    )


def _implement(prompt: str) -> list[Step]:
    return [
        ("say", f"I will note it in {NOTES}."),
        ("edit", {"path": NOTES, "append": f"- {_task(prompt)}\n"}),
    ]


def _verdict(job_type: str) -> dict[str, object]:
    looked = "Used as a person would" if job_type == "uat" else "Read the change"
    return {"verdict": "pass", "findings": [], "summary": f"{looked}; nothing to object to."}
