"""The sim agent as a project manager: an honest one, which goes by the facts alone."""

from wfd_runners.sim.prompts import Json, gist, read_facts

VERDICTS = ("review", "uat")


def decide(prompt: str) -> Json:
    """The decision that the facts in a PM's prompt call for."""
    facts = read_facts(prompt)
    if facts is None:
        return _block("What should happen next?", "The prompt carries no facts to decide on.")
    for key, reason in (("refused", "My last answer was refused"), ("stuck", "It goes in circles")):
        if words := facts.get(key):
            return _block(f"How should it go on? {words}", f"{reason}: {words}")
    if in_line := _names(facts.get("open_jobs")):
        return _decision("proceed", f"Next in line: {', '.join(in_line)}.")
    gates = _names(facts.get("gates_open"))
    last = _last_job(facts)
    if last.get("outcome") == "succeeded" and last.get("type") != "plan" and not gates:
        return _complete(facts)
    if _is_spent(facts, "jobs_left"):
        return _ask_for_more(facts, "jobs")
    return _next(facts, gates, gist(prompt, "goal"))


def _next(facts: Json, gates: list[str], goal: str) -> Json:
    last = _last_job(facts)
    job_type, outcome = str(last.get("type")), str(last.get("outcome"))
    if not last or job_type == "plan":
        return _insert("implement", f"Do what is asked for: {goal}", "Nothing is built yet.")
    if outcome != "succeeded" or (job_type == "implement" and "checks" in gates):
        return _retry(facts, outcome)
    if "checks" in gates:
        return _insert("implement", f"Make these checks green: {_red(facts)}.", "Checks are red.")
    # A review that ended well and left its gate open has not passed the change.
    if _is_fail(facts) or (job_type in VERDICTS and job_type in gates):
        return _mend(facts, job_type)
    wanted = min(gates, key=lambda gate: VERDICTS.index(gate) if gate in VERDICTS else 9)
    return _insert(wanted, _context_of(wanted), f"The {wanted} gate is open.")


def _mend(facts: Json, job_type: str) -> Json:
    found = "; ".join(_findings(facts)) or "its answer says what"
    context = f"The {job_type} did not pass. Mend what it found: {found}."
    return _insert("implement", context, f"The {job_type} did not pass.")


def _retry(facts: Json, outcome: str) -> Json:
    if _is_spent(facts, "attempts_left"):
        return _ask_for_more(facts, "attempts")
    if _names(facts.get("checks_red")):
        red = _red(facts)
        changes = f"These checks are red: {red}. Make them green before anything else."
        return _decision("retry", f"Red checks: {red}.", changes=changes)
    changes = f"The last try ended as {outcome}. Take one small step and leave a change behind."
    return _decision("retry", f"The last try ended as {outcome}.", changes=changes)


def _ask_for_more(facts: Json, spent: str) -> Json:
    still_open = ", ".join(_names(facts.get("gates_open"))) or "the work itself"
    question = f"The {spent} are spent, and this is still open: {still_open}. Go on, or stop?"
    return _block(question, f"No {spent} left.")


def _complete(facts: Json) -> Json:
    is_unchanged = facts.get("no_change") is True
    return _decision("complete", "nothing_to_change" if is_unchanged else "All gates are closed.")


def _insert(job_type: str, context: str, reason: str) -> Json:
    job = {"type": job_type, "harness": None, "context": context}
    return _decision("insert_job", reason, job=job)


def _block(question: str, reason: str) -> Json:
    return _decision("block", reason, question=question)


def _decision(name: str, reason: str, **own: object) -> Json:
    """All keys, as the schema of a decision demands; null for those that do not apply."""
    nothing: Json = {"job": None, "changes": None, "question": None, "options": None}
    return {"decision": name, **nothing, **own, "reason": reason}


def _context_of(job_type: str) -> str:
    if job_type == "review":
        return "Review the change against what was asked for. Look for what breaks."
    if job_type == "uat":
        return "Use the result as the person who asked for it would."
    return f"Do the {job_type} that this assignment still needs."


# --- facts, which may lack a key or gain one -----------------------------------


def _last_job(facts: Json) -> Json:
    last = facts.get("last_job")
    return last if isinstance(last, dict) else {}


def _is_spent(facts: Json, key: str) -> bool:
    left = facts.get(key)
    return isinstance(left, int) and left <= 0


def _is_fail(facts: Json) -> bool:
    return _verdict(facts).get("verdict") == "fail"


def _verdict(facts: Json) -> Json:
    for holder in (facts, _last_job(facts)):
        verdict = holder.get("verdict")
        if isinstance(verdict, dict):
            return verdict
        if isinstance(verdict, str):
            return {"findings": facts.get("findings"), **holder}
    return {"findings": facts.get("findings")}


def _findings(facts: Json) -> list[str]:
    findings = _verdict(facts).get("findings")
    return [_finding(f) for f in findings] if isinstance(findings, list) else []


def _finding(finding: object) -> str:
    if not isinstance(finding, dict):
        return str(finding)
    place = ":".join(str(finding[key]) for key in ("file", "line") if finding.get(key))
    return " ".join(part for part in (place, str(finding.get("detail", ""))) if part)


def _red(facts: Json) -> str:
    return ", ".join(_names(facts.get("checks_red"))) or "none has run green"


def _names(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
