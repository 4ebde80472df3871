"""What can be asked of the running daemon itself, beside the commands."""

import os
from dataclasses import asdict

from anyio.abc import TaskGroup

import wfd
from wfd.adapters.disk import file_bytes, free_bytes
from wfd.adapters.place import Place
from wfd.commands.ai import listed
from wfd.domain.errors import BadInput, StoreFailed
from wfd.domain.run import Run
from wfd.edge.door import Control, checked
from wfd.engine import by_hand, claim
from wfd.engine.check_ai import check_ai
from wfd.engine.notices import Notices
from wfd.engine.parts import Parts
from wfd.engine.stop import Stopping
from wfd.programs import with_lacks
from wfd.reload import Reloading
from wfd.settings import LiveSettings


def daemon_controls(
    place: Place,
    parts: Parts,
    settings: LiveSettings,
    stopping: Stopping,
    started_at: int,
    reloading: Reloading,
) -> dict[str, Control]:
    async def status(values: dict[str, object]) -> object:
        try:
            runs = await parts.store.all(Run, "live_runs")
            questions = await parts.store.one(int, "count_open_questions", namespace_id=None)
        except StoreFailed:  # as `trouble` tells
            runs, questions = [], None
        refused = reloading.refused
        trouble, free = parts.store.trouble, free_bytes(place.state_dir)
        return {
            "pid": os.getpid(),
            "version": wfd.__version__,
            "started_at": started_at,
            "running": [
                f"J{live.lease.job.id}"
                for live in parts.live.values()
                if live.lease.run.by_hand is None
            ],
            "by_hand": [f"J{run.job_id}" for run in runs if run.by_hand is not None],
            "limit": settings.config.limits.jobs,
            "draining": parts.is_stopping,
            "questions": questions,
            "containment": parts.spawner.containment,
            "refusal": parts.spawner.refusal,
            "config_refused": None if refused is None else asdict(refused),
            "trouble": trouble and {"reason": trouble.reason, "since": trouble.since},
            "overdue": parts.pulse.overdue(),
            "disk": {
                "store": file_bytes(place.store_path),
                "log": parts.store.log_bytes,
                "free": free,
                "is_short": free < settings.config.limits.free_bytes,
            },
        }

    async def stop(values: dict[str, object]) -> object:
        stopping.ask(at_once=bool(values.get("now")))
        return {"running": len(parts.live)}

    async def reload(values: dict[str, object]) -> object:
        return {"changed": reloading.now()}

    return {
        "daemon.status": status,
        "daemon.stop": stop,
        "daemon.reload": reload,
    }


def ai_controls(parts: Parts) -> dict[str, Control]:
    async def check(values: dict[str, object]) -> object:
        return await check_ai(parts, str(values.get("name")))

    async def list_all(values: dict[str, object]) -> object:
        """{"ais": [{"name", "harness", "account", "stand", "until_ms", "why", "lacks", …}]}"""
        house, with_spend = parts.settings.house_of(None), bool(values.get("with_spend"))
        found = await parts.store.write(lambda tx: listed(tx, house, tx.now, with_spend=with_spend))
        return {"ais": with_lacks(found, parts.harnesses, parts.environ, "the daemon's PATH")}

    return {"ai.check": check, "ai.list": list_all}


def hand_controls(parts: Parts, group: TaskGroup) -> dict[str, Control]:
    async def take(values: dict[str, object]) -> object:
        return await claim.claim(parts, group, checked(claim.Claim, values))

    async def keep(values: dict[str, object]) -> object:
        return await by_hand.keep(parts, checked(by_hand.Keep, values))

    async def end(values: dict[str, object]) -> object:
        return await by_hand.end(parts, group, checked(by_hand.Finish, values))

    return {"hand.claim": take, "hand.heartbeat": keep, "hand.finish": end}


def notice_controls(notices: Notices) -> dict[str, Control]:
    async def states(values: dict[str, object]) -> object:
        return await notices.states()

    async def test(values: dict[str, object]) -> object:
        rule = values.get("rule")
        if not isinstance(rule, str):
            raise BadInput("'rule' must be the name of a notification rule")
        failed = await notices.test(rule)
        return {"rule": rule, "delivered": failed is None, "reason": failed and failed.reason}

    return {"notify.list": states, "notify.test": test}
