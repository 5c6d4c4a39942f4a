"""The harness for the paper: files, configurations, many runs, figures."""

import sys

if sys.argv[:1] == ["-m"]:  # a command: as Python has it until it finds the module
    from experiments import stop

    stop.watch()  # before all else that is imported

    from experiments import shell

    shell.use_plain_output()
