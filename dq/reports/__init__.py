"""Documents -> text: functions over `dq.*/1` dictionaries and nothing else."""
