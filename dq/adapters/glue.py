"""A table of the Glue Data Catalog whose partitions lie where readers are to look: Athena sees each change at once."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dq.adapters.aws import ask, refusal
from dq.errors import StoreError
from dq.ir.data import Kind
from dq.ir.layout import parse_layout
from dq.stores.s3.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.adapters.base import Shown
    from dq.ir.contract import Contract
    from dq.ir.data import Reading, Type
    from dq.ir.expr import Scalar
    from dq.stores.base import Store
    from dq.stores.s3.access import Access

_AT_ONCE = 100  # partitions in one request
_TYPES = {
    Kind.BOOL: "boolean", Kind.INT8: "tinyint", Kind.INT16: "smallint", Kind.INT32: "int", Kind.INT64: "bigint",
    Kind.UINT8: "smallint", Kind.UINT16: "int", Kind.UINT32: "bigint", Kind.UINT64: "decimal(20,0)",
    Kind.FLOAT: "float", Kind.DOUBLE: "double", Kind.BINARY: "binary", Kind.DATE: "date", Kind.TIME: "bigint",
    Kind.TIMESTAMP: "timestamp", Kind.DURATION: "bigint",
}  # fmt: skip
_KEPT = (
    "Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor",
    "PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable",
)  # what a table is told to be, of all that is told of it  # fmt: skip
_HIVE = "org.apache.hadoop.hive"
_TEXT_IN = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUT = f"{_HIVE}.ql.io.HiveIgnoreKeyTextOutputFormat"
_PARQUET = (
    f"{_HIVE}.ql.io.parquet.MapredParquetInputFormat", f"{_HIVE}.ql.io.parquet.MapredParquetOutputFormat",
    f"{_HIVE}.ql.io.parquet.serde.ParquetHiveSerDe",
)  # fmt: skip
_JSON = (_TEXT_IN, _TEXT_OUT, "org.openx.data.jsonserde.JsonSerDe")
_CSV = (_TEXT_IN, _TEXT_OUT, f"{_HIVE}.serde2.OpenCSVSerde")


class Glue:
    name, versions = "glue", False

    def __init__(self, curated: Store, access: Access, database: str, table: str) -> None:
        self.at = f"{database}.{table}"
        self.curated, self.access, self.database, self._table = curated, access, database, table

    def follow(self, contract: Contract, shown: Mapping[str, Shown], keys: Sequence[str]) -> None:
        named = parse_layout(contract.layout).fields if contract.layout else ()
        if not named:
            raise StoreError(f"glue: the layout of {contract.source} has no keys that partitions could go by")
        table = self._table.format(source=contract.source)
        partitioned = [shown[key] for key in keys if shown[key].values]  # a released stray has no place in the table
        if not partitioned:
            return
        self._prepare(table, contract, [{"Name": f.name.lower(), "Type": hive(f.type)} for f in named], partitioned[-1])
        wanted = [_partition(one, contract, self.curated) for one in partitioned]
        for n in range(0, len(wanted), _AT_ONCE):
            self._place(table, wanted[n : n + _AT_ONCE])

    def _ask(self, operation: str, table: str, permission: str, **asked: Any) -> dict[str, Any]:
        client = self.access.client("glue")
        on = f"Glue table {self.database}.{table}"
        return ask(client, operation, on, permission=f"glue:{permission}", DatabaseName=self.database, **asked)

    def _prepare(self, table: str, contract: Contract, keys: list[dict[str, str]], newest: Shown) -> None:
        """See that the table is there and goes by these keys."""
        try:
            made = self._ask("get_table", table, "GetTable", Name=table)["Table"]
        except Refused as error:
            if error.code != "EntityNotFoundException":
                raise
            return self._create(table, contract, keys, newest)
        found = made.get("PartitionKeys", [])
        if [k["Name"] for k in found] != [k["Name"] for k in keys]:
            theirs, ours = (", ".join(k["Name"] for k in each) or "nothing" for each in (found, keys))
            raise StoreError(
                f"Glue table {self.database}.{table} is partitioned by {theirs}, {contract.source} by {ours}: name"
                " another table in [adapters.glue], or drop this one"
            )
        return self._extend(table, made, _described(newest, contract, "")["Columns"])

    def _extend(self, table: str, made: dict[str, Any], columns: list[dict[str, str]]) -> None:
        """Columns that are new come last; those that are there stay as they are, whoever made them."""
        there = made.get("StorageDescriptor", {})
        known = {c["Name"] for c in there.get("Columns", ())}
        if new := [c for c in columns if c["Name"] not in known]:
            wanted = {name: made[name] for name in _KEPT if name in made}
            wanted["StorageDescriptor"] = {**there, "Columns": [*there.get("Columns", ()), *new]}
            self._ask("update_table", table, "UpdateTable", TableInput=wanted)

    def _create(self, table: str, contract: Contract, keys: list[dict[str, str]], newest: Shown) -> None:
        lies = _described(newest, contract, self.curated.location(contract.source))
        made = {
            "Name": table, "TableType": "EXTERNAL_TABLE", "PartitionKeys": keys, "StorageDescriptor": lies,
            "Parameters": {
                "EXTERNAL": "TRUE", "classification": _format(newest, _reading(newest, contract)), **lies["Parameters"]
            },
            "Description": f"Published partitions of {contract.source}, kept by dq.",
        }  # fmt: skip
        try:
            self._ask("create_table", table, "CreateTable", TableInput=made)
        except Refused as error:
            if error.code == "EntityNotFoundException":
                said = f'no database "{self.database}" in Glue: make it, or mend database in [adapters.glue]'
                raise StoreError(said) from error
            if error.code != "AlreadyExistsException":
                raise

    def _place(self, table: str, partitions: list[dict[str, Any]]) -> None:
        answer = self._ask(
            "batch_create_partition", table, "BatchCreatePartition", TableName=table, PartitionInputList=partitions
        )
        there = _those_with(answer, "AlreadyExistsException", "PartitionValues", "glue:BatchCreatePartition", table)
        entries = [
            {"PartitionValueList": p["Values"], "PartitionInput": p} for p in partitions if tuple(p["Values"]) in there
        ]
        if entries:
            answer = self._ask(
                "batch_update_partition", table, "BatchUpdatePartition", TableName=table, Entries=entries
            )
            _those_with(answer, "", "PartitionValueList", "glue:BatchUpdatePartition", table)


def _those_with(answer: dict[str, Any], code: str, values: str, permission: str, table: str) -> set[tuple[str, ...]]:
    """Partitions refused with this code. Raises StoreError for those refused with another."""
    found = set()
    for one in answer.get("Errors", ()):
        told = str(one.get("ErrorDetail", {}).get("ErrorCode", "Error"))
        if told != code:
            name = "/".join(one[values])
            raise StoreError(f"Glue table {table}, partition {name}: {refusal(told, 400, permission)}")
        found.add(tuple(one[values]))
    return found


def _partition(one: Shown, contract: Contract, curated: Store) -> dict[str, Any]:
    lies = _described(one, contract, curated.location(one.publication.path))
    told = {"dq.revision": str(one.publication.revision), "dq.run_id": one.publication.run_id, **lies["Parameters"]}
    return {"Values": [key_text(v) for _, v in one.values], "StorageDescriptor": lies, "Parameters": told}


def _described(one: Shown, contract: Contract, location: str) -> dict[str, Any]:
    reading = _reading(one, contract)
    kind = _format(one, reading)
    formats, told = {"parquet": (_PARQUET, {}), "json": (_JSON, {})}.get(kind, (_CSV, _dialect(one, reading)))
    header = {"skip.header.line.count": "1"} if kind == "csv" and reading.header else {}
    keys = {name.lower() for name, _ in one.values}
    columns = {
        f.name.lower(): "string" if kind == "csv" else hive(f.type)
        for f in one.schema.fields
        if f.name.lower() not in keys
    }
    return {
        "Columns": [{"Name": n, "Type": t} for n, t in columns.items()], "Location": f"{location}/",
        "InputFormat": formats[0], "OutputFormat": formats[1], "Parameters": header,
        "SerdeInfo": {"SerializationLibrary": formats[2], "Parameters": told},
    }  # fmt: skip


def _reading(one: Shown, contract: Contract) -> Reading:
    return contract.suite_at(dict(one.values)).reading


def _format(one: Shown, reading: Reading) -> str:
    if reading.format is not None:
        return "json" if reading.format == "ndjson" else reading.format
    name = one.locations[0].lower() if one.locations else ""
    if ".parquet" in name:
        return "parquet"
    return "json" if any(ending in name for ending in (".json", ".ndjson")) else "csv"


def _dialect(one: Shown, reading: Reading) -> dict[str, str]:
    tabs = bool(one.locations) and ".tsv" in one.locations[0].lower()
    return {
        "separatorChar": reading.delimiter or ("\t" if tabs else ","), "quoteChar": reading.quote,
        "escapeChar": reading.escape or "\\",
    }  # fmt: skip


def hive(type_: Type) -> str:
    """The type as Hive calls it; what it does not know is text."""
    match type_.kind:
        case Kind.DECIMAL:
            return f"decimal({type_.precision or 38},{type_.scale or 0})"
        case Kind.LIST if type_.item:
            return f"array<{hive(type_.item)}>"
        case Kind.MAP if type_.key and type_.item:
            return f"map<{hive(type_.key)},{hive(type_.item)}>"
        case Kind.STRUCT if type_.fields:
            return f"struct<{','.join(f'{f.name.lower()}:{hive(f.type)}' for f in type_.fields)}>"
        case _:
            return _TYPES.get(type_.kind, "string")


def key_text(value: Scalar) -> str:
    """A key as Hive writes it."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)
