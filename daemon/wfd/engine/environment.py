"""What an agent may see of the daemon's environment: names on a list, and nothing else."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from wfd.engine.parts import Lease
from wfd.ports import Launch

EVERY_AGENT = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TERM",
    "TMPDIR",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
)


def environment(
    own: Mapping[str, str], launch: Launch, extra: Sequence[str], lease: Lease, run_seq: int
) -> dict[str, str]:
    """The environment of an agent: what is let through, what its codec sets, who it is."""
    wanted = (*EVERY_AGENT, *launch.pass_env, *extra)
    through = {
        name: value
        for name, value in own.items()
        if _any(name, wanted) and not _any(name, launch.unset_env)
    }
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **through,
        **launch.env,
        "WFD_JOB_ID": f"J{lease.job.id}",
        "WFD_ASSIGNMENT_ID": f"A{lease.assignment.id}",
        "WFD_NAMESPACE": lease.namespace.name,
        "WFD_JOB_TYPE": lease.job.type,
        "WFD_TYPE_SEQ": str(lease.job.type_seq),
        "WFD_RUN_SEQ": str(run_seq),
    }


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
