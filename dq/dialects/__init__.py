"""Ways of writing suites. `dq.suite` tells which one a file is written in, and loads it late."""
