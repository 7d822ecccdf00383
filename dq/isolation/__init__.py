"""Bytes nobody has looked at are read in processes of their own, with a deadline and a memory limit."""
