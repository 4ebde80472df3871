import sys

from wfd_runners.sim.agent import main

sys.exit(main(sys.argv[1:]))
