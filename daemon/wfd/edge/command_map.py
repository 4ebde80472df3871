"""The commands of both programs as a person looks for them: by what they want to do."""

from collections.abc import Mapping, Sequence

Sections = Sequence[tuple[str, str]]  # a heading, and the names below it

SECTIONS: Mapping[str, Sections] = {
    "wfd": (
        ("Set up", "init trust doctor namespace"),
        ("Run the daemon", "start status stop reload"),
        ("Run it as a service", "install-service uninstall-service"),
        ("Try it", "demo"),
        ("About wfd", "completion version"),
    ),
    "wfctl": (
        ("Start work", "create insert-job"),
        ("Look", "queue assignments jobs assignment job diff evidence tail logs locks"),
        ("Act", "note retry retry-step cancel update-assignment depend lane"),
        ("Answer", "inbox answer approve reject override"),
        ("Work by hand", "claim heartbeat finish"),
        ("AIs and settings", "ai config notify"),
        ("Keep", "backup restore prune transcript completion"),
    ),
}

EXAMPLES: Mapping[str, str] = {
    "wfd init": "wfd init",
    "wfd trust": "wfd trust",
    "wfd doctor": "wfd doctor --json",
    "wfd namespace": "wfd namespace list",
    "wfd namespace list": "wfd namespace list",
    "wfd namespace move": "wfd namespace move shop ~/src/shop",
    "wfd namespace remove": "wfd namespace remove shop",
    "wfd start": "wfd start --detach --jobs 2",
    "wfd status": "wfd status --json",
    "wfd stop": "wfd stop --now",
    "wfd reload": "wfd reload",
    "wfd install-service": "wfd install-service --print",
    "wfd uninstall-service": "wfd uninstall-service",
    "wfd demo": "wfd demo --harness claude",
    "wfd completion": 'eval "$(wfd completion bash)"',
    "wfd version": "wfd version",
    "wfctl create": 'wfctl create "The export also writes CSV, and the tests show it."',
    "wfctl insert-job": 'wfctl insert-job A7 --type review --context "Look at the quoting."',
    "wfctl queue": "wfctl queue --watch 2",
    "wfctl assignments": "wfctl assignments --status complete",
    "wfctl jobs": "wfctl jobs A7 --state failed",
    "wfctl assignment": "wfctl assignment A7 --watch 2",
    "wfctl job": "wfctl job J42",
    "wfctl diff": "wfctl diff A7",
    "wfctl evidence": "wfctl evidence J42 test",
    "wfctl tail": "wfctl tail J42",
    "wfctl logs": "wfctl logs -f --level warning",
    "wfctl locks": "wfctl locks",
    "wfctl note": 'wfctl note A7 "Keep the old column order."',
    "wfctl retry": 'wfctl retry J42 --changes "Use the csv module."',
    "wfctl retry-step": "wfctl retry-step J42",
    "wfctl cancel": 'wfctl cancel J42 --reason "No longer needed."',
    "wfctl update-assignment": "wfctl update-assignment A7 --status paused",
    "wfctl depend": "wfctl depend J43 --after J42",
    "wfctl lane": 'wfctl lane abandon A7 J42 --reason "Done elsewhere."',
    "wfctl lane abandon": 'wfctl lane abandon A7 J42 --reason "Done elsewhere."',
    "wfctl inbox": "wfctl inbox --all",
    "wfctl answer": "wfctl answer Q5 2",
    "wfctl approve": "wfctl approve Q6",
    "wfctl reject": 'wfctl reject Q6 --reason "The API stays as it is."',
    "wfctl override": 'wfctl override Q7 --reason "The docs need no uat."',
    "wfctl claim": "wfctl claim --as ada",
    "wfctl heartbeat": "wfctl heartbeat R9",
    "wfctl finish": 'wfctl finish R9 --result "It is in logo.svg."',
    "wfctl ai": "wfctl ai list",
    "wfctl ai list": "wfctl ai list",
    "wfctl ai register": "wfctl ai register fast --harness claude --model haiku",
    "wfctl ai unregister": "wfctl ai unregister fast",
    "wfctl ai label": "wfctl ai label fast --add cheap",
    "wfctl ai disable": "wfctl ai disable codex",
    "wfctl ai enable": "wfctl ai enable codex",
    "wfctl ai resume": "wfctl ai resume claude",
    "wfctl ai check": "wfctl ai check claude",
    "wfctl config": "wfctl config show",
    "wfctl config show": "wfctl config show --origin",
    "wfctl notify": "wfctl notify list",
    "wfctl notify list": "wfctl notify list",
    "wfctl notify test": "wfctl notify test phone",
    "wfctl backup": "wfctl backup --to ~/wfd-backup.db",
    "wfctl restore": "wfctl restore ~/wfd-backup.db",
    "wfctl prune": "wfctl prune --older-than 30d",
    "wfctl transcript": "wfctl transcript stream.jsonl --harness claude",
    "wfctl completion": 'eval "$(wfctl completion bash)"',
}

_QUEUE, _LIST = "wfctl queue", "wfctl assignments"
_CANCEL, _CREATE = "wfctl cancel", "wfctl create"

# how other programs call what these do
ELSEWHERE: Mapping[str, str] = {
    "add": _CREATE,
    "abort": _CANCEL,
    "attach": "wfctl tail",
    "daemon": "wfd start",
    "delete": _CANCEL,
    "down": "wfd stop",
    "follow": "wfctl tail",
    "get": "wfctl assignment",
    "kill": _CANCEL,
    "list": _LIST,
    "log": "wfctl logs",
    "ls": _LIST,
    "merge": "git merge wfd/A7",
    "new": _CREATE,
    "pause": "wfctl update-assignment A7 --status paused",
    "ps": _QUEUE,
    "quit": "wfd stop",
    "remove": _CANCEL,
    "resume": "wfctl update-assignment A7 --status active",
    "rm": _CANCEL,
    "run": _CREATE,
    "serve": "wfd start",
    "setup": "wfd init",
    "show": "wfctl assignment",
    "submit": _CREATE,
    "task": _CREATE,
    "tasks": _LIST,
    "top": "wfctl queue --watch 2",
    "unpause": "wfctl update-assignment A7 --status active",
    "up": "wfd start",
    "watch": "wfctl assignment A7 --watch 2",
}


def names_of(program: str) -> list[str]:
    """All commands of a program; none where it is not one of ours."""
    return [name for _, names in SECTIONS.get(program, ()) for name in names.split()]


def hint(program: str, own: Sequence[str], typed: str) -> str | None:
    """The command that was meant, whole; None where nothing is near."""
    import difflib  # late: only a slip needs it

    known = {name: f"{program} {name}" for name in own}
    for other in SECTIONS if program in SECTIONS else ():
        if other != program:
            known = {name: f"{other} {name}" for name in names_of(other)} | known
    if program in SECTIONS:
        known = {**ELSEWHERE, **known}
    word = typed.casefold().replace("_", "-")
    if word in known:
        return known[word]
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return known[near[0]] if near else None
