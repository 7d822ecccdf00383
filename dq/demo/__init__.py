"""Bundled real landings for `dq demo`; see ATTRIBUTION.md."""
