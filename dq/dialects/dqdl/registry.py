"""The rule types of DQDL: how many parameters each takes, what its condition compares, and what else it may have.

`where`: a scope; `threshold`: a share of rows; `recall`: numbers of earlier runs (`last`); `observed`: as an analyzer;
`anomaly`: in DetectAnomalies; `rows`: fails where there are none. Of the condition `?` says that it may be left out,
`-` that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

_TYPES = """
RowCount                 0    number     where recall observed anomaly
ColumnCount              0    number     recall observed anomaly
ColumnExists             1    -
ColumnNamesMatchPattern  1    -
ColumnDataType           1    type       where threshold
ColumnLength             1    number     where recall observed anomaly rows
ColumnValues             1    value      where threshold observed anomaly rows
ColumnCorrelation        2    number     where recall observed anomaly rows
Completeness             1    number     where recall observed anomaly rows
IsComplete               1    -          where rows
Uniqueness               1+   number     where recall observed anomaly rows
IsUnique                 1+   -          where rows
IsPrimaryKey             1+   -          where rows
UniqueValueRatio         1+   number     where recall observed anomaly rows
DistinctValuesCount      1    number     where recall observed anomaly
Entropy                  1    number     where recall observed anomaly rows
Mean                     1    number     where recall observed anomaly rows
Sum                      1    number     where recall observed anomaly rows
StandardDeviation        1    number     where recall observed anomaly rows
Variance                 1    number     where rows
RowCountMatch            1    number     recall
SchemaMatch              1    number     recall
AggregateMatch           2    number
DatasetMatch             2-3  number     recall
ReferentialIntegrity     2    number     recall
CustomSql                1    number?    threshold recall observed anomaly rows
DataFreshness            1    duration   where
DetectAnomalies          1+   -
AllStatistics            0-1  -          observed
FileFreshness            0-1  moment     threshold
FileMatch                0-2  hash?
FileUniqueness           0-1  number
FileSize                 0-1  size       threshold
"""
_DEEQU = frozenset({"ZerosCount", "Range", "InterquartileRange", "Skewness", "Kurtosis", "DuplicateRowCount"})


@dataclass(frozen=True, slots=True)
class RuleType:
    name: str
    least: int
    most: int
    condition: str
    optional: bool
    flags: frozenset[str]

    def takes(self) -> str:
        counted = (
            "no" if not self.most else str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        )
        counted = f"{self.least} or more" if self.most > 3 else counted
        return f"{counted} {'parameter' if counted == '1' else 'parameters'}"


def _read(table: str) -> dict[str, RuleType]:
    found = {}
    for name, count, condition, *flags in (line.split() for line in table.strip().splitlines()):
        low, _, high = count.partition("-")
        most = 1_000 if count.endswith("+") else int(high or low)
        kind = condition.rstrip("?").replace("-", "")
        found[name] = RuleType(name, int(low.rstrip("+")), most, kind, condition.endswith("?"), frozenset(flags))
    return found


RULES = _read(_TYPES)


def hint(name: str) -> str:
    """What is to be said of a name that is none, beyond the nearest one."""
    return "; Deequ has such a check, DQDL has no such rule" if name in _DEEQU else ""
