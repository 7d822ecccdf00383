import pandera.polars as pa
import polars as pl

Orders = pa.DataFrameSchema(
    {
        "id": pa.Column(pl.Int64, [pa.Check.gt(0), pa.Check.lt(1_000)], unique=True),
        "amount": pa.Column(pl.Float64, [pa.Check.ge(0), pa.Check.in_range(0, 500)], nullable=True),
        "state": pa.Column(pl.String, [pa.Check.isin(["new", "paid"]), pa.Check.str_matches(r"\w+")]),
        "note": pa.Column(pl.String, pa.Check.str_length(1, 9), required=False, nullable=True),
        "^x_.*$": pa.Column(pl.Int64, regex=True, required=False),
    },
    checks=pa.Check(lambda data: data.lazyframe.select(pl.col("id") > pl.col("amount"))),
    strict=True,
    unique=["id", "state"],
)
