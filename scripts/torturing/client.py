"""A client in a process of its own: seeded random commands, until it is ended.

python -m torturing.client FOLDER NUMBER SEED
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

from torturing.ledger import Ledger
from wfd.adapters.place import place
from wfd.domain.errors import TryLater, WfdError
from wfd.send import send

MAX_ASSIGNMENTS = 8  # of one client
PAUSE_S = 0.1  # on the average, between two calls
GLOBS = ("src/**", "docs/*.md", "greeting.txt", "**")
EDGES = ("wait", "run", "cancel")

Asked = tuple[str, dict[str, Any]]


class Client:
    def __init__(self, number: int, seed: int, ledger: Ledger) -> None:
        self._chance = random.Random(f"{seed}.{number}")
        self._number = number
        self._ledger = ledger
        self._calls = 0
        self._assignments: list[int] = []
        self._jobs: list[int] = []

    def go_on(self) -> None:
        """One call after the other; whatever comes of one, the next follows."""
        while True:
            command, values = self._next()
            self._calls += 1
            self._ledger.before(self._calls, command, values)
            try:
                answer = send(place(), command, {"namespace": "repo", **values})
            except TryLater:
                self._ledger.after(self._calls, "unknown", {})
            except WfdError as error:
                told = {"kind": error.kind, "message": str(error)}
                self._ledger.after(self._calls, "refused", told)
            else:
                self._ledger.after(self._calls, "told", answer)
                self._learn(answer)
            time.sleep(self._chance.expovariate(1 / PAUSE_S))

    def _next(self) -> Asked:
        if not self._assignments:
            return self._create()
        kinds = {
            self._create: 2,
            self._insert: 6,
            self._note: 2,
            self._cancel: 2,
            self._move: 3,
            self._retry: 1,
            self._answer: 2,
            self._depend: 1,
        }
        return self._chance.choices(list(kinds), list(kinds.values()))[0]()

    def _create(self) -> Asked:
        if len(self._assignments) >= MAX_ASSIGNMENTS:
            return self._insert()
        kind = {"type": "implement", "context": "Do it"} if self._chance.random() < 0.8 else {}
        return "create", {"north_star": "Greet", "key": self._key(), **kind}

    def _insert(self) -> Asked:
        type_ = self._chance.choice(["implement", "review", "plan"])
        values: dict[str, Any] = {"assignment": self._one(), "type": type_, "context": "Go on"}
        if self._chance.random() < 0.2:
            values["run_after"] = time.time_ns() // 1_000_000 + self._chance.randrange(2000)
        if self._chance.random() < 0.2 and self._jobs:
            values |= {"after": [self._job()], "if_failed": self._chance.choice(EDGES)}
        if self._chance.random() < 0.3:
            values |= {"locks": [self._chance.choice(GLOBS)], "parallel": self._is_heads()}
        return "insert_job", {**values, "key": self._key()}

    def _note(self) -> Asked:
        return "note", {"assignment": self._one(), "text": f"c{self._number}-{self._calls}"}

    def _cancel(self) -> Asked:
        return "cancel_job", {"job": self._job(), "reason": "torture"}

    def _retry(self) -> Asked:
        return "retry_job", {"job": self._job()}

    def _move(self) -> Asked:
        status = self._chance.choice(["active", "active", "paused", "complete", "cancelled"])
        return "update_assignment", {"assignment": self._one(), "status": status, "reason": "so"}

    def _answer(self) -> Asked:
        return "answer", {"assignment": self._one(), "text": "go on"}

    def _depend(self) -> Asked:
        return "depend", {"job": self._job(), "after": [self._job()], "if_failed": "run"}

    def _is_heads(self) -> bool:
        return self._chance.random() < 0.5

    def _key(self) -> str:
        """A new one, or one of before: the same again must make nothing new."""
        again = self._calls and self._chance.random() < 0.1
        number = self._chance.randrange(self._calls) if again else self._calls
        return f"c{self._number}-{number}"

    def _one(self) -> int:
        return self._chance.choice(self._assignments)

    def _job(self) -> int:
        return self._chance.choice(self._jobs)

    def _learn(self, answer: dict[str, object]) -> None:
        if isinstance(answer.get("job"), int):
            self._jobs.append(int(str(answer["job"])))
        if answer.get("created") and isinstance(answer.get("assignment"), int):
            self._assignments.append(int(str(answer["assignment"])))


if __name__ == "__main__":
    folder, number, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    Client(number, seed, Ledger(folder / f"{number}.jsonl")).go_on()
