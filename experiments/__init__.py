"""The harness for the paper: files, configurations, many runs, figures."""
