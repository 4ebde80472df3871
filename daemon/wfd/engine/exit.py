"""How the daemon saw an agent end, kept beside its transcript until the run is closed."""

from dataclasses import dataclass, replace
from pathlib import Path

from wfd.domain.outcome import Conclusion, EndedBy, Kind

MAX_STDERR = 64 * 1024  # bytes of its tail that a codec is shown


@dataclass(frozen=True)
class Exit:
    code: int | None
    ended_by: EndedBy
    reason: str | None = None  # why it was ended, where the engine knows more than the codec

    @classmethod
    def kept(cls, path: Path) -> "Exit | None":
        """How an agent ended, if the daemon lived to see it."""
        try:
            ended_by, code, *reason = path.read_text(encoding="utf-8").split(maxsplit=2)
            return cls(
                None if code == "None" else int(code),
                EndedBy(ended_by),
                reason[0] if reason else None,
            )
        except (FileNotFoundError, ValueError):
            return None

    def keep(self, path: Path) -> None:
        words = self.reason or ""
        path.write_text(f"{self.ended_by} {self.code} {words}".rstrip(), encoding="utf-8")

    def told_of(self, conclusion: Conclusion) -> Conclusion:
        """The conclusion with our reason, unless the agent came to a result after all."""
        outcome = conclusion.outcome
        if self.reason is None or outcome.kind not in (Kind.STALLED, Kind.INTERRUPTED):
            return conclusion
        return replace(conclusion, outcome=replace(outcome, message=self.reason))

    def by(self, conclusion: Conclusion) -> EndedBy:
        """Who ended it: a CLI that stops at the budget that it was given does so for us."""
        is_interrupted = conclusion.outcome.kind is Kind.INTERRUPTED
        return EndedBy.BUDGET if is_interrupted and self.ended_by is EndedBy.NONE else self.ended_by


def stderr_of(path: Path) -> str:
    """The end of what an agent wrote to stderr."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - MAX_STDERR))
            return stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
