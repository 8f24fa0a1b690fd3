"""The start with PostgreSQL, and its outages."""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
import pytest
from structlog.testing import capture_logs

from bot.durable.database import open_store
from bot.durable.model import DatabaseError, Enqueue, StoreUnavailableError
from bot.durable.postgres import open_postgres
from bot.durable.schema import MIGRATIONS
from bot.durable.store import LEASE_LOST
from tests.durable.conftest import replica, until
from tests.durable.pgbouncer import pgbouncer_program, pooled
from tests.durable.postgres import Postgres
from tests.durable.test_store import QUEUE, add

__all__ = ["pgbouncer_program"]  # the fixture


async def execute(url: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    found: list[Any] = []
    try:
        for statement in statements:
            found = await connection.fetch(statement)
    finally:
        await connection.close()
    return found


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgres://bot:secret@127.0.0.1:1/bot", r"bot:\*\*\*@127.0.0.1:1/bot cannot be used"),
        ("postgresql+asyncpg://bot:secret@127.0.0.1:1/bot", "Connect call failed"),
        ("postgresql://bot:secret@127.0.0.1:1/bot?sslmode=disable", "Connect call failed"),
        ("postgresql://bot:secret@127.0.0.1:1/bot?channel_binding=require", "Connect call failed"),
        ("postgresql://bot:secret@127.0.0.1:1/bot?connect_timeout=2", "Connect call failed"),
        ("postgresql://bot:secret@127.0.0.1:1/bot?sslmode=maybe", "sslmode"),
        ("postgresql://bot:secret@/bot?host=/cloudsql/a:b:c", "Correct the path that host, ssl"),
        (
            "postgresql://bot:secret@127.0.0.1:1/bot?connect_timeout=soon",
            "cannot be used: connect_timeout must be a number of seconds$",
        ),
        ("postgresql://bot:secret@a..b/bot", r"a\.\.b/bot cannot be used: .*label empty"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words) as raised:
        async with open_store(url):
            pass
    assert "secret" not in str(raised.value)


async def test_the_server_refuses_a_parameter_that_it_does_not_know(postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match=r'cannot be used: .*"unknown"'):
        async with open_store(f"{postgres_url}?unknown=1"):
            pass


async def test_the_servers_tools_own_parameters_are_understood(postgres_url: str) -> None:
    query = "sslmode=prefer&application_name=the+bot&connect_timeout=3&channel_binding=prefer"
    async with replica(f"{postgres_url}?{query}"):
        rows = await execute(postgres_url, "SELECT application_name FROM pg_stat_activity")
        assert "the bot" in {row[0] for row in rows}


async def test_parameters_of_other_programs_are_ignored_with_a_line(postgres_url: str) -> None:
    query = "pgbouncer=true&connection_limit=5&pool_timeout=10&gssencmode=disable&schema=lab"
    query += "&options=-c%20statement_timeout%3D9s"
    await execute(postgres_url, "CREATE SCHEMA lab")
    with capture_logs() as lines:
        async with open_store(
            f"{postgres_url}?{query}&options=-c%20statement_timeout%3D9s"
        ) as store:
            await add(store, "one")
    (line,) = [line for line in lines if "ignored parameters" in line["event"]]
    assert line["names"] == ["connection_limit", "gssencmode", "pgbouncer", "pool_timeout"]
    rows = await execute(postgres_url, "SELECT count(*) FROM lab.training_bot_tasks")
    assert rows[0][0] == 1


async def test_of_several_hosts_the_one_that_answers_is_used(postgres_url: str) -> None:
    _, host = postgres_url.split("@")
    hosts, name = host.split("/")
    for scheme in ("postgres", "postgresql+psycopg2"):
        async with open_store(f"{scheme}://bot@127.0.0.1:1,{hosts}/{name}?ssl=false") as store:
            await add(store, scheme)


async def test_of_several_hosts_a_standby_is_not_used(postgres_url: str) -> None:
    _, host = postgres_url.split("@")
    hosts, name = host.split("/")
    # A session in which nothing can be written, as on a standby.
    await execute(postgres_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(DatabaseError, match=r"None of the hosts match.*read.*primary server"):
        async with open_store(f"postgresql://bot@{hosts},{hosts}/{name}"):
            pass


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sslmode=require", r"Leave sslmode out: this server does not use TLS"),
        ("ssl=true", r"Leave sslmode out"),
        ("sslmode=verify-full&sslrootcert=system", r"Leave sslmode out"),
        ("sslmode=verify-full", r'root.crt" does not exist.*\. Give the server.*=system'),
        ("options=endpoint%3Dx", r"endpoint=x$"),
        ("sslmode=verify-full&sslrootcert=/nowhere.pem", r"Correct the path that host, sslr"),
        ("sslcertmode=allow&sslmode=nothing", r"`sslmode` parameter must be one of"),
        ("target_session_attrs=nothing", r"Use target_session_attrs=read-write"),
        ("sslmode=disable&", r"Write each parameter of DATABASE_URL as name=value"),
        ("unknown=1", r"Remove this parameter from DATABASE_URL"),
        ("schema=nowhere", r"Create the schema that DATABASE_URL names"),
    ],
)
async def test_a_parameter_that_cannot_work_is_refused_with_the_cure(
    postgres_url: str, query: str, words: str
) -> None:
    with pytest.raises(DatabaseError, match=words) as refused:
        async with open_store(f"{postgres_url}?{query}"):
            pass
    assert "\n" not in str(refused.value)


async def test_a_user_who_cannot_create_tables_is_told_the_cure(postgres_url: str) -> None:
    name = urlsplit(postgres_url).path[1:]
    role = f"only_reads_{name}"
    await execute(postgres_url, f"CREATE ROLE {role} LOGIN")
    await execute(postgres_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    url = postgres_url.replace("//bot@", f"//{role}@")
    with pytest.raises(DatabaseError, match="Let the user of DATABASE_URL create tables"):
        async with open_store(url):
            pass
    await execute(postgres_url, f"DROP ROLE {role}")


async def test_an_address_that_leads_nowhere_is_told_the_cure(
    postgres_url: str, closed_port: int
) -> None:
    address = postgres_url.rpartition("/")[0]
    host = address.rpartition("@")[2]
    wrong = {
        postgres_url.replace(host, f"127.0.0.1:{closed_port}"): "correct the host and the port",
        f"{address}/nowhere": "Create the database, or correct its name in DATABASE_URL",
        f"{postgres_url}?options=-c%20default_transaction_read_only%3Don": "the primary server",
    }
    for url, words in wrong.items():
        with pytest.raises(DatabaseError, match=words):
            async with open_store(url, wait=0):
                pass


async def test_a_newer_schema_is_refused_in_words(postgres_url: str) -> None:
    async with open_store(postgres_url) as store:
        await add(store, "one")
    await execute(postgres_url, "INSERT INTO training_bot_schema VALUES (9999)")
    with pytest.raises(DatabaseError, match=r"has schema 9999, .* only up to 0002.*newer version"):
        async with open_store(postgres_url):
            pass
    await execute(postgres_url, "DELETE FROM training_bot_schema WHERE version = 9999")
    async with open_store(postgres_url) as store:
        assert await store.get("one") is not None


@pytest.mark.parametrize("table", ["training_bot_work", "training_bot_version"])
async def test_the_tables_of_the_old_journal_are_refused_in_words(
    postgres_url: str, table: str
) -> None:
    await execute(postgres_url, f"CREATE TABLE {table} (id int)")
    with pytest.raises(DatabaseError, match=r"unreleased version.*set DATABASE_URL"):
        async with open_store(postgres_url):
            pass
    rows = await execute(
        postgres_url, "SELECT count(*) FROM pg_tables WHERE tablename ~ '^training'"
    )
    assert rows[0][0] == 1


async def test_processes_that_start_together_share_one_migration(postgres_url: str) -> None:
    async def start(number: int) -> None:
        async with open_store(postgres_url) as store:
            await add(store, f"{number}")

    await asyncio.gather(*(start(number) for number in range(5)))
    rows = await execute(postgres_url, "SELECT version FROM training_bot_schema")
    assert [row[0] for row in rows] == [number for number, _ in MIGRATIONS]


async def test_a_process_that_migrates_for_too_long_is_named(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("SELECT pg_advisory_lock(4205881316030211)")
    with pytest.raises(DatabaseError, match=r"migrates the database.*within 0\.2 s"):
        async with open_postgres(postgres_url, wait=0.2):
            pass
    await connection.close()


# Poolers


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_breaks_sessions_is_refused_with_the_cure(
    pgbouncer_program: str, postgres_url: str, mode: str
) -> None:
    with pooled(pgbouncer_program, postgres_url, mode) as url:
        for _ in range(3):  # the second start as well, which finds the pool filled
            with pytest.raises(DatabaseError, match=r"direct address, or set pool_mode = session"):
                async with open_store(url):
                    pass


async def test_a_pooler_that_keeps_sessions_is_used(
    pgbouncer_program: str, postgres_url: str
) -> None:
    with pooled(pgbouncer_program, postgres_url, "session") as url:
        for number in range(2):
            async with replica(url) as (one, _), replica(url) as (two, _):
                heard = asyncio.Event()
                two.subscribe("teams", heard.set)
                assert await add(one, f"{number}")
                one.publish("teams")
                await asyncio.wait_for(heard.wait(), 5)


# The server is away


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stopped", "hung"])
async def test_a_server_that_is_away_fails_soon_and_the_store_recovers(
    postgres: Postgres, postgres_url: str, how: str
) -> None:
    async with replica(postgres_url) as (store, _):
        lost: list[int] = []
        store.subscribe(LEASE_LOST, lambda: lost.append(1))
        await add(store, "before")
        if how == "stopped":
            postgres.stop()
        else:
            postgres.hang()
        asked = time.monotonic()
        kept = store.submit(Enqueue("kept", "open", {}, QUEUE))
        refusals = await asyncio.gather(
            *(add(store, f"{n}") for n in range(20)), return_exceptions=True
        )
        assert {type(refusal) for refusal in refusals} == {StoreUnavailableError}
        assert time.monotonic() - asked < 2.5  # Slack waits 3 s for the ack
        with pytest.raises(StoreUnavailableError):
            await store.read("teams", "a")
        await until(lambda: store.problem)
        if how == "stopped":
            postgres.start()
        else:
            postgres.go_on()
        await asyncio.wait_for(kept.written, 20)
        await until(lambda: store.problem is None)
        assert await add(store, "after")
        assert not lost


@pytest.mark.slow
async def test_the_end_does_not_wait_for_a_server_that_hangs(
    postgres: Postgres, postgres_url: str
) -> None:
    async with open_postgres(postgres_url, wait=5):
        postgres.hang()
        asked = time.monotonic()
    assert time.monotonic() - asked < 3


async def test_a_refused_write_is_known_not_to_have_happened(postgres_url: str) -> None:
    async with replica(postgres_url) as (store, _):
        name = postgres_url.rpartition("/")[2]
        other = postgres_url.replace(name, "postgres")
        await execute(
            other,
            f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )
        with pytest.raises(StoreUnavailableError, match="not currently accepting") as raised:
            await add(store, "one")
        assert not raised.value.outcome_unknown
        await execute(other, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert await add(store, "one")
        await until(lambda: store.problem is None)
