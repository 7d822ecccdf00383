"""DuckDB: text, keys, exact counts and everything that must spill."""
