"""The end of a run, as the engine writes it, for tests that run no agent."""

from tests.store.ground import Ground

from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome, Usage
from wfd.domain.run import Run
from wfd.engine.close import Closed, _close
from wfd.engine.over import Closing
from wfd.ports import Snapshot


def end(
    ground: Ground,
    run: Run,
    kind: Kind,
    *,
    text: str = "",
    cost_usd: float | None = None,
    reset_at: int | None = None,
    snapshot: Snapshot | None = None,
    tokens: int | None = None,
    ended_by: EndedBy = EndedBy.NONE,
    blames_ai: bool = True,
) -> Closed:
    """Close a run with what its agent said. Raises LeaseLost when it is closed already."""
    outcome = Outcome(kind, "as it went", reset_at)
    usage = Usage(tokens_in=tokens)
    told = Conclusion(outcome, session_id="s", text=text, cost_usd=cost_usd, usage=usage)
    closing = Closing(told, ended_by, 0, snapshot, blames_ai=blames_ai)
    return ground.do(lambda tx: _close(tx, run, closing, ground.settings, 0.5))
