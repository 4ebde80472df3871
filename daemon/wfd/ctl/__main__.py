"""`python -m wfd.ctl`: wfctl without its script on PATH."""

from wfd.ctl import main

main()
