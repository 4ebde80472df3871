"""For all tests: a busy machine is no failure of a property, and a Ctrl-C reaches what they start.

A shell starts what runs in its background with Ctrl-C ignored, and all that this starts inherits
it.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("wfd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wfd")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
