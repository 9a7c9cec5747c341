"""Tables shard by account: it is in every key, unique constraint and reference of what a business has (X6)."""

from __future__ import annotations

from tests.world import World

INSTALLATION = {
    "accounts": "an account is its own shard's name",
    "connection_directory": "the directory: which account a webhook address belongs to",
    "token_directory": "the directory: which account a token's hash belongs to",
    "migrations": "the state of the schema itself",
    "unknown_refusals": "a name that nobody has belongs to no account",
    "workers": "processes, which serve all accounts",
}
"""Tables of the installation and not of an account, and why."""
KEYS = """
SELECT t.relname AS table, i.relname AS name, array_agg(a.attname::text) AS columns
  FROM pg_index x
  JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_class i ON i.oid = x.indexrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = current_schema()
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
 WHERE x.indisunique
 GROUP BY t.relname, i.relname
"""
REFERENCES = """
SELECT c.conrelid::regclass::text AS table, c.conname AS name, c.confrelid::regclass::text AS target,
       array(SELECT attname::text FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = ANY (c.conkey)) AS columns
  FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
"""


async def test_X6_every_key_of_a_business_table_holds_the_account(shop: World) -> None:
    keys = await shop.rows(KEYS)
    without = {f"{key['table']}.{key['name']}" for key in keys if "account_id" not in key["columns"]}
    assert {name for name in without if name.split(".")[0] not in INSTALLATION} == set()
    tables = {key["table"] for key in keys}
    assert set(INSTALLATION) <= tables, "an exception that is none any more"
    rows = await shop.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    assert {row["tablename"] for row in rows} == tables, "a table without a key"


async def test_X6_every_reference_of_a_business_table_stays_within_the_account(shop: World) -> None:
    references = await shop.rows(REFERENCES)
    assert references
    assert [row for row in references if "account_id" not in row["columns"]] == []


async def test_X6_every_business_table_names_the_account_first_in_its_primary_key(shop: World) -> None:
    rows = await shop.rows(
        "SELECT x.indrelid::regclass::text AS table, a.attname AS first FROM pg_index x "
        "JOIN pg_class t ON t.oid = x.indrelid AND t.relnamespace = current_schema()::regnamespace "
        "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] WHERE x.indisprimary"
    )
    assert {row["table"] for row in rows if row["first"] != "account_id"} == set(INSTALLATION)
