#!/usr/bin/env python3
"""Reads a Delta table with two readers that are not ours, delta-rs and DuckDB's delta extension (delta-kernel).

usage: read-delta.py TABLE [--version N] [--sql "select ... from t"] [--keys a,b] [--repeat SECONDS]

Prints one JSON object per reader: {"reader", "version", "rows", "columns", "files", "duplicates", "result", "txns"}; what a
reader cannot tell is null. With --repeat it reads the newest version over and over for that long and prints one object
per read, and {"reader": "end"} at last. The SQL sees the table as `t`.
"""

import argparse
import datetime
import decimal
import glob
import json
import os
import sys
import time


def plain(value):
    """Exact and comparable: decimals as text, instants as ISO 8601 in UTC with microseconds."""
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        utc = datetime.timezone.utc
        aware = value.replace(tzinfo=utc) if value.tzinfo is None else value.astimezone(utc)
        return aware.isoformat(timespec="microseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    # JSON numbers are doubles to most readers of this output.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return str(value)
    return value


class DeltaRs:
    name = "deltalake"

    def open(self, path, version):
        import deltalake

        self.table = deltalake.DeltaTable(path, version=version)
        self.session = deltalake.QueryBuilder().register("t", self.table)
        schema = json.loads(self.table.schema().to_json())
        return {
            "version": self.table.version(),
            "files": len(self.table.file_uris()),
            "columns": [[field["name"], field["type"]] for field in schema["fields"]],
        }

    def query(self, sql):
        batch = self.session.execute(sql).read_all()
        columns = [batch[i].to_pylist() for i in range(batch.num_columns)]
        return [list(row) for row in zip(*columns)]

    def transaction(self, app_id):
        return self.table.transaction_version(app_id)


class DuckDb:
    name = "duckdb"

    def __init__(self):
        import duckdb
        import duckdb_extension_delta

        folder = os.path.dirname(duckdb_extension_delta.__file__)
        (extension,) = glob.glob(os.path.join(folder, "extensions", "*", "delta.duckdb_extension"))
        self.connection = duckdb.connect()
        self.connection.load_extension(extension)
        self.connection.execute("set timezone = 'UTC'")

    def open(self, path, version):
        at = "" if version is None else f", version => {version}"
        quoted = os.path.abspath(path).replace("'", "''")
        self.connection.execute(f"create or replace view t as select * from delta_scan('{quoted}'{at})")
        return {"version": version, "files": None, "columns": None}

    def query(self, sql):
        # Zoned timestamps need one more package in Python; as naive ones in UTC they do not.
        described = self.connection.execute(f"describe {sql}").fetchall()
        columns = [
            f'timezone(\'UTC\', "{name}")' if kind == "TIMESTAMP WITH TIME ZONE" else f'"{name}"'
            for name, kind, *_ in described
        ]
        rows = self.connection.execute(f"select {', '.join(columns)} from ({sql})").fetchall()
        return [list(row) for row in rows]

    def transaction(self, app_id):
        return None


def read(reader, arguments):
    report = {"reader": reader.name, **reader.open(arguments.table, arguments.version)}
    report["rows"] = reader.query("select count(*) from t")[0][0]
    if arguments.keys:
        keys = ", ".join(f'"{key}"' for key in arguments.keys.split(","))
        counted = f"select count(*) as n from t group by {keys} having count(*) > 1"
        report["duplicates"] = reader.query(f"select count(*) from ({counted}) d")[0][0]
    if arguments.sql:
        report["result"] = [[plain(value) for value in row] for row in reader.query(arguments.sql)]
    report["txns"] = {app: reader.transaction(app) for app in arguments.txn}
    return report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("--version", type=int)
    parser.add_argument("--sql")
    parser.add_argument("--keys")
    parser.add_argument("--txn", action="append", default=[])
    parser.add_argument("--repeat", type=float)
    arguments = parser.parse_args()
    readers = [DeltaRs(), DuckDb()]
    until = time.monotonic() + (arguments.repeat or 0)
    while True:
        for reader in readers:
            print(json.dumps(read(reader, arguments)), flush=True)
        if time.monotonic() >= until:
            break
    if arguments.repeat:
        print(json.dumps({"reader": "end"}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
