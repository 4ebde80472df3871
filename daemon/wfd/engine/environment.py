"""What an agent may see of the daemon's environment: names on a list, and nothing else."""

from collections.abc import Mapping, Sequence

from wfd.domain.ai import Ai
from wfd.engine.parts import Lease
from wfd.ports import Launch
from wfd.rules.environment import EVERYBODY, USUAL_PATH, is_let_through, matches

EVERY_AGENT = (
    *EVERYBODY,
    "WFD_STATE_DIR",  # so that it reads the queue with wfctl
    "WFD_CONFIG_DIR",
)


def environment(
    own: Mapping[str, str], launch: Launch, ai: Ai, more: Sequence[str] = ()
) -> dict[str, str]:
    """The environment of an agent: what is let through, what its codec sets, its account's.

    `more` is what `workspace.env` of its repository names.
    """
    wanted = (*EVERY_AGENT, *launch.pass_env, *ai.pass_env)
    through = {
        name: value
        for name, value in own.items()
        if name not in ai.env
        and (matches(name, wanted) or is_let_through(name, more))
        and not matches(name, launch.unset_env)
    }
    return {"PATH": USUAL_PATH, **through, **launch.env, **_accounts(own, ai)}


def identity(lease: Lease, run_seq: int) -> dict[str, str]:
    """Who an agent is."""
    return {
        "WFD_JOB_ID": f"J{lease.job.id}",
        "WFD_ASSIGNMENT_ID": f"A{lease.assignment.id}",
        "WFD_NAMESPACE": lease.namespace.name,
        "WFD_JOB_TYPE": lease.job.type,
        "WFD_TYPE_SEQ": str(lease.job.type_seq),
        "WFD_RUN_SEQ": str(run_seq),
    }


def seen_by(own: Mapping[str, str], ai: Ai) -> dict[str, str]:
    """The daemon's own variables as an AI has them: with those of its account in their places."""
    return {**{k: v for k, v in own.items() if k not in ai.env}, **_accounts(own, ai)}


def what_is_missing(own: Mapping[str, str], ai: Ai) -> str | None:
    """A variable of the AI's account that the daemon does not have, in words."""
    for name, source in ai.env.items():
        if source is not None and source not in own:
            return (
                f"{ai.name} gets {name} from the daemon's {source}, which is not set: give it to"
                " 'wfd start', or correct the env of this AI"
            )
    return None


def _accounts(own: Mapping[str, str], ai: Ai) -> dict[str, str]:
    return {
        name: own[source] for name, source in ai.env.items() if source is not None and source in own
    }
