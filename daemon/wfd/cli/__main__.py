"""`python -m wfd.cli`: how a daemon starts another process of itself."""

from wfd.cli import main

main()
