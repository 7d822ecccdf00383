"""Ways of writing suites. A dialect is reached by name and loaded late."""

DIALECTS: dict[str, str] = {"contract": "dq.dialects.contract:load", "gx": "dq.dialects.gx:load"}
