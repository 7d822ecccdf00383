"""What our types are called elsewhere. `~` marks a lossy cell: under the name another type of ours comes back, or one
that cannot be told from others. `-`: no such type. Parameters stand as for decimal(10,2), microseconds, and int64
inside what is nested; `instant` is a timestamp that has a zone.
"""

from __future__ import annotations

from dataclasses import dataclass

_ENGINES = """
kind       duckdb               polars            arrow                       parquet
bool       BOOLEAN              Boolean           bool                        BOOLEAN
int8       TINYINT              Int8              int8                        INT32:Int(8,true)
int16      SMALLINT             Int16             int16                       INT32:Int(16,true)
int32      INTEGER              Int32             int32                       INT32
int64      BIGINT               Int64             int64                       INT64
uint8      UTINYINT             UInt8             uint8                       INT32:Int(8,false)
uint16     USMALLINT            UInt16            uint16                      INT32:Int(16,false)
uint32     UINTEGER             UInt32            uint32                      INT32:Int(32,false)
uint64     UBIGINT              UInt64            uint64                      INT64:Int(64,false)
decimal    DECIMAL(10,2)        Decimal(10,2)     decimal128(10,2)            FIXED_LEN_BYTE_ARRAY:Decimal(10,2)
float      FLOAT                Float32           float                       FLOAT
double     DOUBLE               Float64           double                      DOUBLE
string     VARCHAR              String            string                      BYTE_ARRAY:String
binary     BLOB                 Binary            binary                      BYTE_ARRAY
date       DATE                 Date              date32[day]                 INT32:Date
time       TIME                 Time              time64[us]                  INT64:Time(false,microseconds)
timestamp  TIMESTAMP            Datetime(us)      timestamp[us]               INT64:Timestamp(false,microseconds)
instant    TIMESTAMPTZ          Datetime(us,UTC)  timestamp[us,tz=UTC]        INT64:Timestamp(true,microseconds)
duration   ~INTERVAL            Duration(us)      duration[us]                ~INT64
uuid       ~UUID                ~String           extension<arrow.uuid>       FIXED_LEN_BYTE_ARRAY:UUID
list       BIGINT[]             List(Int64)       list<item:int64>            List
struct     STRUCT(a:BIGINT)     Struct(a:Int64)   struct<a:int64>             -
map        MAP(VARCHAR,BIGINT)  Map(String,Int64) map<string,int64>           Map
json       ~JSON                ~String           extension<arrow.json>       BYTE_ARRAY:JSON
enum       ~ENUM('a')           ~Enum(a)          ~dictionary<string,int32>   ~BYTE_ARRAY:Enum
null       "NULL"               Null              null                        INT32:Null
"""
_DIALECTS = """
kind       pandas              pandera      gx               odcs        dqdl
bool       boolean             Bool         bool             boolean     Boolean
int8       Int8                Int8         int8             ~integer    ~Integer
int16      Int16               Int16        int16            ~integer    ~Integer
int32      Int32               Int32        int32            ~integer    Integer
int64      Int64               Int64        int64            integer     Long
uint8      UInt8               UInt8        uint8            ~integer    ~Integer
uint16     UInt16              UInt16       uint16           ~integer    ~Integer
uint32     UInt32              UInt32       uint32           ~integer    ~Long
uint64     UInt64              UInt64       uint64           ~integer    -
decimal    ~object             Decimal      ~object          ~number     -
float      Float32             Float32      float32          ~number     Float
double     Float64             Float64      float64          number      Double
string     string              String       str              string      -
binary     ~object             Binary       bytes            -           -
date       ~object             Date         ~object          date        Date
time       ~object             Time         ~object          time        -
timestamp  datetime64[us]      Timestamp    datetime64[us]   timestamp   Timestamp
instant    datetime64[us,UTC]  ~Timestamp   ~datetime64[us]  ~timestamp  ~Timestamp
duration   timedelta64[us]     Timedelta    timedelta64[us]  -           -
uuid       ~object             ~String      ~object          ~string     -
list       ~object             -            list             array       -
struct     ~object             -            dict             object      -
map        ~object             -            ~dict            ~object     -
json       ~string             ~String      ~str             ~string     -
enum       ~category           ~Category    ~object          ~string     -
null       ~object             -            -                -           -
"""


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    lossy: bool = False


def _read(table: str) -> dict[str, dict[str, Name]]:
    """System -> kind -> name; a kind that the system lacks is absent."""
    (_, *systems), *rows = (line.split() for line in table.strip().splitlines())
    found: dict[str, dict[str, Name]] = {system: {} for system in systems}
    for kind, *cells in rows:
        for system, cell in zip(systems, cells, strict=True):
            if cell != "-":
                found[system][kind] = Name(cell.removeprefix("~"), cell.startswith("~"))
    return found


NAMES = _read(_ENGINES) | _read(_DIALECTS)
