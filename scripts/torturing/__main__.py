"""scripts/torture: harm a daemon for a while, then check all that it told and kept."""

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click

from torturing import killer, ledger
from torturing.checker import scene, violations
from torturing.ground import Ground

SETTLE_S = 120.0
HARM_EVERY_S = 1.0  # on the average


@click.command()
@click.option("--seconds", type=click.FloatRange(1), default=60, show_default=True)
@click.option("--seed", type=int, default=None, help="The same again; else one is drawn and told.")
@click.option("--clients", type=click.IntRange(1, 32), default=6, show_default=True)
@click.option("--kill", "is_kill", is_flag=True, help="Daemons that die by kill -9, nothing else.")
@click.option("--keep", is_flag=True, help="Keep the folder also when all is well.")
def torture(seconds: float, seed: int | None, clients: int, is_kill: bool, keep: bool) -> int:
    """Many clients with seeded random commands, while the daemon, clients and agents are killed
    and paused. Then a checker reads the clients' ledgers, the store and the repository.

    With --kill one daemon after the other dies at a random moment, in its recovery too, and the
    branches are compared with what the jobs have done.

    Exit code 1 when a law is broken; the folder is kept then.
    """
    seed = random.randrange(10**6) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="wfd-torture-"))
    who = "kills" if is_kill else f"{clients} clients"
    click.echo(f"seed {seed}, {who}, {seconds:g} s, in {folder}")
    ground = Ground(folder, seed)
    try:
        if is_kill:
            broken = _killed(ground, seed, seconds)
        else:
            broken = _tortured(ground, seed, seconds, clients)
    finally:
        ground.end()
    for words in broken:
        click.echo(f"  {words}", err=True)
    if broken or keep:
        click.echo(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    click.echo(f"{len(broken)} broken" if broken else "every law holds")
    return 1 if broken else 0


def _tortured(ground: Ground, seed: int, seconds: float, clients: int) -> list[str]:
    chance = random.Random(f"{seed}.pace")
    ground.lay_out()
    ground.start_daemon()
    ground.start_clients(clients)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(min(3.0, chance.expovariate(1 / HARM_EVERY_S)))
        ground.harm()
    ground.end_clients()
    is_quiet = ground.settle(SETTLE_S)
    code = ground.stop()
    calls = ledger.read(ground.ledgers)
    with scene(ground.place.store_path, calls, ground.survivors(), ground.git) as left:
        _tell(ground, calls, left.rows("select outcome, count(*) as n from run group by 1"))
        broken = violations(left)
    if not is_quiet:
        broken.append(f"settle: work was still open after {SETTLE_S:g} s")
    if code != 0:
        broken.append(f"stop: the daemon left with {code}")
    return broken


def _killed(ground: Ground, seed: int, seconds: float) -> list[str]:
    ground.lay_out(killer.PLAYS)
    died = killer.kill(ground, seed, seconds)
    ground.start_daemon()
    is_quiet = ground.settle(SETTLE_S)
    code = ground.stop()
    ground.done = {f"killed {where}": count for where, count in died.items()}
    with scene(ground.place.store_path, [], ground.survivors(), ground.git) as left:
        _tell(ground, [], left.rows("select outcome, count(*) as n from run group by 1"))
        runs = ground.place.run_folder(1).path.parent
        broken = [*violations(left), *killer.broken_promises(left, runs)]
    click.echo(f"{died.total()} kills, {len(broken)} violations")
    if not is_quiet:
        broken.append(f"settle: work was still open after {SETTLE_S:g} s")
    if code != 0:
        broken.append(f"stop: the daemon left with {code}")
    return broken


def _tell(ground: Ground, calls: list[ledger.Call], runs: list[dict[str, object]]) -> None:
    ends = Counter(call.end for call in calls)
    for what, counts in (
        ("harm", ground.done),
        ("calls", ends),
        ("runs", {str(row["outcome"]): row["n"] for row in runs}),
    ):
        said = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        click.echo(f"{what}: {said}")


if __name__ == "__main__":
    sys.exit(torture.main(standalone_mode=False))
