"""Settings: where they come from, and a line of help for each that cannot be used."""

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import certifi
import pytest

from bot.durable.database_url import passwords, read_url, without_password
from bot.settings import BadSettingsError, Settings, ignored, load_settings

GOOD = {
    "SLACK_BOT_TOKEN": "xoxb-00000-bot-token",
    "SLACK_SIGNING_SECRET": "0000-signing-secret",
    "BASETEN_API_KEY": "00000000.api-key",
}
APP_TOKEN = "xapp-00000-app-token"
OUTSIDE = {
    *("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    "OTEL_EXPORTER_OTLP_ENDPOINT",
}
NAMES = [name.upper() for name in Settings.model_fields]
NO_ADDRESSES = [  # the bot cannot add the path of an endpoint to them
    *("https://zq7:zq8@x.y/v1?zq9=1", "https://zq7@x.y", "https://:zq7@x.y", "https://@x.y"),
    *("https://x.y?zq7=1", "https://x.y/v1?", "https://x.y/v1#zq7", "https://x.y#"),
    *("https://x.y/v1 # zq7", "https://x.y/zq7 /v1", "https://zq7 .y", "https://x.\ty"),
    *("https:///zq7/v1", "https://?", "https:zq7.y", "https:/zq7.y", "https://x.y\\zq7"),
    *("https://x..zq7", f"https://{'zq7' * 22}.y", "https://.zq7", "https://x.y:77777"),
    *("https://x.y:-1", "https://x.y:zq7", "//x.y", "x.y:443"),
]


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand in an empty directory with none of the settings, and none from this machine."""
    for name in list(os.environ):
        if name.upper() in NAMES or name.upper() in OUTSIDE:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which a bot can run."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def complaints() -> list[str]:
    with pytest.raises(BadSettingsError) as refused:
        load_settings()
    assert str(refused.value) == "\n".join(refused.value.lines)
    return refused.value.lines


@pytest.mark.usefixtures("good")
def test_three_settings_are_enough_for_http_mode() -> None:
    settings = load_settings()
    assert not settings.socket_mode
    assert settings.slack_bot_token.get_secret_value() == GOOD["SLACK_BOT_TOKEN"]
    assert settings.baseten_api_key.get_secret_value() == GOOD["BASETEN_API_KEY"]
    assert str(settings.slack_api_url) == "https://slack.com/api/"
    assert str(settings.baseten_api_url) == "https://api.baseten.co/"
    assert (settings.host, settings.port) == ("0.0.0.0", 3000)  # noqa: S104
    assert (settings.log_level, settings.log_format) == ("info", None)
    assert 0 < settings.baseten_timeout <= 45


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:9102/api/", "http://localhost:9102", "http://[::1]:9102/"),
        *("https://x.y", "https://x.y:8443/a/b;c=d", "HTTPS://x.y", " https://x.y "),
    ],
)
@pytest.mark.parametrize("name", ["SLACK_API_URL", "BASETEN_API_URL"])
def test_an_address_is_https_or_of_this_machine(
    good: pytest.MonkeyPatch, name: str, url: str
) -> None:
    good.setenv(name, url)
    given = url.strip().rstrip("/").replace("HTTPS", "https")
    assert str(getattr(load_settings(), name.lower())).rstrip("/") == given


def test_the_line_of_an_open_address_names_the_cure(good: pytest.MonkeyPatch) -> None:
    good.setenv("BASETEN_API_URL", "http://example.com")
    (line,) = complaints()
    assert "give an https address (http only on this machine), without a user" in line


def test_an_app_token_means_socket_mode_with_or_without_a_signing_secret(
    good: pytest.MonkeyPatch,
) -> None:
    good.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    assert load_settings().socket_mode
    good.delenv("SLACK_SIGNING_SECRET")
    assert load_settings().socket_mode


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GOOD])
def test_an_empty_optional_setting_is_an_unset_one(good: pytest.MonkeyPatch, name: str) -> None:
    unset = load_settings()
    good.setenv(name, "")
    assert load_settings() == unset


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [None, "", "  ", "\t\n"])
def test_a_missing_or_empty_setting_has_one_line(
    good: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    if value is None:
        good.delenv(name)
    else:
        good.setenv(name, value)
    (line,) = complaints()
    assert line.startswith(f"{name} is missing or empty: ")


def test_the_missing_signing_secrets_line_names_socket_mode_as_the_other_way(
    good: pytest.MonkeyPatch,
) -> None:
    good.delenv("SLACK_SIGNING_SECRET")
    (line,) = complaints()
    assert "SLACK_APP_TOKEN" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_BOT_TOKEN", "xoxp-zq7-user-token"),
        ("SLACK_BOT_TOKEN", "xapp-zq7-app-token"),
        ("SLACK_BOT_TOKEN", "xoxb-zq7 with space"),
        ("SLACK_BOT_TOKEN", "xoxb-zq7-\N{EN DASH}-dash"),
        ("SLACK_BOT_TOKEN", "xoxb-zq7\nX-Header: 1"),
        ("SLACK_SIGNING_SECRET", "zq7 with space"),
        ("SLACK_SIGNING_SECRET", "zq7-é"),
        ("SLACK_SIGNING_SECRET", '"zq7'),
        ("SLACK_SIGNING_SECRET", "zq7'"),
        ("SLACK_SIGNING_SECRET", "\"'zq7'\""),
        ("SLACK_SIGNING_SECRET", "`zq7`"),
        ("BASETEN_API_KEY", "'zq7\""),
        ("SLACK_APP_TOKEN", "xoxb-zq7-bot-token"),
        ("SLACK_APP_TOKEN", "zq7"),
        ("SLACK_API_URL", "zq7"),
        ("SLACK_API_URL", "ftp://zq7.example.com"),
        ("SLACK_API_URL", "http://zq7.example.com/api/"),
        ("SLACK_API_URL", "http://127.0.0.1.zq7.example.com/api/"),
        ("SLACK_API_URL", "http://10.0.0.1/zq7"),
        ("BASETEN_API_URL", "http://zq7.example.com"),
        ("BASETEN_API_URL", "http://localhost.zq7.example.com"),
        ("BASETEN_PER_SECOND", "-77"),
        ("BASETEN_API_KEY", "zq7 with space"),
        ("BASETEN_API_KEY", "zq7\x07bell"),
        ("BASETEN_API_URL", "api.zq7.example.com"),
        ("BASETEN_API_URL", "https://"),
        *((name, url) for name in ("SLACK_API_URL", "BASETEN_API_URL") for url in NO_ADDRESSES),
        ("BASETEN_TIMEOUT", "zq7"),
        ("BASETEN_TIMEOUT", "0"),
        ("BASETEN_TIMEOUT", "-77.5"),
        ("BASETEN_TIMEOUT", "777.5"),
        ("BASETEN_TIMEOUT", "nan"),
        ("BASETEN_TIMEOUT", "inf"),
        ("HOST", "   "),
        ("HOST", "127.zq7..1"),
        ("METRICS_HOST", "zq7" * 22),
        ("PORT", "zq7"),
        ("PORT", "-77"),
        ("PORT", "77777"),
        ("METRICS_PORT", "zq7"),
        ("METRICS_PORT", "77777"),
        ("METRICS_HOST", "zq7 zq8"),
        ("PORT", "777.5"),
        ("LOG_LEVEL", "zq7"),
        ("LOG_FORMAT", "zq7"),
    ],
)
def test_a_malformed_setting_has_one_line_without_its_value(
    good: pytest.MonkeyPatch, name: str, value: str
) -> None:
    good.setenv(name, value)
    (line,) = complaints()
    assert line.startswith(f"{name} is malformed: ")
    assert "\n" not in line
    assert "zq7" not in line
    assert "77" not in line
    for other in GOOD.values():
        assert other not in line


def test_everything_wrong_is_told_at_once_a_line_each(good: pytest.MonkeyPatch) -> None:
    good.delenv("SLACK_BOT_TOKEN")
    good.setenv("SLACK_SIGNING_SECRET", "")
    good.setenv("BASETEN_API_KEY", "zq7 zq7")
    good.setenv("PORT", "zq7")
    lines = complaints()
    assert sorted(line.split()[0] for line in lines) == [
        "BASETEN_API_KEY",
        "PORT",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
    ]
    assert "zq7" not in "".join(lines)


def test_a_malformed_app_token_is_not_also_a_missing_signing_secret(
    good: pytest.MonkeyPatch,
) -> None:
    good.delenv("SLACK_SIGNING_SECRET")
    good.setenv("SLACK_APP_TOKEN", "zq7")
    (line,) = complaints()
    assert line.startswith("SLACK_APP_TOKEN is malformed")


@pytest.mark.parametrize("token", ["xoxb-1-2-abc", "xoxe.xoxb-1-abc", "  xoxb-1-2-abc\n"])
def test_every_kind_of_bot_token_is_taken_and_stripped(
    good: pytest.MonkeyPatch, token: str
) -> None:
    good.setenv("SLACK_BOT_TOKEN", token)
    assert load_settings().slack_bot_token.get_secret_value() == token.strip()


def test_words_may_be_in_any_case(good: pytest.MonkeyPatch) -> None:
    good.setenv("LOG_LEVEL", " Debug ")
    good.setenv("LOG_FORMAT", "JSON")
    settings = load_settings()
    assert (settings.log_level, settings.log_format) == ("debug", "json")


def test_settings_are_read_from_a_dotenv_file_in_the_working_directory(tmp_path: Path) -> None:
    lines = [*(f'{name}="{value}"' for name, value in GOOD.items()), "# a note", "UNKNOWN=1", ""]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    assert load_settings().secrets == list(GOOD.values())


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", GOOD)
def test_a_matching_pair_of_quotes_is_removed(
    good: pytest.MonkeyPatch, tmp_path: Path, name: str, quote: str
) -> None:
    quoted = f" {quote}{GOOD[name]}{quote} "
    good.setenv(name, quoted)
    assert load_settings().secrets == list(GOOD.values())
    good.delenv(name)
    files = secrets_directory(tmp_path, {name: quoted})
    assert load_settings(files).secrets == list(GOOD.values())


def test_quotes_around_nothing_are_an_unset_value_and_one_quote_stays(
    good: pytest.MonkeyPatch,
) -> None:
    good.setenv("SLACK_APP_TOKEN", '""')
    good.setenv("PORT", "''")
    good.setenv("COMMAND", "'/lab'")
    good.setenv("CONTACT", "'the 'ml' team")
    settings = load_settings()
    assert (settings.socket_mode, settings.port, settings.command) == (False, 3000, "/lab")
    assert settings.contact == "'the 'ml' team"
    good.setenv("BASETEN_API_KEY", "''")
    (line,) = complaints()
    assert line.startswith("BASETEN_API_KEY is missing or empty")


def test_a_dotenv_file_of_windows_is_read(tmp_path: Path) -> None:
    text = "\r\n".join(f"{name}={value}" for name, value in GOOD.items())
    (tmp_path / ".env").write_text(text, encoding="utf-8-sig")
    assert load_settings().secrets == list(GOOD.values())


def test_the_environment_beats_the_dotenv_file(good: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1111\nHOST=here\n", encoding="utf-8")
    good.setenv("PORT", "2222")
    settings = load_settings()
    assert (settings.host, settings.port) == ("here", 2222)


def test_a_dotenv_file_that_is_not_text_has_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("SLACK_BOT_TOKEN=zq7".encode("utf-16"))
    (line,) = complaints()
    assert line.startswith(".env")
    assert "zq7" not in line


def secrets_directory(tmp_path: Path, files: dict[str, str]) -> Path:
    directory = tmp_path / "secrets"
    directory.mkdir()
    for name, value in files.items():
        (directory / name).write_text(value, encoding="utf-8")
    return directory


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_settings_are_read_from_files_of_a_secrets_directory(
    tmp_path: Path, case: type[str]
) -> None:
    files = {case(name): f"{value}\n" for name, value in GOOD.items()}
    settings = Settings(_secrets_dir=secrets_directory(tmp_path, files))
    assert settings.secrets == list(GOOD.values())


def test_an_empty_file_for_an_optional_secret_is_an_unset_one(tmp_path: Path) -> None:
    directory = secrets_directory(tmp_path, GOOD | {"SLACK_APP_TOKEN": ""})
    assert not Settings(_secrets_dir=directory).socket_mode


@pytest.mark.parametrize("name", GOOD)
def test_a_secrets_file_of_windows_or_kubernetes_is_read(tmp_path: Path, name: str) -> None:
    """Windows writes a byte order mark and CRLF; Kubernetes mounts links to links."""
    directory = secrets_directory(tmp_path, GOOD)
    (directory / "..data").mkdir()
    (directory / name).rename(directory / "..data" / name)
    (directory / name).symlink_to(f"..data/{name}")
    (directory / name).write_text(f'"{GOOD[name]}"\r\n', encoding="utf-8-sig")
    assert load_settings(directory).secrets == list(GOOD.values())
    assert ignored(directory) == []


def test_the_environment_beats_the_secrets_directory(
    good: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-environment")
    settings = Settings(_secrets_dir=secrets_directory(tmp_path, GOOD))
    assert settings.slack_bot_token.get_secret_value() == "xoxb-of-the-environment"


def test_the_secrets_are_the_four_values_to_hide_and_no_drawing_shows_them(
    good: pytest.MonkeyPatch,
) -> None:
    good.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    settings = load_settings()
    assert sorted(settings.secrets) == sorted([*GOOD.values(), APP_TOKEN])
    for drawn in (repr(settings), str(settings), settings.model_dump_json()):
        assert not [secret for secret in settings.secrets if secret in drawn]


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("password", ["p%40ssw0rd!", "p#ssw0rd", "p?ss/w0rd", "p[ss:w0rd"])
@pytest.mark.parametrize("query", ["", "?application_name=a@b"])
def test_the_databases_password_is_a_secret_too(
    good: pytest.MonkeyPatch, password: str, query: str
) -> None:
    url = f"postgresql://bot:{password}@db.example.com:5432/bot{query}"
    good.setenv("DATABASE_URL", url)
    assert set(load_settings().secrets) >= {password, unquote(password)}
    read = read_url(url)
    address = urlsplit(read)
    assert unquote(address.password or "") == unquote(password)
    assert (address.hostname, address.port, address.path) == ("db.example.com", 5432, "/bot")
    assert read_url(read) == read
    assert password not in without_password(url)
    assert quote(password, safe="%!") not in without_password(url)


def test_a_password_among_the_parameters_is_a_secret_too() -> None:
    url = "postgresql://h/db?user=bot&password=p%40w&sslmode=require&sslpassword=zq7"
    assert passwords(url) == {"p%40w", "p@w", "zq7"}
    hidden = "postgresql://h/db?user=bot&password=***&sslmode=require&sslpassword=***"
    assert without_password(url) == hidden


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example.com/bot",
        "postgresql://bot@db.example.com/bot?sslmode=require",
        "sqlite:///data/bot.db",
        "sqlite:////var/lib/bot.db",
    ],
)
def test_an_address_without_a_password_is_read_as_it_is(url: str) -> None:
    assert read_url(url) == without_password(url) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://bot@db.example.com/bot", "must begin with sqlite:/// or postgresql://"),
        ("postgresql://bot:secret@pw:x@h/db", "is not a URL: give sqlite:///"),
        ("postgresql://bot:p@pw@h/db", "is not a URL: give sqlite:///"),
        ("postgresql://bot:pw@h:abc/db", "is not a URL: give sqlite:///"),
        ("sqlite://", "must name a file, such as sqlite:///"),
        ("sqlite://data/pw.db", "needs three slashes before a file's name"),
        ("postgresql://bot:p#a/pw", "is not a URL: give sqlite:///"),
        ("postgresql://h/db#pw", "is not a URL: give sqlite:///"),
        ("data/bot.db", "is not a URL"),
    ],
)
def test_why_an_address_is_no_databases_is_said_without_a_word_of_it(
    good: pytest.MonkeyPatch, url: str, why: str
) -> None:
    good.setenv("DATABASE_URL", url)
    (line,) = complaints()
    assert line.startswith(f"DATABASE_URL {why}")
    assert ("such as %40 for @" in line) == ("not a URL" in line)
    assert "pw" not in line


@pytest.mark.parametrize("ending", ["", "/", "//", "/v1", "/v1/", "/v1//", "//v1", "/V1"])
@pytest.mark.parametrize(
    "url", ["https://api.example.com", "https://example.com/baseten", "https://v1"]
)
def test_the_api_url_may_end_with_its_version(
    good: pytest.MonkeyPatch, url: str, ending: str
) -> None:
    good.setenv("BASETEN_API_URL", url + ending)
    assert str(load_settings().baseten_api_url).rstrip("/") == url


@pytest.mark.parametrize(
    ("name", "level"),
    [
        *(("WARN", "warning"), ("Critical", "critical"), ("FATAL", "critical")),
        *(("NOTSET", "debug"), ("10", "debug"), (" 20 ", "info"), ("30", "warning")),
        *(("40", "error"), ("50", "critical")),
    ],
)
def test_the_level_has_any_of_pythons_names_and_numbers(
    good: pytest.MonkeyPatch, name: str, level: str
) -> None:
    good.setenv("LOG_LEVEL", name)
    assert load_settings().log_level == level


@pytest.mark.parametrize("name", ["COMMAND", "JOBS_COMMAND"])
def test_two_commands_with_one_name_are_refused(good: pytest.MonkeyPatch, name: str) -> None:
    good.setenv(name, "/training-project" if name == "JOBS_COMMAND" else "/training-jobs")
    (line,) = complaints()
    assert line == "JOBS_COMMAND is the same as COMMAND: give another slash command"


def test_an_address_may_have_the_brackets_of_a_url(good: pytest.MonkeyPatch) -> None:
    good.setenv("HOST", "[::]")
    good.setenv("METRICS_HOST", "[::1]")
    assert (load_settings().host, load_settings().metrics_host) == ("::", "::1")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SLACK_BOTTOKEN", "SLACK_BOT_TOKEN"),
        ("slack-bot-token", "SLACK_BOT_TOKEN"),
        ("SLACK_BOT_USER_OAUTH_TOKEN", "SLACK_BOT_TOKEN"),
        ("SLACK_BOT_TOKEN_FILE", "SLACK_BOT_TOKEN"),
        ("SLACK_SIGNING_SECERT", "SLACK_SIGNING_SECRET"),
        ("SLACK_SIGNNG_SECRE", "SLACK_SIGNING_SECRET"),
        ("SLACK_SECRET", "SLACK_SIGNING_SECRET"),
        ("BASETEN_KEY", "BASETEN_API_KEY"),
        ("BASETEN_APIKEY", "BASETEN_API_KEY"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("SHUTDOWN_SECOND", "SHUTDOWN_SECONDS"),
    ],
)
def test_a_name_that_is_nearly_a_settings_is_reported(
    good: pytest.MonkeyPatch, tmp_path: Path, name: str, meant: str
) -> None:
    good.setenv(name, "zq7")
    (found,) = ignored()
    assert (found.name, f"did you mean {meant}?" in found.why) == (name, True)
    assert "zq7" not in found.why
    good.delenv(name)
    (tmp_path / ".env").write_text(f"# {name}=1\nexport {name} = zq7\n", encoding="utf-8")
    (found,) = ignored()
    assert (found.name, ".env" in found.why) == (name, True)


@pytest.mark.parametrize("name", ["slack-bot-token", "slack_bot_token.txt", "SLACK_BOT_TOKN"])
def test_a_secrets_file_with_nearly_the_name_of_a_setting_is_reported(
    tmp_path: Path, name: str
) -> None:
    others = {"redhat.repo": "", "kubernetes.io": ""}
    files = GOOD | others | {name: "xoxb-zq7"}
    del files["SLACK_BOT_TOKEN"]
    with pytest.raises(BadSettingsError) as refused:
        load_settings(secrets_directory(tmp_path, files))
    missing, hint = refused.value.lines
    assert missing.startswith("SLACK_BOT_TOKEN is missing")
    assert hint.startswith(f"{name} is ignored: ")
    assert "did you mean SLACK_BOT_TOKEN? (in " in hint
    assert "zq7" not in hint


def test_a_setting_that_two_variables_give_is_reported(good: pytest.MonkeyPatch) -> None:
    good.setenv("port", "1111")
    good.setenv("PORT", "2222")  # the later one
    (found,) = ignored()
    assert (found.name, found.why) == ("port", "PORT gives the same setting; remove one of them")
    assert load_settings().port == 2222


@pytest.mark.usefixtures("good")
def test_a_secrets_file_whose_setting_the_environment_gives_is_reported(tmp_path: Path) -> None:
    (found,) = ignored(secrets_directory(tmp_path, {"baseten_api_key": "zq7"}))
    assert found.name == "baseten_api_key"
    assert found.why == "the environment gives the same setting; remove one of them"


@pytest.mark.parametrize("wrong", ['BASETEN_API_KEY="zq7', "BASETEN_API_KEY: zq7", "zq7 zq7"])
def test_a_wrong_line_of_the_dotenv_file_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    (tmp_path / ".env").write_text(f"# one\nPORT=1\n{wrong}\nHOST=here\n", encoding="utf-8")
    hints = [line for line in complaints() if "ignored" in line]
    (hint,) = hints
    assert hint.startswith("line 3 of .env is ignored: it is not of the form NAME=value, or a quot")
    assert caplog.messages == []


def test_names_of_other_programs_are_not_reported(good: pytest.MonkeyPatch) -> None:
    others = (
        *("HOSTNAME", "HOSTS", "HOST_IP", "HOSTTYPE", "PORTAL_URL", "PORTS", "KUBERNETES_PORT"),
        *("SLACK_API_TOKEN", "SLACK_TOKEN", "SLACK_CLIENT_SECRET", "SLACK_CLIENT_ID"),
        *("SLACK_USER_TOKEN", "SLACK_CHANNEL", "SLACK_WEBHOOK_URL", "SLACK_APP_ID"),
        *("BASETEN_PROJECT", "BASETEN_REMOTE", "TEST_DATABASE_URL", "DATABASE_HOST", "DB_URL"),
        *("PROMPT_COMMAND", "COMMAND_MODE", "SUDO_COMMAND", "CONTACTS", "LOG_DIR", "LOGNAME"),
        *("RUST_LOG", "SHLVL", "PERSON", "WATCH", "_", "PATH", "SSL_CERT_FILES"),
    )
    for name in others:
        good.setenv(name, "1")
    assert ignored() == []


def test_a_missing_setting_comes_with_the_name_that_was_nearly_it(
    good: pytest.MonkeyPatch,
) -> None:
    good.delenv("BASETEN_API_KEY")
    good.setenv("BASETEN_KEY", "zq7")
    missing, hint = complaints()
    assert missing.startswith("BASETEN_API_KEY is missing")
    assert hint.startswith("BASETEN_KEY is ignored: ")
    assert "zq7" not in hint


@pytest.mark.parametrize(
    ("proxy", "problem"),
    [
        ("proxy.zq7:3128", "has no scheme"),
        ('"http://zq7:1"', "has quotes or spaces around it"),
        (" http://zq7:1", "has quotes or spaces around it"),
        ("http://zq7:port", "has no valid host and port"),
        ("http://zq7:99999", "has no valid host and port"),
        ("http://:3128", "has no valid host and port"),
        ("http:///zq7", "has no valid host and port"),
        ("http://proxy..zq7:3128", "has no valid host and port"),
        ("http://u:zq#7@proxy:3128", "has no valid host and port"),
        ("socks5://zq7:1", "begins with socks5://"),
        ("https://zq7:1", "begins with https://"),
    ],
)
def test_a_proxy_that_cannot_be_used_has_one_line(
    good: pytest.MonkeyPatch, proxy: str, problem: str
) -> None:
    good.setenv("HTTPS_PROXY", proxy)
    (line,) = complaints()
    assert line.startswith(f"HTTPS_PROXY {problem}: give http://")
    assert "zq7" not in line
    good.setenv("HTTPS_PROXY", "http://user:word@proxy:3128")
    load_settings()


def test_what_breaks_each_request_beside_a_proxy_has_one_line(good: pytest.MonkeyPatch) -> None:
    good.setenv("HTTPS_PROXY", "http://proxy:3128")
    good.setenv("HTTP_PROXY", "http://zq7:port")
    good.setenv("NO_PROXY", "'zq7,localhost'")
    address, quotes = complaints()
    assert address.startswith("HTTP_PROXY is no address: give http://")
    assert quotes == "NO_PROXY has quotes around it: remove them"
    assert "zq7" not in address
    good.setenv("HTTP_PROXY", "proxy:3128")  # the bot does not use it
    good.setenv("NO_PROXY", " localhost, .example.com")
    load_settings()


@pytest.mark.parametrize(
    "name", ["HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"]
)
def test_a_variable_that_counts_only_in_the_environment_is_reported_in_a_file(
    good: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / ".env").write_text(f"{name}=zq7\n", encoding="utf-8")
    files = secrets_directory(tmp_path, {name.lower(): "zq7"})
    in_dotenv, in_secrets = ignored(files)
    assert (in_dotenv.name, in_secrets.name) == (name, name.lower())
    assert in_dotenv.why == "only the environment can set it, and .env does not"
    assert "secrets" in in_secrets.why
    good.setenv(name, certifi.where() if "CERT" in name else "http://zq7:1")  # as `set -a` does
    assert ignored(files) == []


def test_an_empty_folder_in_place_of_the_dotenv_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    missing = [line for line in complaints() if line.startswith(".env is ignored")]
    assert "it is an empty folder: Docker makes one" in missing[0]
    (tmp_path / ".env" / "pyvenv.cfg").touch()  # some have a virtual environment there
    assert ignored() == []


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy"])
def test_a_proxy_for_everything_is_reported(good: pytest.MonkeyPatch, name: str) -> None:
    good.setenv(name, "socks5://zq7:1")
    (found,) = ignored()
    assert (found.name, "zq7" in found.why) == ("ALL_PROXY", False)
    good.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert ignored() == []


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nzq7\n"])
def test_a_file_without_certificates_is_reported(
    good: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "zq7.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    for value in (str(file), str(tmp_path), f'"{certifi.where()}"'):
        good.setenv("SSL_CERT_FILE", value)
        (found,) = ignored()
        assert (found.name, "zq7" in found.why) == ("SSL_CERT_FILE", False)
    good.setenv("SSL_CERT_FILE", certifi.where())
    assert ignored() == []


def test_folders_of_certificates_are_reported_if_none_exists(
    good: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good.setenv("SSL_CERT_DIR", f"{tmp_path}/zq7")
    (found,) = ignored()
    assert (found.name, "zq7" in found.why) == ("SSL_CERT_DIR", False)
    good.setenv("SSL_CERT_DIR", f"{tmp_path}/zq7{os.pathsep}{tmp_path}")
    assert ignored() == []


@pytest.mark.parametrize("kind", ["pipe", "device", "large", "lost link"])
@pytest.mark.parametrize("name", [".env", "secrets/slack_bot_token"])
def test_a_file_that_has_no_end_or_does_not_exist_has_one_line(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / "secrets").mkdir()
    file = tmp_path / name
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "lost link":
            file.symlink_to("nowhere")
        case _:
            file.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(BadSettingsError) as refused:
        load_settings(tmp_path / "secrets")
    (line,) = refused.value.lines
    assert f"{Path(name).name} cannot be read: " in line


@pytest.mark.usefixtures("good")
def test_an_empty_device_in_place_of_the_dotenv_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(os.devnull)
    assert load_settings().port == 3000


@pytest.mark.usefixtures("good")
def test_a_folder_in_place_of_a_secret_has_one_line(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "slack_bot_token").mkdir(parents=True)
    with pytest.raises(BadSettingsError) as refused:
        load_settings(tmp_path / "secrets")
    (line,) = refused.value.lines
    assert "slack_bot_token is a folder" in line
