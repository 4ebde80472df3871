"""For all tests: a busy machine is no failure of a property, and signals reach what they start.

What runs in a shell's background, or by nohup, has Ctrl-C or a hang-up ignored, and all that it
starts inherits that. It does not inherit a handler.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("wfd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wfd")


def _pass_over(number: int, frame: object) -> None:
    """As ignored here, and the default in what is started."""


for one in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(one) is signal.SIG_IGN:
        signal.signal(one, _pass_over)
