"""The process that speaks with desktop and chat services: one message, given on stdin.

Exit code 0 when it has arrived; else what apprise says of it is on stdout.
"""

import json
import logging
import sys


def main() -> int:
    ask = json.load(sys.stdin)
    try:
        import apprise
    except ImportError as error:
        print(f"apprise cannot be imported: {error}")
        return 1
    target = apprise.Apprise()
    with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]
        is_known = target.add(ask["url"])
        arrived = is_known and target.notify(
            title=ask["title"], body=ask["body"], body_format=apprise.NotifyFormat.TEXT
        )
        lines = said.getvalue().strip().splitlines()
    if arrived:
        return 0
    reason = lines[-1] if lines else "it does not say why"
    print(reason if is_known else f"apprise does not know such an address: {reason}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
