"""One folder per harness: how an agent CLI is launched and understood. None of them spawns."""

TYPE_CHECKING = False  # `typing` alone would take a tenth of the sim agent's start

if TYPE_CHECKING:
    from wfd.ports import Harness


def harnesses() -> dict[str, "Harness"]:
    """Every harness by its name, fresh."""
    # Imported here, because the sim agent's process passes through this file as well.
    from wfd_runners.claude.harness import Claude
    from wfd_runners.codex.harness import Codex
    from wfd_runners.gemini.harness import Gemini
    from wfd_runners.sim.harness import Sim

    return {harness.name: harness for harness in (Claude(), Codex(), Gemini(), Sim())}
