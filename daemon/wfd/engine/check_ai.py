"""Whether an AI works: run once, with a tiny prompt, in a folder of its own."""

import shutil
import uuid
from pathlib import Path

import anyio
import anyio.to_thread

from wfd.commands.ai import let_go, mend
from wfd.commands.roster import roster
from wfd.domain.ai import Ai
from wfd.domain.errors import Broken, NotFound, unknown
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run_folder import RunFolder
from wfd.domain.template import Writes
from wfd.engine.environment import environment, seen_by, what_is_missing
from wfd.engine.exit import stderr_of
from wfd.engine.parts import Parts
from wfd.ports import Ask, Command, End, Harness

TIMEOUT_S = 150.0
MAX_SAID = 500  # characters of an answer
PROMPT = "Answer with the one word: ready. Use no tool and change nothing.\n"


async def check_ai(parts: Parts, name: str) -> dict[str, object]:
    """{"ai", "works", "outcome", "said", "took_ms", "mended", "goes_on", and its stand after that}.

    Raises NotFound for no AI.
    """
    house = parts.settings.house_of(None)
    ais = await parts.store.write(lambda tx: roster(tx, house, tx.now))
    if name not in ais:
        raise NotFound(unknown("AI", name, ais))
    before = ais[name]
    ai = before.ai
    began = anyio.current_time()
    told = await _tried(parts, ai)
    outcome = told.outcome
    works = outcome.kind is Kind.SUCCEEDED
    mended, goes_on, stands = await parts.store.write(
        lambda tx: (
            works and mend(tx, name, "check"),
            let_go(tx, name) if works else [],
            roster(tx, house, tx.now).get(name, before),
        )
    )
    parts.log.info("ai.checked", ai=name, outcome=outcome.kind, message=outcome.message[:300])
    if mended:
        parts.log.info("ai.mended", ai=name, by="check")
    parts.wake()
    return {
        "ai": name,
        "works": works,
        "outcome": outcome.kind,
        "said": (told.text if works else outcome.message or told.text)[:MAX_SAID],
        "took_ms": round((anyio.current_time() - began) * 1000),
        "mended": mended,
        "goes_on": goes_on,
        "stand": stands.stand,
        "until_ms": stands.until,
        "why": stands.why,
        "needs_person": stands.needs_person,
    }


async def _tried(parts: Parts, ai: Ai) -> Conclusion:
    lacks = what_is_missing(parts.environ, ai)
    if lacks is not None:
        return Conclusion(Outcome(Kind.USAGE, lacks))
    tag = f"check-{uuid.uuid4().hex[:12]}"
    folder = RunFolder(parts.scratch / tag)
    workspace = folder.path / "workspace"
    workspace.mkdir(parents=True, mode=0o700)
    try:
        return await _run(parts, ai, folder, workspace, tag)
    except (OSError, Broken) as error:
        is_ais_own = isinstance(error, PermissionError)
        return Conclusion(Outcome(Kind.USAGE if is_ais_own else Kind.STEP_FAILED, str(error)))
    finally:
        with anyio.CancelScope(shield=True):
            await parts.spawner.end_tree(tag)
            await anyio.to_thread.run_sync(shutil.rmtree, folder.path, True)


async def _run(parts: Parts, ai: Ai, folder: RunFolder, workspace: Path, tag: str) -> Conclusion:
    harness = parts.harnesses[ai.harness]
    folder.prompt.write_text(PROMPT, encoding="utf-8")
    launch = harness.launch(
        Ask(
            workspace=workspace,
            run_dir=folder.path,
            session_id=str(uuid.uuid4()),
            binary=ai.binary,
            model=ai.model,
            writes=Writes.NEVER,
            environ=seen_by(parts.environ, ai) if ai.env else None,
        )
    )
    for path, text in launch.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    command = Command(
        argv=launch.argv,
        cwd=workspace,
        env=environment(parts.environ, launch, ai),
        tag=tag,
        stdout=folder.transcript,
        stderr=folder.stderr,
        stdin=folder.prompt,
    )
    try:
        process = await parts.spawner.spawn(command)
    except FileNotFoundError:
        lacks = f"no program '{launch.argv[0]}' on the daemon's PATH"
        return Conclusion(Outcome(Kind.NOT_FOUND, lacks))
    ended_by, code = EndedBy.TIMEOUT, None
    with anyio.move_on_after(TIMEOUT_S):
        code = await process.wait()
        ended_by = EndedBy.NONE
    end = End(code, ended_by, stderr_of(folder.stderr), parts.clock.now())
    return _concluded(harness, folder, end)


def _concluded(harness: Harness, folder: RunFolder, end: End) -> Conclusion:
    codec = harness.codec()
    for line in folder.transcript.read_bytes().split(b"\n"):
        codec.read(line)
    return codec.conclude(end)
