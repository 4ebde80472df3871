"""The sim agent's script: what it does in each job, step by step.

    {"implement": [[{"edit": {"path": "a.txt", "content": "1\\n"}}], [{"silence": true}]],
     "*": [[{"result": "Fine."}]]}

Under each job type (`*`: any other) stands one list of steps per job of that type in an
assignment; the last one repeats. A step has one key that names it, and may have `run`: the
number of the only run of the job that it belongs to, or "2+" for that run and all later.
"""

import json
from collections.abc import Callable
from pathlib import Path
from signal import Signals

from wfd_runners.sim.options import BadUsage

Step = tuple[str, object]  # its name and what it was given

Check = Callable[[object], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_words(value: object) -> bool:
    return isinstance(value, str)


def _is_true(value: object) -> bool:
    return value is True


def _is_pair_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) == 2 and all(map(check, value))


WORDS = ("text", _is_words)
SECONDS = ("a number of seconds", _is_number)
WHOLE = ("a whole number", _is_whole)
TRUE = ("true", _is_true)

SPAWNS = ("child", "setsid", "double_fork", "ignore_term", "hidden")

STEPS: dict[str, tuple[str, Check]] = {
    "say": WORDS,
    "think": WORDS,
    "shell": WORDS,
    "sleep": SECONDS,
    "silence": TRUE,
    "hang_after_result": TRUE,
    "ignore_signals": TRUE,
    "crash": (
        "a signal's name or an exit code",
        lambda v: _is_whole(v) or (isinstance(v, str) and signal_name(v) in Signals.__members__),
    ),
    "garbage": WORDS,
    "stderr": WORDS,
    "huge": ("a number of bytes", _is_whole),
    "result": WORDS,
    "structured": ("an object", lambda v: isinstance(v, dict)),
    "cost": ("US dollars", _is_number),
    "tokens": ("[in, out]", _is_pair_of(_is_whole)),
    "message_tokens": ("[in, out]", _is_pair_of(_is_whole)),
    "no_result": TRUE,
    "wait_for": WORDS,
    "touch": WORDS,
}

# Steps that are given an object: its keys, those that must be there first.
Keys = dict[str, tuple[str, Check]]
OBJECTS: dict[str, tuple[tuple[str, ...], Keys]] = {
    "edit": (
        ("path",),
        {
            "path": WORDS,
            "content": WORDS,
            "append": WORDS,
            "replace": ("[old, new]", _is_pair_of(_is_words)),
            "delete": TRUE,
        },
    ),
    "error": (
        ("status",),
        {
            "status": ("an HTTP status or null", lambda v: v is None or _is_whole(v)),
            "text": WORDS,
            "reset_at": ("Unix seconds", _is_whole),
        },
    ),
    "api_retry": (
        (),
        {
            "attempt": WHOLE,
            "max_retries": WHOLE,
            "delay_ms": ("milliseconds", _is_number),
            "status": ("an HTTP status or null", lambda v: v is None or _is_whole(v)),
            "error": WORDS,
        },
    ),
    "spawn": (
        ("kind",),
        {"kind": (f"one of {', '.join(SPAWNS)}", lambda v: v in SPAWNS), "seconds": SECONDS},
    ),
}

EDITS = ("content", "append", "replace", "delete")


def load(path: str) -> dict[str, list[list[dict[str, object]]]]:
    """The script in a file. Raises BadUsage, which names the file, the place and the fault."""
    try:
        script = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise BadUsage(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadUsage(f"{path}: is not valid JSON: {error}") from None
    try:
        _check(script)
    except BadUsage as error:
        raise BadUsage(f"{path}: {error}") from None
    checked: dict[str, list[list[dict[str, object]]]] = script
    return checked


def steps_of(
    script: dict[str, list[list[dict[str, object]]]], job_type: str, type_seq: int, run_seq: int
) -> list[Step] | None:
    """The steps of one run, or None when the script leaves its job type to the agent."""
    jobs = script.get(job_type, script.get("*"))
    if jobs is None:
        return None
    job = jobs[min(max(type_seq, 1), len(jobs)) - 1]
    return [_step(step) for step in job if _is_for(step.get("run"), run_seq)]


def signal_name(name: str) -> str:
    """KILL, kill and SIGKILL are SIGKILL."""
    name = name.upper()
    return name if name.startswith("SIG") else f"SIG{name}"


def _step(step: dict[str, object]) -> Step:
    return next((name, given) for name, given in step.items() if name != "run")


def _is_for(run: object, run_seq: int) -> bool:
    if run is None:
        return True
    if isinstance(run, str):
        return run_seq >= int(run.rstrip("+"))
    return run == run_seq


def _check(script: object) -> None:
    if not isinstance(script, dict):
        raise BadUsage("must be an object of job types")
    for job_type, jobs in script.items():
        if not isinstance(jobs, list) or not jobs:
            raise BadUsage(f"{job_type}: must be a list of lists of steps, one for each job")
        for j, steps in enumerate(jobs):
            if not isinstance(steps, list):
                raise BadUsage(f"{job_type}[{j}]: must be a list of steps")
            for s, step in enumerate(steps):
                _check_step(step, f"{job_type}[{j}][{s}]")


def _check_step(step: object, where: str) -> None:
    if not isinstance(step, dict):
        raise BadUsage(f"{where}: must be an object")
    if "run" in step:
        _check_run(step["run"], f"{where}.run")
    names = [name for name in step if name != "run"]
    if len(names) != 1:
        raise BadUsage(f"{where}: must have one step, has {', '.join(names) or 'none'}")
    name, given = names[0], step[names[0]]
    if name in OBJECTS:
        _check_object(name, given, f"{where}.{name}")
    elif name in STEPS:
        _check_value(given, f"{where}.{name}", *STEPS[name])
    else:
        raise BadUsage(f"{where}: no step '{name}'{_hint(name, [*STEPS, *OBJECTS])}")


def _check_run(run: object, where: str) -> None:
    is_open = isinstance(run, str) and run.endswith("+") and run[:-1].isdecimal()
    if not is_open and not (_is_whole(run) and run != 0):
        raise BadUsage(f'{where}: must be a number from 1, or one such as "2+"')


def _check_object(name: str, given: object, where: str) -> None:
    needed, keys = OBJECTS[name]
    if not isinstance(given, dict):
        raise BadUsage(f"{where}: must be an object")
    for key, value in given.items():
        if key not in keys:
            raise BadUsage(f"{where}: no key '{key}'{_hint(key, list(keys))}")
        _check_value(value, f"{where}.{key}", *keys[key])
    for key in needed:
        if key not in given:
            raise BadUsage(f"{where}: lacks '{key}'")
    if name == "edit" and sum(way in given for way in EDITS) != 1:
        raise BadUsage(f"{where}: must have one of {', '.join(EDITS)}")


def _check_value(value: object, where: str, wanted: str, check: Check) -> None:
    if not check(value):
        raise BadUsage(f"{where}: must be {wanted}")


def _hint(name: str, known: list[str]) -> str:
    import difflib  # slow to import, and only a script that is off needs it

    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean '{near[0]}'?)" if near else f"; known: {', '.join(sorted(known))}"
