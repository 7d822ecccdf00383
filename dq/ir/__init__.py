"""The language in the middle: standard library only, frozen data, no I/O."""
